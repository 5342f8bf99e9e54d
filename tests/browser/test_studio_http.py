"""Who is answered, and how: without a browser, request by request."""

import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from made_pictures import file_of, picture
from pages import until
from visiting import Server

from benchmarks import asking
from benchmarks.asking import Answer
from nightmare.studio.brush import QUALITIES
from nightmare.studio.looks import LOOKS, controls_of

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self' blob: data:; font-src 'self' data:; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
TOKEN = "0123456789abcdef"  # noqa: S105 (of a studio that lives for a test)


def ask(server: Server, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str | None) -> Answer:
    """The answer to a request; an underscore in the name of a header is a dash."""
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    answer = asking.ask(server.port, path, method=method, body=body, headers=named)
    assert HEADERS.items() <= answer.headers.items(), f"{method} {path}"
    return answer


def post(server: Server, path: str, body: bytes = b"", **headers: str | None) -> Answer:
    return ask(server, path, method="POST", body=body, **{"X_Deep_Nightmare": "1", **headers})


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1].evil", "0"])
def test_foreign_host_is_not_answered(host: str, server: Server) -> None:
    assert ask(server, "/", Host=host).status == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1234", "[::1]:80"])
def test_own_names_are_answered(host: str, server: Server) -> None:
    assert ask(server, "/healthz", Host=host).status == 200


@pytest.mark.parametrize(
    "path", ["/api/photos", "/api/expected", "/api/dreams/x/stop", "/api/patch?width=64&height=64"]
)
def test_post_needs_our_header(path: str, server: Server) -> None:
    refused = ask(server, path, method="POST", body=b"{}")
    assert (refused.status, refused.sentence) == (403, "Requests to the studio carry a header of its own.")


@pytest.mark.parametrize("path", ["/api/expected", "/gradio_api/queue/join", "/gradio_api/cancel"])
@pytest.mark.parametrize(
    "headers", [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Origin": "http://evil.example"}]
)
def test_other_sites_may_not_post(path: str, headers: dict[str, str], server: Server) -> None:
    assert post(server, path, b"{}", **headers).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/api/frames/../../etc/passwd",
        "/api/frames/x/0.jpg",
        "/api/frames/x/..%2f..%2fetc%2fpasswd.jpg",
        "/api/results/..%2f..%2fetc%2fpasswd.png",
        "/api/photos/..%2fsecret.jpg",
        "/studio/../shell.py",
        "/studio/%2e%2e/shell.py",
        "/openapi.json",
        "/gradio_api/openapi.json",
        "/gradio_api/deep_link?session_hash=x",
        "/docs",
    ],
)
def test_nothing_is_where_nothing_should_be(path: str, server: Server) -> None:
    answer = ask(server, path)
    assert answer.status in (404, 422)
    assert b"root:" not in answer.body


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/info", "/api/models"])
def test_no_page_of_another_port_reads_an_answer(path: str, server: Server) -> None:
    answer = ask(server, path, Origin="http://localhost:9999")
    assert answer.status == 200
    assert [name for name in answer.headers if name.startswith("access-control-")] == []


@pytest.mark.parametrize("path", ["/etc/passwd", "pyproject.toml", f"{Path.cwd()}/pyproject.toml"])
def test_gradio_hands_out_no_files(path: str, server: Server) -> None:
    assert ask(server, f"/gradio_api/file={path}").status == 403


@pytest.mark.parametrize(
    "path", ["/gradio_api/upload", "/gradio_api/process_recording", "/gradio_api/component_server"]
)
def test_gradio_takes_no_files(path: str, server: Server) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\ntext\r\n--x--\r\n'
    before = set(server.temporary.rglob("*"))
    assert post(server, path, part, Content_Type="multipart/form-data; boundary=x").status == 404
    assert set(server.temporary.rglob("*")) == before


