"""What runs again after which change: the real dvc in a clone of the project, one change after the other."""

import hashlib
import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clones import Clone, draw_classes, make_clone, stages_run
from numpy.typing import NDArray

from nightmare.tables import PREDICTIONS, SPLIT, read_table
from nightmare.train.evaluate import probabilities

NETWORKS = "train cull retrain control robust judge evaluate dream"  # labels are judged without them
AFTER_SPLIT = f"crossval {NETWORKS}"
TABLE = {
    "first run": f"scrape ingest label split {AFTER_SPLIT}",
    "nothing": "",
    "model.depth": NETWORKS,
    "model.depth back again": "",
    "dream.strength": "dream",
    "a comment in nightmare/dream": "dream",
    "cull.strategy, class_cap, confidence": "cull retrain control robust evaluate dream",
    "cull.keep_at_least, to no effect": "cull",
    "seed": f"split {AFTER_SPLIT}",
    "a new picture, as far as label": "scrape ingest label",
}


@dataclass(frozen=True, repr=False)  # its thousand lines would hide what a failing test has to say
class Results:
    """What a run leaves: the culled table, the hash of each model, and what stages answered on the test side."""

    culled: pd.DataFrame
    weights: dict[str, str]
    test: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, clone: Clone) -> "Results":
        def weights(stage: str) -> str:
            return hashlib.sha256((clone.folder / "models" / stage / "model.safetensors").read_bytes()).hexdigest()

        def test(stage: str) -> NDArray[np.float64]:
            table = read_table(clone.folder / "reports" / stage / "predictions.csv", PREDICTIONS)
            return probabilities(table[table["side"] == "test"], ("frogs", "lizards", "snakes"))

        return cls(
            culled=read_table(clone.folder / "data" / "culled.csv", SPLIT),
            weights={stage: weights(stage) for stage in ("train", "retrain", "robust")},
            test={stage: test(stage) for stage in ("train", "retrain", "evaluate")},
        )


@dataclass(frozen=True, repr=False)
class Experiment:
    """What dvc says of an experiment, and the depth of the model that going back from it leaves."""

    difference: dict[str, Any]
    shown: list[dict[str, Any]]
    architecture_afterwards: str


@dataclass(frozen=True)
class History:
    """The stages that dvc ran after each change of the table, and the results before and after culling."""

    ran: dict[str, list[str]]
    experiment: Experiment
    before: Results
    after: Results


@pytest.fixture(scope="module")
def history(programs: Path) -> History:
    # Not among the folders that pytest keeps: this one grows to three gigabytes.
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as threads:
        clone = make_clone(Path(folder) / "clone", programs)
        ran = {"first run": clone.repro(), "nothing": clone.repro()}
        clone.commit()
        other = Clone(Path(folder) / "other", programs)
        shutil.copytree(clone.folder, other.folder)
        before = Results.of(clone)
        edits = threads.submit(edit, other, ran)
        experiment = try_another_depth(clone, ran)
        return History(ran, experiment, before, after=edits.result())


def try_another_depth(clone: Clone, ran: dict[str, list[str]]) -> Experiment:
    """An experiment by an override on the command line, and the way back."""
    ran["model.depth"] = stages_run(clone.dvc("exp", "run", "--set-param", "model.depth=34"))
    difference = json.loads(clone.dvc("metrics", "diff", "--json"))
    shown = json.loads(clone.dvc("exp", "show", "--json"))
    clone.change(model__depth=18)
    ran["model.depth back again"] = clone.repro()
    card = json.loads((clone.folder / "models" / "retrain" / "model.json").read_text(encoding="utf-8"))
    return Experiment(difference, shown, card["architecture"])


def edit(clone: Clone, ran: dict[str, list[str]]) -> Results:
    """All the other changes, the late stages first. Returns the results of the culling among them."""
    clone.change(dream__strength=0.5)
    ran["dream.strength"] = clone.repro()
    with (clone.folder / "nightmare" / "dream" / "recipe.py").open("a", encoding="utf-8") as module:
        module.write("# a comment\n")
    ran["a comment in nightmare/dream"] = clone.repro()

    # So far nothing may be removed. Now all that is misclassified may, which is a lot after one epoch.
    clone.change(cull__strategy="misclassified", cull__class_cap=0.5, cull__confidence=0.0)
    ran["cull.strategy, class_cap, confidence"] = clone.repro()
    results = Results.of(clone)
    # The tables come out as they were, and so nothing is trained: stages follow content.
    clone.change(cull__keep_at_least=1)
    ran["cull.keep_at_least, to no effect"] = clone.repro()

    clone.change(seed=1)
    ran["seed"] = clone.repro()
    draw_classes(clone.folder / "data" / "own", count=15)
    ran["a new picture, as far as label"] = clone.repro("label")
    return results


@pytest.mark.parametrize(("change", "stages"), TABLE.items())
def test_a_change_reruns_what_it_concerns(history: History, change: str, stages: str) -> None:
    assert sorted(history.ran[change]) == sorted(stages.split())


def test_going_back_restores_the_outputs(history: History) -> None:
    assert history.experiment.architecture_afterwards == "resnet18"


def test_an_override_leaves_metrics_that_dvc_compares(history: History) -> None:
    changed = history.experiment.difference["reports/train/metrics.json"]
    loss = changed["lowest_loss.loss"]
    assert loss["diff"] != 0
    _, commit = history.experiment.shown  # the first entry is the workspace
    run = commit["experiments"][0]["revs"][0]
    depths = [entry["data"]["params"]["params.yaml"]["data"]["model"]["depth"] for entry in (commit, run)]
    assert depths == [18, 34]
    metrics = [entry["data"]["metrics"]["reports/train/metrics.json"]["data"] for entry in (commit, run)]
    assert [figures["lowest_loss"]["loss"] for figures in metrics] == [loss["old"], loss["new"]]


def test_retrain_forgets_what_was_culled(history: History) -> None:
    before, after = history.before, history.after
    assert before.culled["keep"].all()
    assert before.weights["train"] == before.weights["retrain"], "equal rows make equal weights"
    assert not after.culled.loc[after.culled["side"] == "train", "keep"].all()
    assert after.weights["train"] == before.weights["train"] != after.weights["retrain"]


def test_evaluate_judges_the_model_that_retrain_left(history: History) -> None:
    test = history.after.test
    np.testing.assert_allclose(test["evaluate"], test["retrain"], atol=1e-5)  # tables have six places
    assert abs(test["evaluate"] - test["train"]).max() > 1e-4
