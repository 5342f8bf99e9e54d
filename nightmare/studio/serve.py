"""Serving the studio: which address, whose token, and a clean end."""

import ipaddress
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import uvicorn

from nightmare.errors import InputError
from nightmare.studio.models import find_networks
from nightmare.studio.shell import LOOPBACK, Studio, create_app

__all__ = ["read_token", "serve", "serve_studio"]

_SHORTEST = 16  # characters of a token
_EVERYWHERE = {"0.0.0.0": socket.AF_INET, "[::]": socket.AF_INET6}  # noqa: S104 (compared, not bound)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    name = _bracketed(host)
    if token is None and name not in LOOPBACK:
        raise InputError(f"{host} is open to others: give a token with --token-file, or leave --listen out")
    networks = find_networks(root / "models", root / "reports")
    serve_studio(Studio(root, networks, hosts=_names(name), token=token), host=host, port=port, tell=tell)


def serve_studio(studio: Studio, *, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. `tell` hears the address when it answers, with the first name of `studio`; port 0 is any
    free one.

    Raises `InputError` for an address that cannot be had.
    """
    listening = _bound(host, port)
    address = f"http://{studio.hosts[0]}:{listening.getsockname()[1]}/"
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
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{host} port {port}: {reason}: give another with --port") from None


def _names(host: str) -> tuple[str, ...]:
    """What may stand in the header Host, the one to be printed first; of all addresses at once this machine's."""
    if host not in _EVERYWHERE:
        return (host, *LOOPBACK)
    found = sorted(_addresses(_EVERYWHERE[host]), key=lambda address: (address.is_loopback, address.is_link_local))
    return (*map(_bracketed, map(str, found)), socket.gethostname(), *LOOPBACK)


def _addresses(family: socket.AddressFamily) -> list[_Address]:
    """Of this machine's interfaces. Raises `InputError` where the system does not tell."""
    try:
        interfaces = psutil.net_if_addrs()
    except OSError as error:
        raise InputError(f"the addresses of this machine cannot be read: {error}: name one with --listen") from None
    return [
        ipaddress.ip_address(each.address.partition("%")[0])  # without the name of the interface
        for addresses in interfaces.values()
        for each in addresses
        if each.family == family
    ]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