def test_large_bodies_are_refused_before_they_are_read(server: Server) -> None:
    for path, most in (
        ("/api/photos", 20_000_000),
        ("/api/expected", 65_536),
        ("/api/patch?width=64&height=64", 1 << 20),
    ):
        with closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as connection:
            head = (
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Deep-Nightmare: 1\r\nContent-Length: {most + 1}\r\n\r\n"
            )
            connection.sendall(head.encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", ["", "Content-Length: 5\r\n"])
def test_body_of_unknown_length_is_refused(length: str, server: Server) -> None:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as connection:
        head = (
            "POST /api/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Deep-Nightmare: 1\r\n"
            f"{length}Transfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 411 ")


def test_body_that_does_not_come_is_given_up(start_server: Callable[..., Server]) -> None:
    server = start_server("--body-seconds", "0.5")
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as connection:
        connection.sendall(
            b"POST /api/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Deep-Nightmare: 1\r\nContent-Length: 1000\r\n\r\nx"
        )
        begun = time.monotonic()
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert 0.3 < time.monotonic() - begun < 3
    assert "Traceback" not in server.log()


def test_name_of_an_upload_does_not_break_what_is_saved_under_it(server: Server) -> None:
    name = quote('a\r\nX: 1\x7f".png')
    key = json.loads(post(server, f"/api/photos?name={name}", file_of(picture(224, 224))).body)["key"]
    controls = {name: value for name, value in controls_of("Whisper").items() if name != "strength"}
    wish = json.dumps(controls | {"photo": key, "side": 224, "octaves": 1, "iterations": 1}).encode()
    lines = post(server, "/api/dreams", wish, Content_Type="application/json").body.splitlines()
    saved = ask(server, f"/api/results/{json.loads(lines[-1])['job']}.png?save=1")
    assert saved.status == 200
    assert saved.headers["content-disposition"].isprintable()
    assert "x" not in saved.headers


def test_health_says_what_dreams_and_how_quickly(server: Server) -> None:
    until(lambda: b'"ready":true' in ask(server, "/healthz").body, what="readiness")
    health = json.loads(ask(server, "/healthz").body)
    assert health["device"] in ("cpu", "cuda", "mps")
    assert set(health["step_ms"]) == set(LOOKS)
    assert all(milliseconds > 0 for milliseconds in health["step_ms"].values())
    assert set(health["patch_ms"]) == set(QUALITIES)


def test_sentences_say_what_is_wrong(server: Server) -> None:
    wrong = {
        ("/api/photos", b"text"): (415, "That file is not a picture we can read (PNG, JPEG or WebP)."),
        ("/api/patch?width=64&height=64", b"1234"): (422, "A patch of 64 x 64 has 16384 bytes, not 4."),
        ("/api/patch?width=9&height=64", b"1234"): (422, "A patch has sides of 32 to 512 pixels."),
        ("/api/patch?width=wide&height=64", b""): (422, "width: Input should be a valid integer"),
        ("/api/expected", b"{}"): (422, "photo: Field required."),
    }
    for (path, body), (status, beginning) in wrong.items():
        answer = post(server, path, body, Content_Type="application/json")
        assert (answer.status, answer.sentence[: len(beginning)]) == (status, beginning)
    assert ask(server, "/api/photos/unknown.jpg").sentence == "That photo is no longer here: choose it again."


@pytest.mark.parametrize(("pixels", "status"), [(31, 422), (32, 200), (2048, 200), (2049, 422)])
def test_photo_is_shown_at_sides_within_the_limits(pixels: int, status: int, server: Server) -> None:
    assert ask(server, f"/api/photos/cat.jpg?pixels={pixels}").status == status


def test_patch_of_a_stub_is_its_dream(server: Server) -> None:
    rgba = picture(64, 48).convert("RGBA").tobytes()
    answer = post(server, "/api/patch?width=64&height=48", rgba)
    assert (answer.status, len(answer.body)) == (200, 3 * 64 * 48)
    assert answer.body != picture(64, 48).tobytes()


def test_with_a_token_nothing_is_said_without_it(start_server: Callable[..., Server]) -> None:
    server = start_server("--token", TOKEN)
    for path in ("/", "/config", "/api/models", "/healthz", "/studio/common.js", "/gradio_api/info", "/theme.css"):
        assert ask(server, path).status == 401, path
        assert ask(server, path, Authorization=f"Bearer {TOKEN}x").status == 401, path
        assert ask(server, path, Authorization=f"Bearer {TOKEN}").status == 200, path
    assert post(server, "/api/photos", b"x").status == 401
    assert ask(server, f"/login?token={TOKEN}x").status == 401
    login = ask(server, f"/login?token={TOKEN}")
    assert (login.status, login.headers["location"]) == (303, "/")
    cookie = login.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert ask(server, "/", Cookie=cookie.partition(";")[0]).status == 200
    assert f"/login?token={TOKEN}" in (server.control / "address").read_text()


def test_python_client_follows_a_dream(server: Server) -> None:
    from gradio_client import Client

    server.delay(0.08)
    key = json.loads(post(server, "/api/photos?name=mine.png", file_of(picture(320, 240))).body)["key"]
    client = Client(server.url, verbose=False)
    job = client.submit(
        key, look="Whisper", side=320, seed=5, changes={"octaves": 2, "iterations": 10}, api_name="/dream"
    )
    result = job.result(timeout=20)
    seen = job.outputs()
    assert len(seen) >= 4
    assert [each["step"] for each in seen] == sorted(each["step"] for each in seen)
    assert (result["ended"], result["whole"], result["step"], result["steps"]) == ("Done", True, 20, 20)
    assert ask(server, f"/api/results/{result['job']}.png").body.startswith(b"\x89PNG")
    recipe = json.loads(ask(server, f"/api/results/{result['job']}.json?strength=0.5").body)
    assert (recipe["seed"], recipe["octaves"], recipe["strength"]) == (5, 2, 0.5)
    client.close()


def test_python_client_hears_what_is_wrong(server: Server) -> None:
    from gradio_client import Client

    client = Client(server.url, verbose=False)
    for wish, sentence in (
        ({"photo": "nobody"}, "That photo is no longer here: choose it again."),
        ({"photo": "cat", "model": "nobody"}, "no model 'nobody' here: choose one of stub"),
        ({"photo": "cat", "look": "nobody"}, "no look 'nobody'"),
        ({"photo": "cat", "seed": 2**31}, "seed = 2147483648: Input should be less than 2147483648."),
        ({"photo": "cat", "changes": {"octaves": 10}}, "octaves = 10: Input should be less than or equal to 9."),
        ({"photo": "cat", "changes": {"base": "{}{}"}}, "a recipe of another kind"),
        ({"photo": "cat", "changes": {"masks": []}}, "masks = []: Extra inputs are not permitted."),
    ):
        result = client.predict(**wish, api_name="/dream")
        assert result["status"] in (404, 422)
        assert result["ended"].startswith(sentence)
    client.close()


def test_nothing_is_left_on_the_disk_after_a_dream(server: Server) -> None:
    from gradio_client import Client

    client = Client(server.url, verbose=False)
    client.predict("cat", api_name="/dream")
    client.close()
    assert [name for _, _, names in os.walk(server.temporary) for name in names] == []


def closed_cleanly(server: Server) -> bool:
    assert server.process
    return server.process.returncode == 0 and list(server.temporary.glob("nightmare-studio-*")) == []


def test_interrupt_closes_the_studio_cleanly(start_server: Callable[..., Server]) -> None:
    server = start_server()
    until(lambda: b'"ready":true' in ask(server, "/healthz").body, what="readiness")
    server.stop()
    assert closed_cleanly(server)
    assert "Traceback" not in server.log()


@contextmanager
def dreams_of_two(server: Server) -> Iterator[list[http.client.HTTPResponse]]:
    """The answers to two who ask at once: one whose dream runs, and one in line, each after its first progress."""
    controls = {name: value for name, value in controls_of("Whisper").items() if name != "strength"}
    wish = json.dumps(controls | {"photo": "cat", "side": 224, "iterations": 100}).encode()
    with ExitStack() as stack:
        answers = []
        for place in (0, 1):
            connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)))
            connection.request("POST", "/api/dreams", wish, asking.JSON)
            answers.append(connection.getresponse())
            begun = json.loads(answers[-1].readline())
            assert (begun["place"], begun["ended"]) == (place, "")
        yield answers


def test_interrupt_stops_the_dream_that_runs_and_the_one_in_line(start_server: Callable[..., Server]) -> None:
    server = start_server()
    until(lambda: b'"ready":true' in ask(server, "/healthz").body, what="readiness")
    with dreams_of_two(server) as answers:
        server.stop()
        last = [json.loads(answer.readlines()[-1]) for answer in answers]
    assert closed_cleanly(server)
    assert [each["ended"] for each in last] == ["Stopped", "Stopped"]
    assert "Traceback" not in server.log()


def test_interrupt_waits_for_a_long_step_and_no_longer(start_server: Callable[..., Server]) -> None:
    server = start_server()
    until(lambda: b'"ready":true' in ask(server, "/healthz").body, what="readiness")
    server.delay(3)
    with dreams_of_two(server):
        server.stop()
    assert closed_cleanly(server)
    assert "already executing" not in server.log()
