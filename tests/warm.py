"""A Python that has imported the heavy libraries already: a stage starts in no time instead of in six seconds.

`warm_python` yields a folder for PATH with a program named `python`. It hands its arguments, environment, working
directory and standard channels to a server, which forks itself and runs the module as `python -m module` would.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["warm_python"]

# Nothing of our own: each stage must import the modules of the clone that it runs in.
_LIBRARIES = (
    "cleanlab.filter",
    "matplotlib.figure",
    "pydantic",
    "skimage.feature",
    "sklearn.metrics",
    "timm",
    "torch",
    "torchvision",
)
_CLIENT = """#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
server.sendall(request)
sys.exit(int.from_bytes(server.recv(1) or b"\\1", "big"))
"""


@contextmanager
def warm_python() -> Iterator[Path]:
    """Yield the folder. Both it and the server are gone when the context ends."""
    # Not below pytest's folders: the address of a socket may have a hundred characters at most.
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "socket"
        program = Path(folder) / "python"
        program.write_text(_CLIENT.format(python=sys.executable, address=str(address)), encoding="utf-8")
        program.chmod(0o755)
        # What libraries read while they are loaded must be what the stages would give them.
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        server = subprocess.Popen([sys.executable, __file__, address], env=environment)
        try:
            while not address.exists():
                assert server.poll() is None, "the server ended before it was warm"
                time.sleep(0.05)
            yield Path(folder)
        finally:
            server.kill()
            server.wait()


def _serve(address: str) -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: their clients hear from them
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        while True:
            client, _ = listener.accept()
            with client:
                if os.fork() == 0:
                    listener.close()
                    _answer(client)


def _answer(client: socket.socket) -> None:
    """In the child: run the script that the client asks for, tell it the exit code, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, channels, _, _ = socket.recv_fds(client, 4, 3)
    with client.makefile("rb") as stream:
        arguments, directory, environment = json.loads(stream.read(int.from_bytes(header, "big")))
    for number, channel in enumerate(channels):
        os.dup2(channel, number)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    option, module, *rest = arguments
    assert option == "-m", "stages are run as modules"
    sys.argv = [module, *rest]
    sys.path[:1] = [directory, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    client.sendall(bytes([code if isinstance(code, int) else 1]))
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
