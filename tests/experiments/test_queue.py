"""What is asked of DVC: each row once, nothing that is there already, nothing at all when a change is wrong."""

import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nightmare.errors import InputError, ParameterError
from nightmare.experiments.original import Row, experiment_name, read_rows
from nightmare.experiments.queue import Known, experiment_file, experiment_log, known_experiments, queue_rows
from nightmare.params import Params

ROWS = read_rows()
FAILED, QUEUED, RUNNING, DONE, NEW = (experiment_name(row, 0.1) for row in ROWS[:5])
STATUS = f"""\
Task     Name   Created    Status
0000001  {RUNNING}  07:03 PM   Running
0000002  {FAILED}  Nov 25, 2026   Failed
0000003  {QUEUED}  07:03 PM   Failed
0000004  {QUEUED}  07:04 PM   Queued
0000005  {DONE}    07:03 PM   Success

Worker status: 1 active, 0 idle
"""
LIST = f"master:\n\tabcdef1 [{DONE}]\n0123456:\n\tabcdef2 [older-one]\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The arguments of every call of dvc, which answers as DVC 3.67 does."""
    calls: list[tuple[str, ...]] = []

    def answer(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        arguments = tuple(command[3:])
        calls.append(arguments)
        said = {("queue", "status"): STATUS, ("exp", "list"): LIST}.get(arguments[:2], "")
        return subprocess.CompletedProcess(command, 0, said, "")

    monkeypatch.setattr(subprocess, "run", answer)
    return calls


def test_experiments_are_known_by_their_weightiest_state(asked: list[tuple[str, ...]]) -> None:
    assert known_experiments() == {
        RUNNING: Known("running", task="0000001"),
        FAILED: Known("failed", task="0000002"),
        QUEUED: Known("queued", task="0000004"),
        DONE: Known("done", revision="abcdef1", task="0000005"),
        "older-one": Known("done", revision="abcdef2"),
    }
    assert ("exp", "list", "--all-commits") in asked


def test_only_what_is_absent_or_failed_is_queued(asked: list[tuple[str, ...]], params: Params) -> None:
    said = list(queue_rows(ROWS[:5], scale=0.1, params=params))
    assert [line.split()[0] for line in said] == [FAILED, QUEUED, RUNNING, DONE, NEW]
    assert "queued: 15 epochs, 72 pixels" in said[0]
    assert "`dvc queue start`" in said[1]
    assert f"`dvc queue kill {RUNNING}`" in said[2]
    assert f"`dvc exp remove {DONE}`" in said[3]
    changing = [call for call in asked if call[1] in ("run", "remove")]
    assert [call[:5] for call in changing] == [
        ("queue", "remove", "0000002"),
        ("exp", "run", "--queue", "--name", FAILED),
        ("exp", "run", "--queue", "--name", NEW),
    ]
    assert [call[-1] for call in changing[1:]] == ["train", "train"]


def test_every_change_is_handed_over(asked: list[tuple[str, ...]], params: Params) -> None:
    assert "queued" in next(queue_rows(ROWS[-1:], scale=0.25, params=params))
    call = asked[-1]
    given = {setting for flag, setting in pairwise(call) if flag == "--set-param"}
    assert call[-1] == "retrain"
    assert given == {
        "label.version=anf",
        "model.depth=18",
        "model.pretrained=false",
        "model.pixels=112",
        "train.first_pixels=112",
        "train.learning_rate=0.0001",
        "train.schedule=constant",
        "train.epochs=50",
        "train.color_jitter=0.4",
        "cull.strategy=validation",
        "cull.class_cap=1.0",
    }


def test_a_wrong_change_queues_nothing(asked: list[tuple[str, ...]], params: Params) -> None:
    wrong = Row.model_validate(ROWS[1].model_dump() | {"params": {"train.epochs": 10, "train.jitter": 0.4}})
    with pytest.raises(ParameterError, match=r"train\.jitter is no parameter"):
        list(queue_rows([ROWS[0], wrong], scale=0.1, params=params))
    assert asked == []


@pytest.mark.parametrize(
    "command",
    [lambda folder: known_experiments(), lambda folder: experiment_file(Known("done", "abcdef1"), "file", folder)],
)
def test_errors_of_dvc_are_told(
    command: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 255, "", "WARNING: old\nERROR: you are not inside of a DVC repository\n")
    monkeypatch.setattr(subprocess, "run", lambda *given, **options: failed)
    with pytest.raises(InputError, match="failed: you are not inside of a DVC repository: mend that"):
        command(tmp_path)


def test_an_experiment_that_was_not_queued_has_no_log(asked: list[tuple[str, ...]]) -> None:
    assert experiment_log(Known("done", "abcdef1")) == ""
    assert asked == []
    experiment_log(Known("done", "abcdef1", task="0000005"))
    assert asked == [("queue", "logs", "0000005")]
