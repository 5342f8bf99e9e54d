"""Lines that are added to the log of decisions, and what reads them."""

import json
import os
import threading
from pathlib import Path

import pandas as pd
import pytest
from made_project import identity, make_project, run_cull, tree

from nightmare.cull.decisions import read_decisions
from nightmare.errors import InputError
from nightmare.studio.decision_log import DecisionLog
from nightmare.studio.errors import Refusal
from nightmare.studio.manifest import Tables
from nightmare.studio.reviews import lines


def line(number: int, decision: str) -> dict[str, str]:
    return {"id": identity(number), "decision": decision}


def test_lines_are_those_that_culling_reads(tmp_path: Path) -> None:
    path = tmp_path / "data" / "decisions.jsonl"
    log = DecisionLog(path)
    assert log.current() == {}
    log.append([line(1, "keep"), {**line(2, "remove"), "reason": "größer\n", "score": 0.5, "threshold": None}])
    log.append([line(1, "undo")])
    assert read_decisions(path) == log.current() == {identity(2): "remove"}
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3
    assert path.read_bytes().endswith(b"\n")


def test_line_that_was_left_open_is_closed_first(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(json.dumps(line(1, "keep")))
    before = path.read_bytes()
    DecisionLog(path).append([line(2, "remove")])
    assert path.read_bytes().startswith(before + b"\n")
    assert read_decisions(path) == {identity(1): "keep", identity(2): "remove"}


def test_what_others_write_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    log = DecisionLog(path)
    log.append([line(1, "keep")])
    with path.open("a") as others:
        others.write(json.dumps(line(2, "remove")) + "\n")
    assert log.current() == {identity(1): "keep", identity(2): "remove"}
    with path.open("a") as others:
        others.write("nonsense\n")
    with pytest.raises(InputError, match=r"line 3"):
        log.current()


def test_all_lines_go_in_one_write_and_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    write, synchronise = os.write, os.fsync
    monkeypatch.setattr(os, "write", lambda file, content: (calls.append("write"), write(file, content))[1])
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("fsync"), synchronise(file))[1])
    DecisionLog(tmp_path / "decisions.jsonl").append([line(number, "keep") for number in range(96)])
    assert calls == ["write", "fsync"]


def test_half_a_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "decisions.jsonl"
    log = DecisionLog(path)
    log.append([line(1, "keep")])
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda file, content: write(file, content[:9]))
    with pytest.raises(InputError, match="only 9 of"):
        log.append([line(2, "remove")])
    assert path.read_bytes() == before


def test_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "decisions.jsonl").mkdir()
    with pytest.raises(InputError, match=r"decisions\.jsonl cannot be written \(Is a directory\)"):
        DecisionLog(tmp_path / "decisions.jsonl").append([line(1, "keep")])


def test_many_writers_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    logs = [DecisionLog(path) for _ in range(4)]

    def many(first: int) -> None:
        for number in range(25):
            logs[first].append([line(100 * first + number, "remove")])

    threads = [threading.Thread(target=many, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_decisions(path)) == 100


def test_culling_obeys_and_nothing_else_changes(tmp_path: Path) -> None:
    make_project(tmp_path)
    manifest = Tables(tmp_path).manifest()
    assert manifest is not None
    log = DecisionLog(tmp_path / "data/decisions.jsonl")
    before = tree(tmp_path, without="data/decisions.jsonl")
    wanted = {identity(3): "keep", identity(4): "remove", identity(5): "keep"}
    log.append(lines(manifest, wanted, reason="nearly removed", reviewer="Ada"))  # type: ignore[arg-type]
    log.append(lines(manifest, {identity(5): "undo"}, reason="wrong class", reviewer="Ada"))
    assert tree(tmp_path, without="data/decisions.jsonl") == before
    first = json.loads((tmp_path / "data/decisions.jsonl").read_text().splitlines()[0])
    assert list(first) == ["id", "decision", "reason", "score", "threshold", "time", "reviewer"]
    assert (first["reason"], first["threshold"], first["reviewer"]) == ("wrong class", 0.5, "Ada")
    assert first["score"] == pytest.approx(0.8, abs=0.01)
    run_cull(tmp_path)
    keep = pd.read_csv(tmp_path / "data/culled.csv").set_index("id")["keep"]
    assert (keep[identity(3)], keep[identity(4)], keep[identity(5)]) == (True, False, False)
    removed = pd.read_csv(tmp_path / "reports/cull/removed.csv").set_index("id")["decision"]
    assert (removed[identity(4)], removed[identity(5)]) == ("hand", "machine")


def test_only_the_pool_is_decided_about(tmp_path: Path) -> None:
    make_project(tmp_path)
    manifest = Tables(tmp_path).manifest()
    assert manifest is not None
    for unknown, status in ((identity(50), 422), ("../images", 404), ("f" * 16, 404)):
        with pytest.raises(Refusal) as refusal:
            lines(manifest, {identity(3): "keep", unknown: "remove"}, reason="", reviewer="")
        assert refusal.value.status == status
