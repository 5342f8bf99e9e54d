"""What runs again after which change: the real dvc in a clone of the project, one change after the other."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clones import draw_classes, make_clone, stages_run

AFTER_SPLIT = "train crossval cull retrain evaluate dream"
TABLE = {
    "first run": f"scrape ingest label split {AFTER_SPLIT}",
    "nothing": "",
    "model.depth": AFTER_SPLIT,
    "model.depth back again": "",
    "dream.strength": "dream",
    "a comment in nightmare/dream": "dream",
    "cull.strategy, class_cap, confidence": "cull retrain evaluate dream",
    "cull.keep_at_least, to no effect": "cull",
    "seed": f"split {AFTER_SPLIT}",
    "a new picture, as far as label": "scrape ingest label",
}


@dataclass
class History:
    """The stages that each change of the table made dvc run, and what it says of the experiment among them."""

    ran: dict[str, list[str]]
    restored_depth: int = 0
    difference: dict[str, Any] | None = None
    experiments: list[dict[str, Any]] | None = None


@pytest.fixture(scope="module")
def history(programs: Path) -> History:
    # Not kept like other temporary folders: it grows to three gigabytes.
    with tempfile.TemporaryDirectory() as folder:
        return play(Path(folder), programs)


def play(folder: Path, programs: Path) -> History:
    clone = make_clone(folder, programs)
    history = History({"first run": clone.repro()})
    ran = history.ran
    ran["nothing"] = clone.repro()
    clone.commit()

    ran["model.depth"] = stages_run(clone.dvc("exp", "run", "--set-param", "model.depth=34"))
    history.difference = json.loads(clone.dvc("metrics", "diff", "--json"))
    history.experiments = json.loads(clone.dvc("exp", "show", "--json"))
    clone.change(model__depth=18)
    ran["model.depth back again"] = clone.repro()
    history.restored_depth = json.loads((folder / "models" / "retrain" / "model.json").read_text())["depth"]

    clone.change(dream__strength=0.5)
    ran["dream.strength"] = clone.repro()
    with (folder / "nightmare" / "dream" / "recipe.py").open("a", encoding="utf-8") as module:
        module.write("# a comment\n")
    ran["a comment in nightmare/dream"] = clone.repro()

    # At first nothing may be removed. Now all that is misclassified may, which is a lot after one epoch.
    clone.change(cull__strategy="misclassified", cull__class_cap=0.5, cull__confidence=0.0)
    ran["cull.strategy, class_cap, confidence"] = clone.repro()
    # The table comes out as it was, and so nothing is trained: stages follow content, not parameters.
    clone.change(cull__keep_at_least=1)
    ran["cull.keep_at_least, to no effect"] = clone.repro()

    clone.change(seed=1)
    ran["seed"] = clone.repro()
    draw_classes(folder / "data" / "own", count=15)
    ran["a new picture, as far as label"] = clone.repro("label")
    return history


@pytest.mark.parametrize(("change", "stages"), TABLE.items())
def test_a_change_reruns_what_it_concerns(history: History, change: str, stages: str) -> None:
    assert sorted(history.ran[change]) == sorted(stages.split())


def test_going_back_restores_the_outputs(history: History) -> None:
    assert history.restored_depth == 18


def test_an_override_leaves_metrics_that_dvc_compares(history: History) -> None:
    assert history.difference is not None
    assert history.experiments is not None
    changed = history.difference["reports/train/metrics.json"]
    assert changed["lowest_loss.loss"]["diff"] != 0
    _, commit = history.experiments
    (experiment,) = commit["experiments"]
    depths = [
        entry["data"]["params"]["params.yaml"]["data"]["model"]["depth"] for entry in (commit, experiment["revs"][0])
    ]
    assert depths == [18, 34]
    figures = experiment["revs"][0]["data"]["metrics"]["reports/evaluate/metrics.json"]["data"]
    assert 0 <= figures["retrain"]["test"]["accuracy"] <= 1
