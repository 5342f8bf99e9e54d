"""The guard, without a server: what it lets through."""

import asyncio
from typing import Any

import pytest

from nightmare.studio.security import COOKIE, Guard

TOKEN = "0123456789abcdef"  # noqa: S105 (of a guard that guards nothing)
HOSTS = ("127.0.0.1", "LOCALHOST", "[::1]")


def answer(method: str, path: str, token: str | None = None, query: str = "", **headers: str) -> int:
    """The status of a request; 200 is that of the application behind the guard."""
    sent: list[dict[str, Any]] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    asyncio.run(Guard(behind, hosts=HOSTS, token=token)(scope, receive, send))
    names = {name for name, _ in sent[0]["headers"]}
    assert b"content-security-policy" in names
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:7860", 200),
        ("[::1]:7860", 200),
        ("[::1]", 200),
        ("localhost", 200),
        ("LocalHost:7860", 200),
        ("localhost.", 400),
        ("evil.example", 400),
        ("127.0.0.1:7860:1", 400),
        ("127.0.0.1:x", 400),
        ("", 400),
    ],
)
def test_host(host: str, status: int) -> None:
    assert answer("GET", "/", host=host) == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_own_header(method: str) -> None:
    assert answer(method, "/api/anything") == 403
    assert answer(method, "/api/anything", x_deep_nightmare="0") == 403
    assert answer(method, "/api/anything", x_deep_nightmare="1") == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"origin": "http://127.0.0.1:7860"}, 200),
        ({"origin": "http://127.0.0.1:7861"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_other_sites(headers: dict[str, str], status: int) -> None:
    assert answer("POST", "/gradio_api/queue/join", **headers) == status
    assert answer("GET", "/", **headers) == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [("/api/photos", 20_000_000), ("/api/patch", 1 << 20), ("/api/dreams", 65_536), ("/gradio_api/queue/join", 65_536)],
)
def test_size(path: str, most: int) -> None:
    assert answer("POST", path, x_deep_nightmare="1", content_length=str(most)) == 200
    assert answer("POST", path, x_deep_nightmare="1", content_length=str(most + 1)) == 413
    assert answer("POST", path, x_deep_nightmare="1", transfer_encoding="chunked") == 411
    assert answer("POST", path, x_deep_nightmare="1", transfer_encoding="chunked", content_length="5") == 411
    assert answer("POST", path, x_deep_nightmare="1", content_length="5, 5") == 411


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/gradio_api/queue/join", 200),
        ("/gradio_api/cancel", 200),
        ("/gradio_api/reset", 200),
        ("/gradio_api/upload", 404),
        ("/gradio_api/upload/", 404),
        ("/gradio_api/process_recording", 404),
        ("/gradio_api/component_server", 404),
        ("/gradio_api/queue/join/", 404),
        ("/gradio_api/run/dream", 404),
        ("/gradio_api//upload", 404),
        ("/upload", 404),
        ("/login", 404),
        ("/", 404),
    ],
)
def test_only_what_is_needed_of_gradio_takes_anything(path: str, status: int, method: str) -> None:
    assert answer(method, path) == status


@pytest.mark.parametrize(("path", "most"), [("/api/photos", 20_000_000), ("/api/dreams", 65_536)])
def test_body_ends_at_the_limit_whatever_was_said_of_it(path: str, most: int) -> None:
    taken = 0

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        nonlocal taken
        while (message := await receive())["type"] == "http.request":
            taken += len(message["body"])

    async def endless() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(10_000), "more_body": True}

    async def send(message: Any) -> None:
        raise AssertionError("nothing is answered here")

    headers = [(b"host", b"127.0.0.1"), (b"x-deep-nightmare", b"1"), (b"content-length", b"5")]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    asyncio.run(Guard(behind, hosts=HOSTS)(scope, endless, send))
    assert most - 10_000 < taken <= most


@pytest.mark.parametrize(("length", "seconds"), [(0, 10), (1000, 10), (65_536, 11), (20_000_000, 210)])
def test_time_for_a_body_grows_with_its_length(length: int, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    until: list[float] = []

    def noted(when: float) -> asyncio.Timeout:
        until.append(when - asyncio.get_running_loop().time())
        return asyncio.Timeout(when)

    monkeypatch.setattr("asyncio.timeout_at", noted)

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        raise AssertionError("nothing is answered here")

    headers = [(b"host", b"localhost"), (b"x-deep-nightmare", b"1"), (b"content-length", str(length).encode())]
    scope = {"type": "http", "method": "POST", "path": "/api/photos", "query_string": b"", "headers": headers}
    asyncio.run(Guard(behind, hosts=HOSTS)(scope, receive, send))
    assert until == [pytest.approx(seconds, abs=0.5)]


def test_token() -> None:
    assert answer("GET", "/", TOKEN) == 401
    assert answer("GET", "/", TOKEN, authorization=f"Bearer {TOKEN}") == 200
    assert answer("GET", "/", TOKEN, authorization=f"bearer {TOKEN}") == 200
    assert answer("GET", "/", TOKEN, authorization=f"Basic {TOKEN}") == 401
    assert answer("GET", "/", TOKEN, authorization="Bearer é") == 401
    assert answer("GET", "/", TOKEN, cookie=f"other=1; {COOKIE}={TOKEN}") == 200
    assert answer("GET", "/", TOKEN, cookie=f"{COOKIE}={TOKEN[:-1]}") == 401
    assert answer("GET", "/", TOKEN, cookie=f"{COOKIE}=") == 401
    assert answer("GET", "/login", TOKEN, query=f"token={TOKEN}") == 303
    assert answer("GET", "/login", TOKEN, query="token=") == 401
    assert answer("GET", "/login", TOKEN) == 401
    assert answer("GET", "/login") == 200, "without a token it is no address of the guard's"
