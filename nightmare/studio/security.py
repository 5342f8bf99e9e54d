"""Who may ask for what: the host that is named, the origin, the token, the size and the pace of a request.

Everything passes here before it reaches Gradio or a route of ours, so that there is one place to get it right.
"""

import asyncio
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nightmare.studio.limits import LIMITS, Limits

__all__ = ["COOKIE", "Guard"]

COOKIE = "nightmare"
_OWN_HEADER = "x-deep-nightmare"
# Gradio's description of itself, which nothing needs, and what writes a file of its own for whoever asks.
_CLOSED = frozenset({"/gradio_api/openapi.json", "/openapi.json", "/gradio_api/deep_link"})
# Of Gradio's own what its page and `gradio_client` post to. Others of its routes put files on the disk.
_POSTS = frozenset({"/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset"})
# 'unsafe-eval': Gradio builds the scripts of its HTML components with `new Function`.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "style-src 'self' 'unsafe-inline'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "connect-src 'self' blob: data:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
# Gradio lets pages of other ports of this machine read its answers.
_SHARING = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
)
_ENDED = {"type": "http.disconnect"}


class Guard:
    """ASGI middleware. `hosts` may stand in the header Host, with any port; `token` is asked for where there is one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Sequence[str],
        token: str | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self.app, self.hosts, self.token = app, frozenset(host.lower() for host in hosts), token
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no WebSocket is spoken here
            return
        headers = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    own[name] = value
                for name in _SHARING:
                    del own[name]
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        await self.app(scope, self._paced(scope, receive), send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if _host(headers.get("host", "")) not in self.hosts:
            return PlainTextResponse("This studio answers to another name.", 400)
        path, posts = scope["path"], scope["method"] not in ("GET", "HEAD")
        if self.token is not None and path == "/login":
            return self._login(scope)
        if self.token is not None and not self._knows_token(headers):
            return _refused(401, "Log in first: open the address that the studio printed when it started.")
        if path in _CLOSED or (posts and not path.startswith("/api/") and path not in _POSTS):
            return _refused(404, "There is nothing here.")
        if not posts:
            return None
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers["host"]:
            return _refused(403, "Another site may not do this.")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return _refused(403, "Another site may not do this.")
        length = headers.get("content-length", "0")
        # Where both are given, HTTP/1.1 says that the length is to be ignored.
        if "transfer-encoding" in headers or not length.isdecimal():
            return _refused(411, "Say how long the body is.")
        most = self._most_bytes(path)
        if int(length) > most:
            return _refused(413, f"That is over {_size(most)}.")
        if path.startswith("/api/") and headers.get(_OWN_HEADER) != "1":
            return _refused(403, "Requests to the studio carry a header of its own.")
        return None

    def _most_bytes(self, path: str) -> int:
        own = {"/api/photos": self.limits.upload_bytes, "/api/patch": self.limits.patch_bytes}
        return own.get(path, self.limits.json_bytes)

    def _login(self, scope: Scope) -> Response:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not self._is_token(given):
            return _refused(401, "That is not the token of this studio.")
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, given, httponly=True, samesite="strict", path="/")
        return answer

    def _knows_token(self, headers: Headers) -> bool:
        cookies = dict(part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        return self._is_token(cookies.get(COOKIE, "")) or (kind.lower() == "bearer" and self._is_token(bearer))

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self.token or "").encode())

    def _paced(self, scope: Scope, receive: Receive) -> Receive:
        """`receive`, whose body has to arrive in time and to be no larger than it may: a client that does not keep to
        it counts as gone.
        """
        length = int(Headers(scope=scope).get("content-length", "0"))
        seconds = self.limits.body_seconds + length / self.limits.body_pace
        until = asyncio.get_running_loop().time() + seconds
        left = self._most_bytes(scope["path"])
        arriving = scope["method"] not in ("GET", "HEAD")

        async def receive_in_time() -> Message:
            nonlocal arriving, left
            if not arriving:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                return _ENDED
            left -= len(message.get("body", b""))
            if left < 0:
                return _ENDED
            arriving = message.get("more_body", False)
            return message

        return receive_in_time


def _host(header: str) -> str:
    """The name in a header Host, in small letters and without its port."""
    header = header.lower()
    name, _, port = header.rpartition(":")
    return name if name and port.isdecimal() and (name.endswith("]") or ":" not in name) else header


def _size(count: int) -> str:
    return f"{count / 1_000_000:.0f} MB" if count >= 1_000_000 else f"{count // 1024} KB"


def _refused(status: int, sentence: str) -> Response:
    return JSONResponse({"sentence": sentence}, status)
