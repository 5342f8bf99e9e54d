"""Known faults in right data, and what each strategy of culling finds of them: for `benchmarks.culling --noise`."""

from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.noise import LabelledSet, Noised, inject, pool_of, smaller
from benchmarks.trained import trained_and_tested
from nightmare.cull.crossval import cross_validate, cross_validate_exchanged
from nightmare.cull.evidence import REFINEMENTS
from nightmare.cull.faults import find_faults
from nightmare.cull.features import features_of, seen_by_network
from nightmare.cull.strategies import facts_of, suspects
from nightmare.data.arrays import Arrays
from nightmare.params import CullParams, Params
from nightmare.tables import classes_of
from nightmare.train.evaluate import scores

__all__ = [
    "STRATEGIES",
    "Known",
    "by_class",
    "cross_validated",
    "figures",
    "known_of",
    "noised_set",
    "removed_by",
    "scored",
    "small_training",
    "what_is_known",
]

# Features and faults of pictures, as crossval takes them.
Known = tuple[NDArray[np.float64], NDArray[np.float64]]
STRATEGIES = get_args(CullParams.model_fields["strategy"].annotation)
_CLASS = "false removals of "


def small_training(params: Params, *, pixels: int, epochs: int) -> Params:
    """The default training on small pictures, so that dozens of networks are trained in minutes."""
    changes = {"epochs": epochs, "first_pixels": pixels, "batch": 64}
    return params.model_copy(
        update={
            "model": params.model.model_copy(update={"pixels": pixels}),
            "train": params.train.model_copy(update=changes),
        }
    )


def scored(clean: LabelledSet, kind: str, share: float, *, known: Known, params: Params, seed: int) -> pd.DataFrame:
    """A row of figures per strategy, before the caps per class; `known` is what is known of the pool without faults.

    The accuracy is NaN where a culling leaves a class nothing to be learnt from, as no cap would let it.
    """
    noised = noised_set(clean, kind, share, seed=seed)
    pictures = smaller(noised.arrays, params.model.pixels)

    def tested(split: pd.DataFrame) -> pd.DataFrame:
        return trained_and_tested(params, split, pictures, seed=seed, name="culling-noise")[1]

    def accuracy(said: pd.DataFrame) -> float:
        return scores(said[said["side"] == "test"])["accuracy"]

    whole = tested(noised.split)
    seen = known_of(clean, noised, known, seed=seed)
    predictions, injected, classes = cross_validated(noised, seen, params=params, seed=seed)
    facts = facts_of(predictions, classes)
    faulty = facts["id"].isin(noised.faulty)
    hard = ~faulty & (facts["margin"] < 0)
    rankings = {"confident": -facts["margin"], "evidence": facts["doubt"]}
    rows = []
    by_strategy = removed_by(predictions, classes, injected=injected, validation=whole, cull=params.cull)
    for strategy, removed in by_strategy.items():
        found = figures(removed, faulty, doubt=rankings.get(strategy))
        row = {"strategy": strategy, **found, "hard kept": float(1 - removed[hard].mean())}
        of_right = removed[~faulty].groupby(facts["label"][~faulty]).mean()
        row |= {f"{_CLASS}{label}": share for label, share in of_right.items()}
        left = noised.split.assign(keep=~noised.split["id"].isin(facts.loc[removed, "id"]))
        learning = left[left["side"] == "train"]
        if learning["keep"].all():  # who takes nothing away from what is learnt leaves the same network
            row["test accuracy"] = accuracy(whole)
        elif set(learning.loc[learning["keep"], "label"]) == set(classes):
            row["test accuracy"] = accuracy(tested(left))
        else:  # nobody can learn what a class is of which nothing is left
            row["test accuracy"] = np.nan
        rows.append(row)
    table = pd.DataFrame([{"strategy": "no culling", "removed": 0, "test accuracy": accuracy(whole)}, *rows])
    return table.assign(faulty=faulty.mean())


def by_class(means: pd.DataFrame, kind: str) -> list[dict[str, object]]:
    """Per class and strategy the share of right images that go, from the figures of `scored`."""
    return [
        {
            "noise": kind,
            "faulty": float(means["faulty"].mean()),
            "class": column.removeprefix(_CLASS),
            **{name: means.loc[name, column] for name in STRATEGIES},
        }
        for column in means
        if column.startswith(_CLASS)
    ]


def noised_set(clean: LabelledSet, kind: str, share: float, *, seed: int) -> Noised:
    """`clean` with faults of the `kind` in a `share` of it, or as it is for the kind `none`."""
    return Noised(clean.split, clean.arrays, set()) if kind == "none" else inject(clean, kind, share, seed=seed)


def known_of(clean: LabelledSet, noised: Noised, known: Known, *, seed: int) -> Known:
    """What is `known` of `clean`, where `noised` has the same pictures; others are looked at anew."""
    return known if noised.arrays is clean.arrays else what_is_known(noised.arrays, pool_of(noised.split), seed=seed)


def cross_validated(
    noised: Noised,
    known: Known,
    *,
    params: Params,
    seed: int,
    refinements: int = REFINEMENTS,
    strangers: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """What crossval says of the pool, as it is and after an exchange, and the classes."""
    classes, pool = classes_of(noised.split), pool_of(noised.split)
    features, faults = known
    wishes: dict[str, Any] = {
        "classes": classes,
        "crossval": params.crossval,
        "seed": seed,
        "refinements": refinements,
        "strangers": strangers,
    }
    predictions = cross_validate(pool, features, faults, **wishes)
    injected = cross_validate_exchanged(pool, features, **wishes)
    return predictions, injected, classes


def removed_by(
    predictions: pd.DataFrame,
    classes: tuple[str, ...],
    *,
    injected: pd.DataFrame,
    validation: pd.DataFrame,
    cull: CullParams,
) -> dict[str, "pd.Series[bool]"]:
    """Which rows of `predictions` each strategy would remove, before any cap per class."""
    doubted = {
        name: suspects(
            predictions,
            classes,
            injected=injected,
            validation=validation,
            cull=cull.model_copy(update={"strategy": name}),
        )
        for name in STRATEGIES
    }
    return {name: predictions["id"].isin(facts["id"]) for name, facts in doubted.items()}


def figures(
    removed: "pd.Series[bool]", faulty: "pd.Series[bool]", *, doubt: "pd.Series[float] | None" = None
) -> dict[str, float]:
    """How many are `removed`, how many of them are `faulty`, and, with the order by `doubt`, its average precision."""
    hits = float((removed & faulty).sum())
    ranked = doubt is not None and faulty.any()
    return {
        "removed": float(removed.sum()),
        "precision": hits / removed.sum() if faulty.any() and removed.any() else np.nan,
        "recall": hits / faulty.sum() if faulty.any() else np.nan,
        "F1": 2 * hits / (removed.sum() + faulty.sum()) if faulty.any() else np.nan,
        "false removals": float(removed[~faulty].mean()),
        **({"average precision": float(average_precision_score(faulty, doubt))} if ranked else {}),
    }


def what_is_known(arrays: Arrays, pool: pd.DataFrame, *, seed: int) -> Known:
    """Features and faults of the pictures of `pool`, whatever their labels."""
    rgba = arrays.rgba[arrays.rows(pool["id"])]
    seen = seen_by_network(rgba)
    return features_of(rgba, seen), find_faults(rgba, seen, pool["group"].to_numpy(dtype=str), seed=seed)
