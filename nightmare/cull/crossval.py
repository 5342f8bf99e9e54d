"""Out-of-sample predictions: every pool image is judged by a network that never saw it nor its near-duplicates.

The pool (train and val sides) is cut into the folds of the split table, whose groups are never cut; for each fold a
network is trained on the others. The test side takes no part.
"""

from functools import partial

import pandas as pd
from torch import Tensor

from nightmare.data.arrays import Arrays
from nightmare.errors import InputError
from nightmare.parallel import parallel_map
from nightmare.params import ModelParams, TrainParams
from nightmare.train.evaluate import prediction_table
from nightmare.train.loop import predict, train_network

__all__ = ["cross_validate"]


def cross_validate(
    split: pd.DataFrame,
    arrays: Arrays,
    *,
    classes: tuple[str, ...],
    model: ModelParams,
    train: TrainParams,
    seed: int,
    canvases: Tensor,
) -> pd.DataFrame:
    """A predictions table with one row per pool image and the extra column `fold`.

    Raises `InputError` when a group lies in several folds, which would let a network judge what it has seen.
    """
    pool = split[split["side"] != "test"]
    if (pool.groupby("group")["fold"].nunique() > 1).any():
        raise InputError("a group of near-duplicates lies in several folds: run `dvc repro -f split`")
    judge = partial(
        _judged_fold, pool=pool, arrays=arrays, classes=classes, model=model, train=train, seed=seed, canvases=canvases
    )
    parts = parallel_map(judge, sorted(pool["fold"].unique()), label="crossval", unit="fold")
    return pd.concat(parts, ignore_index=True)


def _judged_fold(
    fold: int,
    *,
    pool: pd.DataFrame,
    arrays: Arrays,
    classes: tuple[str, ...],
    model: ModelParams,
    train: TrainParams,
    seed: int,
    canvases: Tensor,
) -> pd.DataFrame:
    # No row of the fold serves as validation: an epoch chosen on it would no longer be out of sample.
    learning = pool[pool["fold"] != fold].assign(side="train")
    judged = pool[pool["fold"] == fold]
    trained = train_network(
        learning,
        arrays,
        classes=classes,
        model=model,
        train=train,
        seed=seed,
        name=f"crossval-{fold}",
        canvases=canvases,
    )
    return prediction_table(judged, predict(trained.network, arrays, judged["id"]), classes).assign(fold=fold)
