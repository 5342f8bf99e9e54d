"""What `nightmare studio` refuses before it opens, and the names that it answers to."""

import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from nightmare.cli import app
from nightmare.errors import InputError
from nightmare.studio.serve import read_token, serve
from nightmare.studio.shell import LOOPBACK, Studio

TOKEN = "0123456789abcdef"  # noqa: S105 (of a studio that lives for a test)


def test_token_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    assert read_token(tmp_path / "token") == "0123456789abcdef"


@pytest.mark.parametrize("content", [None, "", "short", "0123456789 abcdef", "0123456789abcd;=", "0123456789abcdéf"])
def test_token_that_could_be_guessed_or_misread_is_refused(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(InputError, match="openssl rand -hex 16 > "):
        read_token(tmp_path / "token")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])  # noqa: S104 (refused)
def test_others_need_a_token(host: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--token-file"):
        serve(root=tmp_path, host=host, port=0, token=None)


def test_port_in_use_is_an_error_in_words(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1 port {port}: .*give another with --port"):
            serve(root=tmp_path, host="127.0.0.1", port=port, token=None)


@pytest.mark.parametrize("host", ["a..b", "no.such.host.invalid"])
def test_name_that_cannot_be_resolved_is_an_error_in_words(host: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{host} port 0: "):
        serve(root=tmp_path, host=host, port=0, token=TOKEN)


INTERFACES = {
    "lo": [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")],
    "eth0": [
        (socket.AF_PACKET, "00:00:00:00:00:00"),
        (socket.AF_INET6, "fe80::1%eth0"),
        (socket.AF_INET, "192.168.1.5"),
        (socket.AF_INET6, "fd00::5"),
    ],
}


@pytest.mark.parametrize(
    ("host", "printed", "all_of_them"),
    [
        ("0.0.0.0", "192.168.1.5", {"192.168.1.5", "127.0.0.1"}),  # noqa: S104 (nothing is bound)
        ("::", "[fd00::5]", {"[fd00::5]", "[fe80::1]", "[::1]"}),
        ("fd00::5", "[fd00::5]", {"[fd00::5]"}),
        ("box.local", "box.local", {"box.local"}),
    ],
)
def test_address_that_is_printed_is_one_that_is_answered_to(
    host: str, printed: str, all_of_them: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Studio] = []
    addresses = {
        name: [SimpleNamespace(family=family, address=address) for family, address in each]
        for name, each in INTERFACES.items()
    }
    monkeypatch.setattr("psutil.net_if_addrs", lambda: addresses)
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    monkeypatch.setattr("nightmare.studio.serve.serve_studio", lambda studio, **_: opened.append(studio))
    serve(root=tmp_path, host=host, port=0, token=TOKEN)
    (studio,) = opened
    assert studio.hosts[0] == printed
    assert set(studio.hosts) - {"box"} == all_of_them | set(LOOPBACK)


def test_addresses_that_the_system_keeps_to_itself_are_an_error_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        raise PermissionError("not here")

    monkeypatch.setattr("psutil.net_if_addrs", refused)
    with pytest.raises(InputError, match="name one with --listen"):
        serve(root=tmp_path, host="0.0.0.0", port=0, token=TOKEN)  # noqa: S104 (nothing is bound)


def test_address_of_every_interface_is_answered(tmp_path: Path) -> None:
    """A studio in a process of its own, since it ends with a signal."""
    command = [
        *(sys.executable, "-c"),
        "import sys; from pathlib import Path; from nightmare.studio.serve import serve;"
        "serve(root=Path(sys.argv[1]), host='0.0.0.0', port=0, token=sys.argv[2],"
        "      tell=lambda text: print(text, flush=True))",
        *(str(tmp_path), TOKEN),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio:
        assert studio.stdout
        address = studio.stdout.readline().rpartition(" ")[2].strip()
        try:
            with urllib.request.build_opener(_Staying, urllib.request.ProxyHandler({})).open(
                address, timeout=20
            ) as answer:
                assert answer.status == 303
        finally:
            studio.send_signal(signal.SIGINT)


class _Staying(urllib.request.HTTPErrorProcessor):
    """No redirect is followed."""

    def http_response(self, request: object, response: Any) -> Any:
        return response


def test_command_says_what_is_wrong() -> None:
    done = CliRunner().invoke(app, ["studio", "--listen", "0.0.0.0"])  # noqa: S104 (refused)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == ("error: 0.0.0.0 is open to others: give a token with --token-file, or leave --listen out\n")
