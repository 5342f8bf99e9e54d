"""What `nightmare studio` refuses before it opens, and the names that it answers to."""

import socket
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nightmare.cli import app
from nightmare.errors import InputError
from nightmare.studio.serve import read_token, serve


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


def test_command_says_what_is_wrong() -> None:
    done = CliRunner().invoke(app, ["studio", "--listen", "0.0.0.0"])  # noqa: S104 (refused)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == ("error: 0.0.0.0 is open to others: give a token with --token-file, or leave --listen out\n")
