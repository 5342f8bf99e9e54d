"""Out-of-sample predictions: every pool image is judged by networks that never saw it nor its near-duplicates.

The pool (train and val sides) is cut into the folds of the split table, whose groups are never cut; for each fold a
network is trained on the others. The test side takes no part. Each network learns a small share of its images under
another label, drawn at random, and so shows how it takes labels most of which are known to be wrong.
"""

import math
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from nightmare.data.arrays import Arrays
from nightmare.errors import InputError
from nightmare.parallel import parallel_map
from nightmare.params import CrossvalParams, ModelParams, TrainParams
from nightmare.seeds import derived_seed
from nightmare.train.evaluate import prediction_table
from nightmare.train.loop import predict, train_network

__all__ = ["Crossval", "cross_validate", "relabelled"]


@dataclass(frozen=True)
class Crossval:
    """`predictions` has a row per pool image, with the extra column `fold`: the mean over the repeats.

    `margins` (see `tables.MARGINS`) has a row for each network and image that it learnt from.
    """

    predictions: pd.DataFrame
    margins: pd.DataFrame


@dataclass(frozen=True)
class _Judged:
    probability: NDArray[np.float64]
    margins: pd.DataFrame


def cross_validate(
    split: pd.DataFrame,
    arrays: Arrays,
    *,
    classes: tuple[str, ...],
    model: ModelParams,
    train: TrainParams,
    crossval: CrossvalParams,
    seed: int,
    canvases: Tensor,
) -> Crossval:
    """Train as in `train`, but for the epochs, `crossval.repeats` networks per fold.

    Raises `InputError` when a group lies in several folds, which would let a network judge what it has seen, and when
    all images of a class lie in one, which would then be judged by a network that does not know the class.
    """
    pool = split[split["side"] != "test"]
    if (pool.groupby("group")["fold"].nunique() > 1).any():
        raise InputError("a group of near-duplicates lies in several folds: run `dvc repro -f split`")
    folds_of_class = pool.groupby("label")["fold"].nunique()
    if (folds_of_class < 2).any():
        raise InputError(
            f"all images of {', '.join(folds_of_class.index[folds_of_class < 2])} lie in one fold, as near-duplicates "
            "of each other: bring more of them, or raise label.smallest_class to leave the class out"
        )
    judge = partial(
        _judged_fold,
        pool=pool,
        arrays=arrays,
        classes=classes,
        model=model,
        train=train.model_copy(update={"epochs": crossval.epochs}),
        share=crossval.relabelled,
        seed=seed,
        canvases=canvases,
    )
    folds = sorted(int(fold) for fold in pool["fold"].unique())
    networks = list(product(folds, range(crossval.repeats)))
    judged = dict(zip(networks, parallel_map(judge, networks, label="crossval", unit="network"), strict=True))
    tables = []
    for fold in folds:
        probability = np.mean([judged[fold, repeat].probability for repeat in range(crossval.repeats)], axis=0)
        tables.append(prediction_table(pool[pool["fold"] == fold], probability, classes).assign(fold=fold))
    return Crossval(
        pd.concat(tables, ignore_index=True), pd.concat([part.margins for part in judged.values()], ignore_index=True)
    )


def relabelled(rows: pd.DataFrame, share: float, classes: tuple[str, ...], *, seed: int) -> pd.Series:
    """The labels of `rows` (`label`, `group`), in `share` of the groups exchanged for another of `classes`.

    Near-duplicates are exchanged alike: one among right copies would look more wrong than wrong labels do. At least
    one group is exchanged, and every other class is as likely.
    """
    generator = np.random.default_rng(seed)
    groups = np.sort(rows["group"].unique().astype(str))
    chosen = generator.permutation(groups)[: math.ceil(share * len(groups))]
    step = dict(zip(chosen, generator.integers(1, len(classes), size=len(chosen)), strict=True))
    steps = np.array([step.get(group, 0) for group in rows["group"]])
    position = rows["label"].map({name: number for number, name in enumerate(classes)}).to_numpy()
    return pd.Series(np.array(classes)[(position + steps) % len(classes)], index=rows.index)


def _judged_fold(
    network: tuple[int, int],
    *,
    pool: pd.DataFrame,
    arrays: Arrays,
    classes: tuple[str, ...],
    model: ModelParams,
    train: TrainParams,
    share: float,
    seed: int,
    canvases: Tensor,
) -> _Judged:
    fold, repeat = network
    # No row of the fold serves as validation: an epoch chosen on it would no longer be out of sample.
    learning = pool[pool["fold"] != fold].assign(side="train").sort_values("id")
    labels = relabelled(learning, share, classes, seed=derived_seed(seed, "relabelled", fold, repeat))
    trained = train_network(
        learning.assign(label=labels),
        arrays,
        classes=classes,
        model=model,
        train=train,
        seed=derived_seed(seed, "repeat", repeat) if repeat else seed,
        name=f"crossval-{fold}-{repeat}",
        canvases=canvases,
    )
    learnt = learning[["id"]].assign(learnt_as=labels, relabelled=labels != learning["label"])
    return _Judged(
        predict(trained.network, arrays, pool.loc[pool["fold"] == fold, "id"]),
        learnt.merge(trained.margins, on="id").assign(fold=fold, repeat=repeat),
    )
