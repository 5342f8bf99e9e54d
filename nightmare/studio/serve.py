"""Serving the studio: which address, whose token, and a clean end."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn

from nightmare.errors import InputError
from nightmare.studio.models import find_networks
from nightmare.studio.shell import LOOPBACK, Studio, create_app

__all__ = ["read_token", "serve", "serve_studio"]

_SHORTEST = 16  # characters of a token


def read_token(file: Path) -> str:
    """The token in `file`. Raises `InputError` where there is none, or one that could be guessed."""
    advice = f"write one with `openssl rand -hex 16 > {file}`"
    try:
        token = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise InputError(f"no token in {file}: {advice}") from None
    if len(token) < _SHORTEST or not token.isascii() or not token.isalnum():
        raise InputError(f"the token in {file} has to be {_SHORTEST} letters and digits or more: {advice}")
    return token


def serve(*, root: Path, host: str, port: int, token: str | None, tell: Callable[[str], None] = print) -> None:
    """`serve_studio` with the project in `root`.

    Raises `InputError` for a host beyond this machine without a token, and for an address that cannot be had.
    """
    name = f"[{host}]" if ":" in host else host
    if token is None and name not in LOOPBACK:
        raise InputError(f"{host} is open to others: give a token with --token-file, or leave --listen out")
    networks = find_networks(root / "models", root / "reports")
    serve_studio(Studio(root, networks, hosts=_names(name), token=token), host=host, port=port, tell=tell)


def serve_studio(studio: Studio, *, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. `tell` hears the address when it answers; port 0 is any free one.

    Raises `InputError` for an address that cannot be had.
    """
    listening = _bound(host, port)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}/"
    login = f"{address}login?token={studio.token}" if studio.token else address
    config = uvicorn.Config(
        create_app(studio), access_log=False, log_level="warning", timeout_graceful_shutdown=1, server_header=False
    )
    try:
        _Server(config, studio.closing, lambda: tell(f"The studio is open at {login}")).run(sockets=[listening])
    except KeyboardInterrupt:
        tell("The studio is closed.")


class _Server(uvicorn.Server):
    """Calls `opened` when it answers, and sets `closing` while those who follow a dream are still connected."""

    def __init__(self, config: uvicorn.Config, closing: threading.Event, opened: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing, self._opened = closing, opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._opened()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)


def _bound(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{host} port {port}: {reason}: give another with --port") from None


def _names(host: str) -> tuple[str, ...]:
    """What may stand in the header Host; of all addresses at once those of this machine."""
    if host in ("0.0.0.0", "[::]"):  # noqa: S104 (compared, not bound)
        return (*LOOPBACK, socket.gethostname(), *socket.gethostbyname_ex(socket.gethostname())[2])
    return (*LOOPBACK, host)
