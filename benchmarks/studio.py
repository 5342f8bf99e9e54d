"""The studio under load and under attack: eight visitors at once, one brush, and requests that mean harm.

In: the project in the current folder, whose first network dreams. Out: tables, and rows of the histories `studio-load`,
`studio-brush` and `studio-hostile`; exit status 1 where a budget is broken. `python -m benchmarks.studio`;
`--seconds 10` for a first look.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from benchmarks.asking import JSON, Answer, ask, end_of_dream, noise_photo, small_wish
from benchmarks.attacks import PATCH, PATCH_BYTES, attacks
from benchmarks.timing import append_history, machine, print_table
from nightmare.studio.limits import LIMITS
from nightmare.studio.models import find_networks
from nightmare.studio.serve import serve_studio
from nightmare.studio.shell import Studio

__all__ = ["Peak", "broken", "brush", "hostile", "load", "opened"]

_PLAIN = "retrain"  # the pipeline's ResNet-18, which has to keep up with a hand
_FIRST = ("photo", "dream")  # of each visitor, however short the time is
_VISITS = (*("photo", "dream", "dream"), *("/api/photos/cat.jpg?pixels=512", "/api/models", "/healthz", "/", "/config"))
_WARM_SHARE = 0.2  # of the time, after which the memory counts
# A body that trickles in is refused when this is over: with the default of 10 s the attack would take half an hour.
_BODY_SECONDS = 0.5
_POLITE = (429, 503)
# Allowed are milliseconds over the model's own, percent after warming up, and of each attack seconds and megabytes;
# demanded are stamps a second of a ResNet-18.
_OVERHEAD, _GROWTH_SHARE, _SECONDS, _GROWTH, _PACE = 60, 20, 1, 100, 8

Row = Mapping[str, object]


@dataclass
class _Tally:
    statuses: Counter[int] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def add(self, what: str, answer: Answer) -> None:
        self.statuses[answer.status] += 1
        self.seconds.append(answer.seconds)
        polite = answer.status in _POLITE and answer.sentence
        if answer.status == 200:
            self.done[what] += 1
        elif not polite:
            self.faults[f"{what}: {answer.status} {answer.sentence}"] += 1


def load(port: int, process: psutil.Process, *, clients: int, seconds: float) -> dict[str, object]:
    """`clients` at once: half of them brush, the others bring photos, dream over them and look about."""
    tally, lock, until = _Tally(), threading.Lock(), time.monotonic() + seconds
    photo = noise_photo()

    def brush_on(chance: random.Random) -> Iterator[tuple[str, Answer]]:
        while True:
            yield "patch", ask(port, PATCH, method="POST", body=chance.randbytes(PATCH_BYTES))

    def look_about(chance: random.Random) -> Iterator[tuple[str, Answer]]:
        key = "cat"
        for number in itertools.count():
            what = _FIRST[number] if number < len(_FIRST) else chance.choice(_VISITS)
            if what == "photo":
                brought = ask(port, "/api/photos?name=noise.jpg", method="POST", body=photo)
                key = json.loads(brought.body)["key"] if brought.status == 200 else key
                yield what, brought
            elif what == "dream":
                wish = json.dumps(small_wish(photo=key)).encode()
                yield what, end_of_dream(ask(port, "/api/dreams", method="POST", body=wish, headers=JSON))
            else:
                yield what, ask(port, what)

    def visit(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - which request comes next
        requests = brush_on(chance) if number % 2 else look_about(chance)
        for made, (what, answer) in enumerate(requests, start=1):
            with lock:
                tally.add(what, answer)
            if made >= len(_FIRST) and time.monotonic() > until:
                return
            time.sleep(1.0 if answer.status in _POLITE else 0.0)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(_WARM_SHARE * seconds)
    warm = process.memory_info().rss / 1e6
    for thread in threads:
        thread.join()
    for fault, count in tally.faults.most_common(5):
        print(f"fault, {count} times: {fault}")
    return {
        "clients": clients,
        "seconds": seconds,
        "requests": tally.statuses.total(),
        "photos": tally.done["photo"],
        "dreams": tally.done["dream"],
        "refused politely": sum(tally.statuses[status] for status in _POLITE),
        "errors": tally.faults.total(),
        "median ms": 1000 * statistics.median(tally.seconds),
        "warm MB": warm,
        "growth %": 100 * (process.memory_info().rss / 1e6 / warm - 1),
    }


def brush(port: int, *, network: str, count: int = 60) -> dict[str, object]:
    """One client that brushes with `network`: what a stamp takes, and how much of it is the model's."""
    path = f"{PATCH}&model={network}"
    ask(port, path, method="POST", body=os.urandom(PATCH_BYTES))  # the first one brings the network
    totals, overheads = [], []
    for _ in range(count):
        answer = ask(port, path, method="POST", body=os.urandom(PATCH_BYTES))
        model = json.loads(ask(port, "/healthz").body)["patch_ms"]["live"]
        totals.append(1000 * answer.seconds)
        overheads.append(1000 * answer.seconds - model)
    return {
        "network": network,
        "n": count,
        "stamps a second": 1000 / statistics.median(totals),
        "stamp ms": statistics.median(totals),
        "overhead ms": statistics.median(overheads),
        "overhead 95 % ms": statistics.quantiles(overheads, n=20)[-1],
    }


