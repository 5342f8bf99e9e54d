"""Requests that mean harm to a studio: wrong, too large, too slow, or not for it."""

import io
import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from PIL import Image

from benchmarks.asking import JSON, OWN, Answer, ask, noise_photo, small_wish
from nightmare.studio.limits import LIMITS

__all__ = ["PATCH", "PATCH_BYTES", "attacks"]

_SIDE = 224  # of the brush, as the page has it at first
PATCH = f"/api/patch?width={_SIDE}&height={_SIDE}"
PATCH_BYTES = 4 * _SIDE**2


def attacks(port: int) -> dict[str, Callable[[], Answer]]:
    """Requests by what they try; each is to be refused."""
    photo = noise_photo()
    huge = io.BytesIO()
    Image.new("1", (13000, 13000)).save(huge, "PNG")

    def post(path: str, body: bytes, headers: Mapping[str, str] = OWN) -> Callable[[], Answer]:
        return lambda: ask(port, path, method="POST", body=body, headers=headers)

    def get(path: str, headers: Mapping[str, str] = OWN) -> Callable[[], Answer]:
        return lambda: ask(port, path, headers=headers)

    def told(path: str, length: int) -> Callable[[], Answer]:
        return lambda: _raw(port, _head(path, length))

    return {
        "wrong types": post("/api/dreams", json.dumps(small_wish(octaves="many", seed=[])).encode(), JSON),
        "numbers beyond": post("/api/dreams", json.dumps(small_wish(side=10**9)).encode(), JSON),
        "no JSON": post("/api/expected", b"{" * 1000, JSON),
        "deep JSON": post("/api/compare/cells", b"[" * 60_000, JSON),
        "text as a photo": post("/api/photos", b"text" * 1000),
        "oversize photo": told("/api/photos", LIMITS.upload_bytes + 1),
        "oversize JSON": told("/api/dreams", LIMITS.json_bytes + 1),
        "chunks and a length": lambda: _raw(port, _head("/api/photos", 5, "Transfer-Encoding: chunked")),
        "oversize patch": told(PATCH, LIMITS.patch_bytes + 1),
        "short patch": post(PATCH, bytes(1000)),
        "path of a frame": get("/api/frames/..%2f..%2f..%2fetc%2fpasswd/0.jpg"),
        "path of a script": get("/studio/%2e%2e/shell.py"),
        "path of a picture": get("/api/compare/pictures/..%2f..%2fparams.yaml.png"),
        "link of Gradio": get("/gradio_api/deep_link?session_hash=x"),
        "file of Gradio": get(f"/gradio_api/file={Path.cwd()}/pyproject.toml"),
        "upload to Gradio": post("/gradio_api/upload", bytes(60_000)),
        "recording to Gradio": post("/gradio_api/process_recording", bytes(60_000)),
        "foreign Host": get("/", {"Host": "evil.example"}),
        "other site": post("/api/dreams", b"{}", JSON | {"Origin": "http://evil.example"}),
        "no header of ours": post("/api/dreams", b"{}", {"Content-Type": "application/json"}),
        "169 million pixels": post("/api/photos", huge.getvalue()),
        "truncated photo": post("/api/photos", photo[: len(photo) // 2]),
        "slow body": lambda: _raw(port, _head("/api/photos", 1000), trickle=True),
    }


def _head(path: str, length: int, *further: str) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "X-Deep-Nightmare: 1",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        *further,
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def _raw(port: int, head: bytes, *, trickle: bool = False) -> Answer:
    """The answer to a head alone, or to one whose body comes a byte at a time."""
    begun = time.perf_counter()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=0.1 if trickle else 30)) as connection:
        connection.sendall(head)
        content = b""
        while not content and time.perf_counter() - begun < 30:
            try:
                if trickle:
                    connection.sendall(b"x")
                content = connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
    seconds = time.perf_counter() - begun
    status = int(content.split(b" ", 2)[1]) if content.startswith(b"HTTP/1.1 ") else 0
    return Answer(status, content.partition(b"\r\n\r\n")[2], seconds)
