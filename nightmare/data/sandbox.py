"""Decoding in a process of its own, with limits on memory and time, so that a hostile file costs one row, not a run.

`decode_all` starts `python -m nightmare.data.sandbox` and talks with it over pipes. A request is a line of JSON and
the bytes of one file, an answer a line of JSON and plain pixels: nothing that comes back is ever executed. When the
process dies, the file that killed it is refused and another process goes on with the next one.
"""

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from PIL import Image

from nightmare.data.decode import Decoded, decode
from nightmare.errors import ImageError

__all__ = ["decode_all"]

_MEMORY = 4 << 30
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


def decode_all(
    files: Iterable[tuple[bytes, str]], *, pixels: int, megapixels: float, seconds: int = 20
) -> Iterator[Decoded | ImageError]:
    """`decode` for each file (bytes, media) in its order, refusals returned instead of raised.

    A file may use `seconds` of processor time and 4 GiB of memory.
    """
    process = None
    try:
        for data, media in files:
            process = process or _start()
            request = {"media": media, "pixels": pixels, "megapixels": megapixels, "seconds": seconds}
            try:
                yield _ask(process, request, data)
            except (BrokenPipeError, EOFError):
                yield _obituary(process, seconds)
                process = None
    finally:
        if process:
            process.kill()
            process.communicate()


def _start() -> "subprocess.Popen[bytes]":
    # From the folder above the package, so that the child runs the code that the parent runs. Its standard error
    # is noise: C libraries print their complaints about broken files there.
    return subprocess.Popen(
        [sys.executable, "-m", "nightmare.data.sandbox"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_PACKAGE_ROOT,
    )


def _ask(process: "subprocess.Popen[bytes]", request: dict, data: bytes) -> Decoded | ImageError:
    assert process.stdin and process.stdout  # noqa: S101 (pipes were asked for)
    _send(process.stdin, request, data)
    answer, content = _receive(process.stdout)
    if "reason" in answer:
        return ImageError(answer["reason"], answer["detail"])
    image = Image.frombytes(answer["mode"], (answer["width"], answer["height"]), content)
    return Decoded(image, answer["animated"], answer["original_width"], answer["original_height"])


def _obituary(process: "subprocess.Popen[bytes]", seconds: int) -> ImageError:
    process.communicate()
    if process.returncode == -signal.SIGXCPU:
        return ImageError("time", f"decoding took more than {seconds} seconds")
    return ImageError("crash", f"the decoding process ended with code {process.returncode}")


def _send(pipe: IO[bytes], message: dict, content: bytes) -> None:
    pipe.write(json.dumps({**message, "length": len(content)}).encode() + b"\n" + content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict, bytes]:
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    message = json.loads(line)
    content = pipe.read(message["length"])
    if len(content) != message["length"]:
        raise EOFError
    return message, content


def _serve() -> None:
    """The child: answer requests until the pipe closes."""
    with suppress(ValueError, OSError):  # some systems offer no limit on memory
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with suppress(EOFError):
        while True:
            request, data = _receive(sys.stdin.buffer)
            used = resource.getrusage(resource.RUSAGE_SELF)
            wanted = int(used.ru_utime + used.ru_stime) + request["seconds"]
            _, most = resource.getrlimit(resource.RLIMIT_CPU)  # which only root may raise
            limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, most))
            try:
                decoded = decode(
                    data, media=request["media"], pixels=request["pixels"], megapixels=request["megapixels"]
                )
            except ImageError as refusal:
                _send(sys.stdout.buffer, {"reason": refusal.reason, "detail": refusal.detail}, b"")
                continue
            image = decoded.image
            answer = {
                "mode": image.mode,
                "width": image.width,
                "height": image.height,
                "animated": decoded.animated,
                "original_width": decoded.original_width,
                "original_height": decoded.original_height,
            }
            _send(sys.stdout.buffer, answer, image.tobytes())


if __name__ == "__main__":
    _serve()
