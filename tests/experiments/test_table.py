"""The table: figures of what is done, reasons of what failed, and a line for what was not run."""

from pathlib import Path

import pandas as pd
import pytest

from nightmare.errors import InputError
from nightmare.experiments import table
from nightmare.experiments.original import Row, experiment_name, read_rows
from nightmare.experiments.queue import Known
from nightmare.experiments.table import experiments_table
from nightmare.tables import PREDICTIONS, SPLIT, write_table

ROWS = {row.name: row for row in read_rows()}
PLAIN, CULLED = ROWS["18-anf-scratch"], ROWS["18-culled-scratch"]
# Validation: 3 of 4 right, and 3 of 3 without the culled one. Test: 4 of 5, and 1 and 1/2 of the two classes.
SIDES = ["val"] * 4 + ["test"] * 5
LABELS = ["a", "a", "b", "b", "a", "a", "a", "b", "b"]
PREDICTED = ["a", "a", "b", "a", "a", "a", "a", "b", "a"]
KEEP = [True, True, True, False] + [True] * 5
LOG = """\
> python -m stages.train train data/split.csv
train: 2.5 minutes
> python -m stages.train retrain data/culled.csv
retrain: 4.0 minutes
"""
FAILURE = """\
Running stage 'train':
error: the ImageNet weights of ResNet-34 could not be fetched (no network): bring the file
ERROR: failed to reproduce 'train'
"""


@pytest.fixture(autouse=True)
def _experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Experiments whose revision is `gone` have lost their files; the task of others is their log."""
    ids = [f"{number:016x}" for number in range(len(LABELS))]
    rows = pd.DataFrame({"id": ids, "side": SIDES, "grade": "A", "label": LABELS, "predicted": PREDICTED})
    split = rows.assign(group=ids, fold=0, keep=KEEP)

    def bring(known: Known, path: str, folder: Path) -> Path:
        if known.revision == "gone":
            raise InputError("`dvc get` failed: mend that")
        assert path == "data/culled.csv" or path == f"reports/{known.revision}/predictions.csv"
        local = folder / Path(path).name
        write_table(*((split, local, SPLIT) if path == "data/culled.csv" else (rows, local, PREDICTIONS)))
        return local

    monkeypatch.setattr(table, "experiment_file", bring)
    monkeypatch.setattr(table, "experiment_log", lambda known: known.task)


def lines(*experiments: tuple[Row, float, Known], rows: list[Row]) -> tuple[list[list[str]], str]:
    """The cells of the table, and what stands below it."""
    text = experiments_table(rows, {experiment_name(row, scale): known for row, scale, known in experiments})
    head, _, rest = text.partition("\n\n")
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in head.splitlines()], rest


def test_figures_stand_beside_the_originals() -> None:
    done = (
        (PLAIN, 0.1, Known("done", "train", task=LOG)),
        (CULLED, 0.1, Known("done", "retrain", task=LOG)),
    )
    (header, _, plain, culled), below = lines(*done, rows=[PLAIN, CULLED])
    assert header == [
        *("experiment", "scale", "original", "validation", "validation, culled"),
        *("test", "test, balanced", "test, n", "minutes", "state"),
    ]
    assert plain == ["18-anf-scratch", "0.1", "0.810", "0.750", "", "0.800", "0.750", "5", "2.5", "done"]
    assert culled == ["18-culled-scratch", "0.1", "0.977", "0.750", "1.000", "0.800", "0.750", "5", "4.0", "done"]
    assert "18-culled-scratch: the original's table says ANF here and its text ANF--" in below


def test_each_row_has_a_line_and_each_scale_its_own() -> None:
    known = (
        (PLAIN, 0.05, Known("queued", task="1")),
        (PLAIN, 0.5, Known("running", task="2")),
        (ROWS["34-anf-scratch"], 1.0, Known("done", "train")),
    )
    (_, _, *cells), _ = lines(*known, rows=list(ROWS.values()))
    assert [line[0] for line in cells] == [name for name in ROWS for _ in range(1 + (name == PLAIN.name))]
    states = {(line[0], line[1]): line[-1] for line in cells}
    assert states[PLAIN.name, "0.05"] == "queued"
    assert states[PLAIN.name, "0.5"] == "running"
    assert states["152-idl-scratch", ""] == "not run"
    (run_by_hand,) = [line for line in cells if line[:2] == ["34-anf-scratch", "1"]]
    assert run_by_hand[-3:] == ["5", "", "done"], "without a log there are no minutes"


def test_failures_give_their_reason() -> None:
    pretrained = ROWS["34-anf-pretrained"]
    known = (
        (pretrained, 0.1, Known("failed", task=FAILURE)),
        (PLAIN, 0.1, Known("failed", task="Traceback")),
        (CULLED, 0.1, Known("done", "gone", task=LOG)),
    )
    (_, _, *cells), below = lines(*known, rows=[pretrained, PLAIN, CULLED])
    assert [line[-1] for line in cells] == ["failed", "failed", "lost"]
    assert "original-34-anf-pretrained-at-0.1 failed: the ImageNet weights of ResNet-34 could not be fetched" in below
    assert "original-18-anf-scratch-at-0.1 failed: `dvc queue logs Traceback` shows" in below
    assert "original-18-culled-scratch-at-0.1: `dvc get` failed" in below
