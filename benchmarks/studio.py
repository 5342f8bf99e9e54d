"""The studio under load and under attack: eight visitors at once, one brush, and requests that mean harm.

In: the project in the current folder, whose first network dreams. Out: tables, and rows of the histories `studio-load`,
`studio-brush` and `studio-hostile`. `python -m benchmarks.studio`; `--seconds 10` for a first look.
"""

import argparse
import http.client
import io
import json
import multiprocessing
import os
import random
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from benchmarks.timing import append_history, machine, print_table
from nightmare.studio.limits import LIMITS
from nightmare.studio.looks import controls_of
from nightmare.studio.models import find_networks
from nightmare.studio.serve import serve_studio
from nightmare.studio.shell import Studio

__all__ = ["Answer", "ask", "brush", "hostile", "load", "opened"]

_OWN = {"X-Deep-Nightmare": "1"}
_SIDE = 160  # of a patch, as the brush sends it
_PATCH = f"/api/patch?width={_SIDE}&height={_SIDE}"
_WARM_SHARE = 0.2  # of the time, after which the memory counts
# A body that trickles in is refused when this is over: with the default of 10 s the attack would take half an hour.
_BODY_SECONDS = 0.5
_POLITE = (429, 503)


@dataclass(frozen=True)
class Answer:
    """Status, body and seconds of a request; status 0 where the connection was cut."""

    status: int
    body: bytes
    seconds: float

    @property
    def sentence(self) -> str:
        """What the studio says, empty where it says nothing."""
        try:
            return str(json.loads(self.body).get("sentence", ""))
        except (ValueError, AttributeError):
            return ""


@dataclass
class _Tally:
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def add(self, what: str, answer: Answer) -> None:
        self.statuses[answer.status] += 1
        self.seconds.append(answer.seconds)
        polite = answer.status in _POLITE and answer.sentence
        if answer.status != 200 and not polite:
            self.faults[f"{what}: {answer.status} {answer.sentence}"] += 1


def ask(port: int, path: str, *, method: str = "GET", body: bytes = b"", headers: Mapping[str, str] = _OWN) -> Answer:
    """One request on a connection of its own."""
    begun = time.perf_counter()
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=150)) as connection:
            connection.request(method, path, body=body or None, headers=dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), time.perf_counter() - begun)
    except (OSError, http.client.HTTPException):
        return Answer(0, b"", time.perf_counter() - begun)


def load(port: int, process: psutil.Process, *, clients: int, seconds: float) -> dict[str, object]:
    """`clients` at once: half of them brush, the others dream and look about."""
    tally, lock, until = _Tally(), threading.Lock(), time.monotonic() + seconds
    wish = json.dumps(_small_wish()).encode()

    def visit(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - which request comes next
        while time.monotonic() < until:
            if number % 2:
                what, answer = "patch", ask(port, _PATCH, method="POST", body=chance.randbytes(4 * _SIDE**2))
            elif chance.random() < 0.3:
                what, answer = "dream", ask(port, "/api/dreams", method="POST", body=wish, headers=_JSON)
            else:
                path = chance.choice(["/api/photos/cat.jpg?pixels=512", "/api/models", "/healthz", "/", "/config"])
                what, answer = path, ask(port, path)
            with lock:
                tally.add(what, answer)
            time.sleep(1.0 if answer.status in _POLITE else 0.0)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(_WARM_SHARE * seconds)
    warm = _memory(process)
    for thread in threads:
        thread.join()
    for fault, count in tally.faults.most_common(5):
        print(f"fault, {count} times: {fault}")
    return {
        "clients": clients,
        "seconds": seconds,
        "requests": tally.statuses.total(),
        "refused politely": sum(tally.statuses[status] for status in _POLITE),
        "errors": tally.faults.total(),
        "median ms": 1000 * statistics.median(tally.seconds),
        "warm MB": warm,
        "growth MB": _memory(process) - warm,
    }


def brush(port: int, *, count: int = 60) -> dict[str, object]:
    """One client that brushes: what a stamp takes, and how much of it is the model's."""
    totals, overheads = [], []
    for _ in range(count):
        answer = ask(port, _PATCH, method="POST", body=os.urandom(4 * _SIDE**2))
        model = json.loads(ask(port, "/healthz").body)["patch_ms"]["live"]
        totals.append(1000 * answer.seconds)
        overheads.append(1000 * answer.seconds - model)
    return {
        "n": count,
        "stamp ms": statistics.median(totals),
        "overhead ms": statistics.median(overheads),
        "overhead 95 % ms": statistics.quantiles(overheads, n=20)[-1],
    }


def hostile(port: int, process: psutil.Process, *, count: int) -> list[dict[str, object]]:
    """`count` requests that mean harm, of all kinds in turn, and what each kind met with."""
    attacks = _attacks(port)
    answers: dict[str, list[Answer]] = {name: [] for name in attacks}
    before, samples, over = _memory(process), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):  # a photo is decoded in a tenth of a second
            samples.append(_memory(process))

    watching = threading.Thread(target=watch)
    watching.start()
    for number in range(count):
        name = list(attacks)[number % len(attacks)]
        answers[name].append(attacks[name]())
    over.set()
    watching.join()
    rows: list[dict[str, object]] = [
        {
            "attack": name,
            "n": len(met),
            "refused": sum(400 <= answer.status < 500 for answer in met),
            "statuses": " ".join(str(status) for status in sorted({answer.status for answer in met})),
            "slowest s": max(answer.seconds for answer in met),
            "growth MB": "",
        }
        for name, met in answers.items()
        if met
    ]
    met = [answer for all_of_a_kind in answers.values() for answer in all_of_a_kind]
    total: dict[str, object] = {
        "attack": "all",
        "n": len(met),
        "refused": sum(400 <= answer.status < 500 for answer in met),
        "statuses": "",
        "slowest s": max(answer.seconds for answer in met),
        "growth MB": max(samples) - before,
    }
    return [*rows, total]


