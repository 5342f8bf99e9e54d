"""Out-of-sample means out of sample: no network judges what it was trained on."""

from typing import Any

import pandas as pd
import pytest
import torch

from nightmare.cull import crossval
from nightmare.cull.crossval import cross_validate
from nightmare.data.arrays import Arrays
from nightmare.errors import InputError
from nightmare.params import ModelParams, TrainParams


@pytest.fixture
def run(tiny_arrays: Arrays, tiny_model: ModelParams, tiny_train: TrainParams, tiny_canvases: torch.Tensor) -> Any:
    def validate(split: pd.DataFrame) -> pd.DataFrame:
        return cross_validate(
            split,
            tiny_arrays,
            classes=("bars", "disc"),
            model=tiny_model,
            train=tiny_train.model_copy(update={"epochs": 1}),
            seed=1,
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
    predictions = run(tiny_split)
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
