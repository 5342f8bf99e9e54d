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
    real_train, real_predict = crossval.train_network, crossval.predict

    def train(split: pd.DataFrame, *arguments: Any, **named: Any) -> Any:
        seen.append(set(split["id"]))
        return real_train(split, *arguments, **named)

    def predict(network: Any, arrays: Arrays, ids: pd.Series) -> Any:
        judged.append(set(ids))
        return real_predict(network, arrays, ids)

    monkeypatch.setattr(crossval, "train_network", train)
    monkeypatch.setattr(crossval, "predict", predict)
    predictions = run(tiny_split).predictions
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
    assert 0 < margins["relabelled"].sum() < 16


def test_repeats_are_other_networks_and_their_mean_counts(run: Any, tiny_split: pd.DataFrame) -> None:
    once, twice = run(tiny_split), run(tiny_split, repeats=2)
    assert list(twice.margins.groupby(["fold", "repeat"]).size()) == [16] * 4
    assert len(twice.predictions) == len(once.predictions)
    first = twice.margins[twice.margins["repeat"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, once.margins, check_exact=False)
    assert not (twice.predictions["p_disc"] - once.predictions["p_disc"]).abs().lt(1e-6).any()


def test_exchanged_labels_are_a_share_drawn_by_the_seed() -> None:
    labels = pd.Series(["a", "b", "c"] * 1000)
    exchanged = relabelled(labels, 0.1, ("a", "b", "c"), seed=1)
    changed = exchanged != labels
    assert changed.mean() == pytest.approx(0.1, abs=0.02)
    pairs = pd.crosstab(labels[changed], exchanged[changed])
    assert pairs.to_numpy()[~np.eye(3, dtype=bool)].min() > 30, "every other class is as likely"
    assert exchanged.equals(relabelled(labels, 0.1, ("a", "b", "c"), seed=1))
    assert not exchanged.equals(relabelled(labels, 0.1, ("a", "b", "c"), seed=2))
