"""What the benchmark of the studio measures, briefly and with a stub: nobody is turned away, and no attack passes."""

from collections.abc import Callable

import psutil
from pages import until
from visiting import Server

from benchmarks.studio import ask, brush, hostile, load


def process(server: Server) -> psutil.Process:
    assert server.process
    return psutil.Process(server.process.pid)


def test_visitors_at_once_meet_no_error(server: Server) -> None:
    until(lambda: b'"ready":true' in ask(server.port, "/healthz").body, what="readiness")
    row = load(server.port, process(server), clients=8, seconds=2)
    assert row["errors"] == 0
    assert int(str(row["requests"])) > 16


def test_brush_is_told_from_its_model(server: Server) -> None:
    until(lambda: b'"ready":true' in ask(server.port, "/healthz").body, what="readiness")
    server.delay(0.05)
    row = brush(server.port, count=5)
    assert float(str(row["stamp ms"])) > 50
    assert float(str(row["overhead ms"])) < 50


def test_every_attack_is_refused_at_once(start_server: Callable[..., Server]) -> None:
    server = start_server("--body-seconds", "0.5")
    *rows, total = hostile(server.port, process(server), count=22)
    assert [row["attack"] for row in rows if row["refused"] != row["n"]] == []
    assert total["refused"] == 22
    assert float(str(total["slowest s"])) < 3, "three times the second that is meant: the machine is shared"
    assert float(str(total["growth MB"])) < 300
    assert "Traceback" not in server.log()
