"""Out-of-sample means out of sample: no network judges what it was trained on."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from nightmare.cull import crossval
from nightmare.cull.crossval import Crossval, cross_validate, relabelled
from nightmare.data.arrays import Arrays
from nightmare.errors import InputError
from nightmare.params import CrossvalParams, ModelParams, TrainParams


@pytest.fixture
def run(tiny_arrays: Arrays, tiny_model: ModelParams, tiny_train: TrainParams, tiny_canvases: torch.Tensor) -> Any:
    def validate(split: pd.DataFrame, *, repeats: int = 1, seed: int = 1) -> Crossval:
        return cross_validate(
            split,
            tiny_arrays,
            classes=("bars", "disc"),
            model=tiny_model,
            train=tiny_train.model_copy(update={"balance": 0.0}),  # so that an epoch draws every image
            crossval=CrossvalParams(epochs=1, repeats=repeats, relabelled=0.2),
            seed=seed,
            canvases=tiny_canvases,
        )

    return validate


def test_every_pool_image_is_judged_once_by_a_network_that_never_saw_it(
    run: Any, tiny_split: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")
    seen: list[set[str]] = []
    judged: list[set[str]] = []
    learnt: list[pd.Series] = []
    real_train, real_predict = crossval.train_network, crossval.predict

    def train(split: pd.DataFrame, *arguments: Any, **named: Any) -> Any:
        seen.append(set(split["id"]))
        learnt.append(split.set_index("id")["label"])
        assert named["train"].epochs == 1, "those of crossval, not of train"
        return real_train(split, *arguments, **named)

    def predict(network: Any, arrays: Arrays, ids: pd.Series) -> Any:
        judged.append(set(ids))
        return real_predict(network, arrays, ids)

    monkeypatch.setattr(crossval, "train_network", train)
    monkeypatch.setattr(crossval, "predict", predict)
    result = run(tiny_split)
    predictions = result.predictions
    for (_, margins), labels in zip(result.margins.groupby("fold"), learnt, strict=True):
        assert (labels[margins["id"]].to_numpy() == margins["learnt_as"]).all(), "what it learnt is what is said"
    pool = set(tiny_split.loc[tiny_split["side"] != "test", "id"])
    assert sorted(predictions["id"]) == sorted(pool)
    assert all(not (trained & tested) for trained, tested in zip(seen, judged, strict=True))
    assert all(trained | tested == pool for trained, tested in zip(seen, judged, strict=True))
    fold = tiny_split.set_index("id")["fold"]
    assert (predictions.set_index("id")["fold"] == fold[predictions["id"]]).all()


def test_group_across_folds_is_refused(run: Any, tiny_split: pd.DataFrame) -> None:
    torn = tiny_split.assign(group="same")
    with pytest.raises(InputError, match="several folds"):
        run(torn)


def test_every_network_says_how_it_learnt_each_of_its_images(run: Any, tiny_split: pd.DataFrame) -> None:
    margins = run(tiny_split).margins.merge(tiny_split[["id", "label", "fold"]], on="id", suffixes=("", "_of_image"))
    assert len(margins) == 32, "two networks, each of half of the pool"
    assert (margins["fold"] != margins["fold_of_image"]).all()
    assert margins["relabelled"].equals(margins["learnt_as"] != margins["label"])
    assert margins.groupby("fold")["relabelled"].sum().tolist() == [4, 4], "a fifth, rounded up"
    changed = margins[margins["relabelled"]].groupby("fold")["id"].agg(frozenset)
    assert changed.nunique() == 2, "each network has its own"


def test_repeats_are_other_networks_and_their_mean_counts(
    run: Any, tiny_split: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")
    answers: list[Any] = []
    real = crossval.predict
    monkeypatch.setattr(crossval, "predict", lambda *given: answers.append(real(*given)) or answers[-1])
    once, twice = run(tiny_split), run(tiny_split, repeats=2)
    assert len(answers) == 2 + 4
    of_fold = twice.predictions[twice.predictions["fold"] == 0]
    np.testing.assert_allclose(of_fold[["p_bars", "p_disc"]], (answers[2] + answers[3]) / 2)
    assert not np.allclose(answers[2], answers[3]), "another seed"
    assert list(twice.margins.groupby(["fold", "repeat"]).size()) == [16] * 4
    assert len(twice.predictions) == len(once.predictions)
    first = twice.margins[twice.margins["repeat"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, once.margins, check_exact=False)


def test_exchanged_labels_are_a_share_drawn_by_the_seed() -> None:
    rows = pd.DataFrame({"label": ["a", "b", "c"] * 1000, "group": [f"{number:04}" for number in range(3000)]})
    labels, classes = rows["label"], ("a", "b", "c")
    exchanged = relabelled(rows, 0.1, classes, seed=1)
    changed = exchanged != labels
    assert changed.sum() == 300
    pairs = pd.crosstab(labels[changed], exchanged[changed])
    assert pairs.to_numpy()[~np.eye(3, dtype=bool)].min() > 30, "every other class is as likely"
    assert exchanged.equals(relabelled(rows, 0.1, classes, seed=1))
    assert not exchanged.equals(relabelled(rows, 0.1, classes, seed=2))


def test_near_duplicates_are_exchanged_alike_and_something_always_is() -> None:
    rows = pd.DataFrame({"label": ["a"] * 20 + ["b"] * 20, "group": [f"{number // 4}" for number in range(40)]})
    exchanged = relabelled(rows, 0.3, ("a", "b", "c"), seed=1)
    assert exchanged.groupby(rows["group"]).nunique().eq(1).all()
    assert (exchanged != rows["label"]).sum() == 12
    assert (relabelled(rows, 0.001, ("a", "b", "c"), seed=1) != rows["label"]).sum() == 4


def test_a_class_in_one_fold_alone_is_refused(run: Any, tiny_split: pd.DataFrame) -> None:
    rare = tiny_split["id"].isin(tiny_split["id"][:2])
    assert tiny_split.loc[rare, "fold"].nunique() == 1
    with pytest.raises(InputError, match="all images of rare lie in one fold"):
        run(tiny_split.assign(label=tiny_split["label"].where(~rare, "rare")))