def hostile(port: int, process: psutil.Process, *, count: int) -> list[dict[str, object]]:
    """`count` requests that mean harm, of all kinds in turn, and what each kind met with."""
    kinds = attacks(port)
    met: dict[str, list[tuple[Answer, float]]] = {name: [] for name in itertools.islice(kinds, count)}
    with Peak(process) as peak:
        for name in itertools.islice(itertools.cycle(met), count):
            before = peak.begin()
            met[name].append((kinds[name](), peak.megabytes - before))
    return [
        {
            "attack": name,
            "n": len(each),
            "refused": sum(400 <= answer.status < 500 for answer, _ in each),
            "statuses": " ".join(str(status) for status in sorted({answer.status for answer, _ in each})),
            "slowest s": max(answer.seconds for answer, _ in each),
            "growth MB": max(growth for _, growth in each),
        }
        for name, each in met.items()
    ]


def broken(alone: Sequence[Row], together: Row, met: Sequence[Row]) -> list[str]:
    """The budgets that `brush`, `load` and `hostile` have found broken, a line each."""
    budgets: list[tuple[str, Row, str, float]] = [
        *((f"one client brushes with {row['network']}", row, "overhead ms", _OVERHEAD) for row in alone),
        ("all clients at once", together, "growth %", _GROWTH_SHARE),
        ("all clients at once", together, "errors", 0),
        *((str(row["attack"]), row, "slowest s", _SECONDS) for row in met),
        *((str(row["attack"]), row, "growth MB", _GROWTH) for row in met),
    ]
    over = [
        f"{where}: {column} is {_number(row, column):.3g}, at most {most:.3g} is allowed"
        for where, row, column, most in budgets
        if _number(row, column) > most
    ]
    over += [
        f"one client brushes with {row['network']}: stamps a second are {pace:.3g}, at least {_PACE} are demanded"
        for row in alone
        if row["network"] == _PLAIN and (pace := _number(row, "stamps a second")) < _PACE
    ]
    if not together["dreams"]:
        over.append("all clients at once: no dream was whole")
    return over + [
        f"{row['attack']}: {row['refused']} of {row['n']} are refused" for row in met if row["refused"] != row["n"]
    ]


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


def _serve(root: Path, told: Connection) -> None:
    limits = replace(LIMITS, body_seconds=_BODY_SECONDS)
    networks = find_networks(root / "models", root / "reports")
    serve_studio(Studio(root, networks, limits=limits), host="127.0.0.1", port=0, tell=told.send)


class Peak:
    """The most memory that a studio takes, looked at all the time."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self._over = process, threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self.megabytes = 0.0

    def begin(self) -> float:
        """Megabytes as they are now, above which the peak is from now on."""
        self.megabytes = now = _memory(self._process)
        return now

    def _watch(self) -> None:
        while not self._over.wait(0.02):  # a photo is decoded in a tenth of a second
            self.megabytes = max(self.megabytes, _memory(self._process))

    def __enter__(self) -> "Peak":
        self._watching.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watching.join()


def _number(row: Row, column: str) -> float:
    return float(str(row[column]))


def _memory(process: psutil.Process) -> float:
    """Megabytes of the studio and of those that it has started."""
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # it has ended meanwhile
    return total / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for which all clients visit at once")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--hostile", type=int, default=200, help="requests that mean harm")
    wanted = parser.parse_args()
    print(machine())
    with opened(Path.cwd()) as (port, process):
        listed = [str(each["name"]) for each in json.loads(ask(port, "/api/models").body)["models"]]
        brushing = [listed[0], *(name for name in listed[1:] if name == _PLAIN)]
        alone = [brush(port, network=name) for name in brushing]
        print_table(alone, title="One client brushes")
        together = load(port, process, clients=wanted.clients, seconds=wanted.seconds)
        print_table([together], title="All clients at once")
        met = hostile(port, process, count=wanted.hostile)
        print_table(met, title="Requests that mean harm")
    for name, rows in (("studio-brush", alone), ("studio-load", [together]), ("studio-hostile", met)):
        append_history(rows, name=name)
    if over := broken(alone, together, met):
        raise SystemExit("\n".join(("", "Budgets that are broken:", *over)))


if __name__ == "__main__":
    main()
