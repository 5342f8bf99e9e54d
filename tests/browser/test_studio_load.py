"""What the benchmark of the studio measures, briefly and with a stub: nobody is turned away, and no attack passes."""

from collections.abc import Callable

import psutil
import pytest
from pages import until
from visiting import Server

from benchmarks.asking import Answer, ask, end_of_dream
from benchmarks.attacks import attacks
from benchmarks.studio import broken, brush, hostile, load


def process(server: Server) -> psutil.Process:
    assert server.process
    return psutil.Process(server.process.pid)


@pytest.mark.alone
def test_visitors_at_once_meet_no_error(server: Server) -> None:
    until(lambda: b'"ready":true' in ask(server.port, "/healthz").body, what="readiness")
    row = load(server.port, process(server), clients=8, seconds=2)
    assert row["errors"] == 0
    assert int(str(row["requests"])) > 16
    assert int(str(row["dreams"])) >= 4, "each of those who look about has a whole dream"
    assert int(str(row["photos"])) >= 4


@pytest.mark.alone
def test_brush_is_told_from_its_model(server: Server) -> None:
    until(lambda: b'"ready":true' in ask(server.port, "/healthz").body, what="readiness")
    server.delay(0.05)
    row = brush(server.port, network="stub", count=5)
    assert float(str(row["stamp ms"])) > 50
    assert float(str(row["stamps a second"])) == pytest.approx(1000 / float(str(row["stamp ms"])))
    assert float(str(row["overhead ms"])) < 50


@pytest.mark.alone
def test_every_attack_is_refused_at_once(start_server: Callable[..., Server]) -> None:
    server = start_server("--body-seconds", "0.5")
    rows = hostile(server.port, process(server), count=len(attacks(server.port)))
    assert [row["attack"] for row in rows if row["refused"] != row["n"]] == []
    assert [row["attack"] for row in rows] == list(attacks(server.port))
    slow = [row for row in rows if float(str(row["slowest s"])) > 3]
    assert not slow, "three times the second that is meant: the machine is shared"
    assert not [row for row in rows if float(str(row["growth MB"])) > 300]
    assert "Traceback" not in server.log()


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b'{"status": 200, "ended": ""}\n{"status": 200, "ended": "Done", "whole": true}\n', 200, "Done"),
        (b'{"status": 200, "ended": ""}\n{"status": 500, "ended": "Wrong", "whole": false}\n', 500, "Wrong"),
        (b'{"status": 503, "ended": "Many wait", "whole": false}\n', 503, "Many wait"),
        (b'{"status": 200, "ended": "Stopped", "whole": false}\n', 0, "Stopped"),
        (b'{"status": 200, "ended": "", "whole": false}\n', 0, ""),
        (b'{"status": 2', 0, ""),
        (b"", 0, ""),
    ],
)
def test_dream_counts_by_its_last_line(body: bytes, status: int, sentence: str) -> None:
    end = end_of_dream(Answer(200, body))
    assert (end.status, end.sentence) == (status, sentence)


def test_budgets_are_held_or_named() -> None:
    alone = {"network": "retrain", "overhead ms": 60.0, "stamps a second": 8.0}
    together = {"growth %": 20.0, "errors": 0, "dreams": 1}
    attack = {"attack": "deep JSON", "n": 2, "refused": 2, "slowest s": 1.0, "growth MB": 100.0}
    slower = {"network": "robust", "overhead ms": 1.0, "stamps a second": 7.0}
    assert broken([slower, alone], together, [attack]) == [], "only of a ResNet-18 a pace is demanded"
    worse = alone | {"overhead ms": 60.5, "stamps a second": 7.9}
    assert broken([worse], {"growth %": 21.0, "errors": 1, "dreams": 0}, [attack | {"refused": 1}]) == [
        "one client brushes with retrain: overhead ms is 60.5, at most 60 is allowed",
        "all clients at once: growth % is 21, at most 20 is allowed",
        "all clients at once: errors is 1, at most 0 is allowed",
        "one client brushes with retrain: stamps a second are 7.9, at least 8 are demanded",
        "all clients at once: no dream was whole",
        "deep JSON: 1 of 2 are refused",
    ]
    assert broken([alone], together, [attack | {"slowest s": 1.1, "growth MB": 101.0}]) == [
        "deep JSON: slowest s is 1.1, at most 1 is allowed",
        "deep JSON: growth MB is 101, at most 100 is allowed",
    ]
