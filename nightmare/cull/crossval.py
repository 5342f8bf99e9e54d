"""Out-of-sample probabilities: every pool image is judged by classifiers that never saw it nor its near-duplicates.

The pool is cut into folds at random, near-duplicates together; each fold is judged by what was learnt from the others.

How far the verdicts can be trusted depends on the images. So they are asked for again after some labels of the same
pool were exchanged, of which it is known that they are wrong.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from nightmare.cull.evidence import REFINEMENTS, weigh_labels
from nightmare.errors import InputError
from nightmare.params import CrossvalParams
from nightmare.seeds import derived_seed
from nightmare.tables import FAULTS
from nightmare.train.evaluate import prediction_table

__all__ = ["cross_validate", "cross_validate_exchanged", "partitions_of"]

_EXCHANGED = 0.1  # share of the labels: enough to count, few enough to leave the pool what it is


def cross_validate(
    pool: pd.DataFrame,
    features: NDArray[np.float64],
    faults: NDArray[np.float64],
    *,
    classes: tuple[str, ...],
    crossval: CrossvalParams,
    seed: int,
    refinements: int = REFINEMENTS,
    strangers: bool = True,
) -> pd.DataFrame:
    """A row per image of `pool`, rows of the split table with `features` (n, d): its class probabilities, how
    probably its label is wrong, and `faults` (n, faults; see `find_faults`): a table `tables.EVIDENCE`.

    `refinements` and `strangers` are those of `weigh_labels`. Raises `InputError` when a class is so rare that a fold
    could hold all of it.
    """
    labels = np.array([classes.index(label) for label in pool["label"]])
    partitions = partitions_of(pool, labels, crossval, seed)
    evidence = weigh_labels(
        features, labels, partitions, class_count=len(classes), refinements=refinements, strangers=strangers
    )
    table = prediction_table(pool, evidence.probability, classes).assign(wrong=evidence.wrong)
    table[[*FAULTS]] = faults
    return table


def cross_validate_exchanged(
    pool: pd.DataFrame,
    features: NDArray[np.float64],
    *,
    classes: tuple[str, ...],
    crossval: CrossvalParams,
    seed: int,
    refinements: int = REFINEMENTS,
    strangers: bool = True,
) -> pd.DataFrame:
    """How probably each label of `pool` is wrong after some were exchanged, by `features` (n, d): a table
    `tables.INJECTED` of repeats x n rows.

    In each repeat, judged by one partition, a tenth of the images get each other's labels, at random, some of them one
    like their own: each class stays as large as it was. Raises `InputError` as `cross_validate` does.
    """
    own = np.array([classes.index(label) for label in pool["label"]])
    runs = []
    for repeat, folds in enumerate(partitions_of(pool, own, crossval, seed)):
        generator = np.random.default_rng(derived_seed(seed, "exchanged", repeat))
        chosen = np.flatnonzero(generator.random(len(own)) < _EXCHANGED)
        labels = own.copy()
        labels[chosen] = own[generator.permutation(chosen)]
        evidence = weigh_labels(
            features, labels, folds[None], class_count=len(classes), refinements=refinements, strangers=strangers
        )
        runs.append(
            pd.DataFrame(
                {
                    "repeat": repeat,
                    "id": pool["id"].to_numpy(),
                    "label": np.array(classes)[labels],
                    "exchanged": labels != own,
                    "wrong": evidence.wrong,
                }
            )
        )
    return pd.concat(runs, ignore_index=True)


def partitions_of(
    pool: pd.DataFrame, labels: NDArray[np.int64], crossval: CrossvalParams, seed: int
) -> NDArray[np.int64]:
    """The fold of each image of `pool` in each repeat: (repeats, n).

    Raises `InputError` when a class is so rare that a fold could hold all of it.
    """
    groups_of_class = pool.groupby("label")["group"].nunique()
    rare = groups_of_class.index[groups_of_class < 2]
    if len(rare):
        raise InputError(
            f"all images of {', '.join(rare)} are near-duplicates of each other, so that nobody could judge them: "
            "bring more of them, or raise label.smallest_class to leave the class out"
        )
    groups = pool["group"].to_numpy(dtype=str)
    count = min(crossval.folds, int(groups_of_class.min()))
    seeds = [derived_seed(seed, "folds", repeat) for repeat in range(crossval.repeats)]
    return np.array([_folds(labels, groups, count, seed) for seed in seeds])


def _folds(labels: NDArray[np.int64], groups: NDArray[np.str_], count: int, seed: int) -> NDArray[np.int64]:
    """The fold of each image, 0 to `count` - 1: classes spread evenly, groups whole."""
    folds = np.empty(len(labels), dtype=np.int64)
    cut = StratifiedGroupKFold(count, shuffle=True, random_state=seed % 2**32)
    for fold, (_, judged) in enumerate(cut.split(labels, labels, groups)):
        folds[judged] = fold
    return folds
