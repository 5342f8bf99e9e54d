"""The original's experiments in DVC's queue, and what DVC knows of them.

DVC takes a second experiment of a name that is queued already, and lets it overwrite the first: nothing is queued here
that is queued, running or done.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from nightmare.errors import InputError
from nightmare.experiments.original import Row, changed_params, experiment_name, scaled_changes
from nightmare.params import Params

__all__ = ["Known", "experiment_file", "experiment_log", "known_experiments", "queue_rows"]

State = Literal["failed", "queued", "running", "done"]
# As `dvc queue status` says, the weightiest last: a name may stand there twice, once failed and once queued again.
_STATES: dict[str, State] = {"Failed": "failed", "Queued": "queued", "Running": "running"}
_REMEDIES = {
    "queued": "is queued already: `dvc queue start` runs it",
    "running": "is running: `dvc queue logs {name}` shows what it says, `dvc queue kill {name}` stops it",
    "done": "is done: `dvc exp remove {name}` forgets it",
}


@dataclass(frozen=True)
class Known:
    """Where an experiment stands, the commit of one that is done, and its task, empty where it was not queued."""

    state: State
    revision: str = ""
    task: str = ""


def queue_rows(rows: list[Row], *, scale: float, params: Params) -> Iterator[str]:
    """Queue what is neither queued nor running nor done at `scale`, and say of each row what became of it.

    Every change is checked before the first row is queued. Raises `ParameterError`, and `InputError` in DVC's words.
    """
    changes = [scaled_changes(row, scale, params) for row in rows]
    for change in changes:
        changed_params(params, change)
    known = known_experiments()
    for row, change in zip(rows, changes, strict=True):
        name = experiment_name(row, scale)
        before = known.get(name)
        if before and before.state != "failed":
            yield f"{name} {_REMEDIES[before.state].format(name=name)}"
            continue
        if before:
            _dvc("queue", "remove", before.task)
        settings = [part for key, value in change.items() for part in ("--set-param", f"{key}={_hydra(value)}")]
        _dvc("exp", "run", "--queue", "--name", name, *settings, row.stage)
        yield f"{name} queued: {change['train.epochs']} epochs, {change['model.pixels']} pixels"


def known_experiments() -> dict[str, Known]:
    """All experiments of the project by name, whichever commit they started from."""
    tasks = re.findall(r"^([0-9a-f]{7}) +(\S+) .* (\w+) *$", _dvc("queue", "status"), re.MULTILINE)
    finished = re.findall(r"^\t(\w+) \[(\S+)\]$", _dvc("exp", "list", "--all-commits"), re.MULTILINE)
    known: dict[str, Known] = {}
    for word, state in _STATES.items():
        known |= {name: Known(state, task=task) for task, name, status in tasks if status == word}
    succeeded = {name: task for task, name, status in tasks if status == "Success"}
    return known | {name: Known("done", revision, succeeded.get(name, "")) for revision, name in finished}


def experiment_log(known: Known) -> str:
    """What an experiment that was queued has said, empty for another."""
    return _dvc("queue", "logs", known.task) if known.task else ""


def experiment_file(known: Known, path: str, folder: Path) -> Path:
    """Bring the file at `path` of an experiment that is done into `folder`. Raises `InputError` when it is gone."""
    local = folder / Path(path).name
    _dvc("get", ".", path, "--rev", known.revision, "--out", str(local), "--force")
    return local


def _hydra(value: Any) -> str:
    """As DVC reads the values of parameters, in Hydra's grammar: Python's True would be a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _dvc(*arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a list, no shell
    if done.returncode:
        words = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        said = " ".join(words) or done.stderr.strip()
        raise InputError(f"`dvc {' '.join(arguments[:2])}` failed: {said}: mend that, then run the same command again")
    return done.stdout