@contextmanager
def opened(root: Path) -> Iterator[tuple[int, psutil.Process]]:
    """The port and process of a studio over the project in `root`, with its model awake."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(root, theirs), daemon=False)
    server.start()
    try:
        while not ours.poll(0.2):
            if not server.is_alive():
                raise SystemExit("the studio did not start: `nightmare studio` says why")
        port = int(ours.recv().rpartition(":")[2].strip("/"))
        while not json.loads(ask(port, "/healthz").body)["ready"]:
            time.sleep(0.2)
        yield port, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.join()


_JSON = _OWN | {"Content-Type": "application/json"}


def _serve(root: Path, told: Connection) -> None:
    limits = replace(LIMITS, body_seconds=_BODY_SECONDS)
    networks = find_networks(root / "models", root / "reports")
    serve_studio(Studio(root, networks, limits=limits), host="127.0.0.1", port=0, tell=told.send)


def _small_wish(**changes: Any) -> dict[str, Any]:
    controls = {name: value for name, value in controls_of("Whisper").items() if name != "strength"}
    return controls | {"photo": "cat", "base": "Whisper", "side": 224, "octaves": 1, "iterations": 2} | changes


def _memory(process: psutil.Process) -> float:
    """Megabytes of the studio and of those that it has started."""
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # it has ended meanwhile
    return total / 1e6


def _attacks(port: int) -> dict[str, Callable[[], Answer]]:
    """Requests by what they try; each is to be refused."""
    photo = io.BytesIO()
    Image.effect_noise((800, 600), 80).save(photo, "JPEG")
    huge = io.BytesIO()
    Image.new("1", (13000, 13000)).save(huge, "PNG")

    def post(path: str, body: bytes, headers: Mapping[str, str] = _OWN) -> Callable[[], Answer]:
        return lambda: ask(port, path, method="POST", body=body, headers=headers)

    def get(path: str, headers: Mapping[str, str] = _OWN) -> Callable[[], Answer]:
        return lambda: ask(port, path, headers=headers)

    def told(path: str, length: int) -> Callable[[], Answer]:
        return lambda: _raw(port, _head(path, length))

    return {
        "wrong types": post("/api/dreams", json.dumps(_small_wish(octaves="many", seed=[])).encode(), _JSON),
        "numbers beyond": post("/api/dreams", json.dumps(_small_wish(side=10**9)).encode(), _JSON),
        "no JSON": post("/api/expected", b"{" * 1000, _JSON),
        "deep JSON": post("/api/compare/cells", b"[" * 60_000, _JSON),
        "text as a photo": post("/api/photos", b"text" * 1000),
        "oversize photo": told("/api/photos", LIMITS.upload_bytes + 1),
        "oversize JSON": told("/api/dreams", LIMITS.json_bytes + 1),
        "chunks and a length": lambda: _raw(port, _head("/api/photos", 5, "Transfer-Encoding: chunked")),
        "oversize patch": told(_PATCH, LIMITS.patch_bytes + 1),
        "short patch": post(_PATCH, bytes(1000)),
        "path of a frame": get("/api/frames/..%2f..%2f..%2fetc%2fpasswd/0.jpg"),
        "path of a script": get("/studio/%2e%2e/shell.py"),
        "path of a picture": get("/api/compare/pictures/..%2f..%2fparams.yaml.png"),
        "file of Gradio": get(f"/gradio_api/file={Path.cwd()}/pyproject.toml"),
        "upload to Gradio": post("/gradio_api/upload", bytes(60_000)),
        "recording to Gradio": post("/gradio_api/process_recording", bytes(60_000)),
        "foreign Host": get("/", {"Host": "evil.example"}),
        "other site": post("/api/dreams", b"{}", _JSON | {"Origin": "http://evil.example"}),
        "no header of ours": post("/api/dreams", b"{}", {"Content-Type": "application/json"}),
        "169 million pixels": post("/api/photos", huge.getvalue()),
        "truncated photo": post("/api/photos", photo.getvalue()[: len(photo.getvalue()) // 2]),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for which all clients visit at once")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--hostile", type=int, default=200, help="requests that mean harm")
    wanted = parser.parse_args()
    print(machine())
    with opened(Path.cwd()) as (port, process):
        alone = brush(port)
        print_table([alone], title="One client brushes")
        together = load(port, process, clients=wanted.clients, seconds=wanted.seconds)
        print_table([together], title="All clients at once")
        met = hostile(port, process, count=wanted.hostile)
        print_table(met, title="Requests that mean harm")
    for name, rows in (("studio-brush", [alone]), ("studio-load", [together]), ("studio-hostile", met)):
        append_history(rows, name=name)


if __name__ == "__main__":
    main()
