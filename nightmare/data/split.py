"""Train, validation and test sides, and folds of the pool, from content alone: the work of the stage `split`.

Whole groups of near-duplicates go to one side. Each group has a number in [0, 1) that belongs to the seed and the
group's name, and goes to the test side when that number is below the test share; of what is left, the validation
side takes its share in the same way by another number. Within a stratum (class, bulk of the group and grade) this
rule bends only as far as needed to hold the share within two points of a hundred, or half of the smallest group. So
when the set grows, an image changes its side only if the rule bends for its group, before or after, or if its group
gains a member with a smaller id, which renames it. Order of rows never matters. Folds are dealt anew whenever the
pool changes.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from nightmare.seeds import fraction

__all__ = ["SIDES", "assign_split", "split_faults"]

SIDES = ("train", "val", "test")
_TOLERANCE = 0.02
_BULKS = (2, 5)  # images with which a group is one of several, and one of many
# With so many groups a class is seen on every side, whatever the shares and the sizes of its groups.
_HANDFUL = 5


def assign_split(
    labels: pd.DataFrame, groups: Mapping[str, str], *, seed: int, test_share: float, val_share: float, folds: int
) -> pd.DataFrame:
    """The split table of the labels table; `groups` names the group of each image id.

    `val_share` is of what the test side leaves. Folds 0 to `folds` - 1 are balanced per class over train and
    validation together; the test side has -1. A group of several labels counts as that of its smallest id.
    """
    rows = labels[["id", "label", "grade"]].assign(group=labels["id"].map(groups))
    rows = rows.sort_values("id", ignore_index=True)
    clusters = rows.groupby("group").agg(label=("label", "first"), grade=("grade", "first"), images=("id", "size"))
    clusters["side"] = "train"
    for side, share in (("test", test_share), ("val", val_share)):
        open_clusters = clusters[clusters["side"] == "train"]
        clusters.loc[_chosen(open_clusters, share, seed=seed, side=side), "side"] = side
    _fill_empty_sides(clusters, seed=seed)
    clusters["fold"] = _folds(clusters, folds, seed=seed)
    return rows.join(clusters[["side", "fold"]], on="group").assign(keep=True)


def _by_luck(names: pd.Index, seed: int, purpose: str) -> list[tuple[float, str]]:
    return sorted((fraction(seed, purpose, str(name)), str(name)) for name in names)


def _chosen(clusters: pd.DataFrame, share: float, *, seed: int, side: str) -> list[str]:
    """The groups that go to `side`, about `share` of the images of each class, bulk of group and grade.

    Motifs that come in many renderings are easier than others. Without strata of their own they seldom fitted into a
    share: 7% of the images of a test side were in groups of five and more, 16% of its training side.
    """
    chosen = []
    for _, of_class in clusters.groupby("label"):
        # What rounding owes or took in one stratum is made good in the next, so that the class as a whole is right;
        # single images come last, since they can make good anything.
        owed = 0.0
        bulk = -np.digitize(of_class["images"], _BULKS)
        for _, stratum in of_class.groupby([bulk, "grade"]):
            images = stratum["images"]
            wished = share * images.sum() + owed
            slack = max(_TOLERANCE * images.sum(), images.min() / 2)
            taken = 0
            for luck, name in _by_luck(stratum.index, seed, side):
                fits = taken + images[name] <= wished + slack
                if fits and (luck < share or taken < wished - slack):
                    chosen.append(name)
                    taken += images[name]
            owed = wished - taken
    return chosen


def _fill_empty_sides(clusters: pd.DataFrame, *, seed: int) -> None:
    """Give each class of a handful of groups one small group on a side that would be without it."""
    for label, of_class in clusters.groupby("label"):
        if len(of_class) < _HANDFUL:
            continue
        for side in SIDES:
            sides = clusters.loc[of_class.index, "side"]
            if (sides == side).any():
                continue
            giver = sides.index[sides == sides.value_counts().idxmax()]
            smallest = giver[clusters.loc[giver, "images"] == clusters.loc[giver, "images"].min()]
            clusters.loc[_by_luck(smallest, seed, f"{side} {label}")[0][1], "side"] = side


def _folds(clusters: pd.DataFrame, folds: int, *, seed: int) -> pd.Series:
    """Deal the groups of each class, grade by grade, to the fold that has the fewest images of the class."""
    fold = pd.Series(-1, index=clusters.index, dtype="int64")
    pool = clusters[clusters["side"] != "test"]
    for label, of_class in pool.groupby("label"):
        # Each class starts elsewhere: the remainders of small classes shall not all fall to the first fold.
        load = np.zeros(folds)
        start = int(fraction(seed, "first fold", str(label)) * folds)
        for _, stratum in of_class.groupby("grade"):
            for _, name in _by_luck(stratum.index, seed, "fold"):
                target = min(range(folds), key=lambda number: (load[number], (number - start) % folds))
                fold[name] = target
                load[target] += clusters.at[name, "images"]
    return fold


def split_faults(split: pd.DataFrame, *, test_share: float, val_share: float) -> dict[str, float]:
    """How far a split table is from what was wished.

    `leaks`: groups on two sides. `absent`: pairs of class and side without an image. `largest_deviation`: largest
    difference between the share of a side in a class and the wished share.
    """
    counts = pd.crosstab(split["label"], split["side"]).reindex(columns=list(SIDES), fill_value=0)
    pool = 1 - test_share
    wished = np.array([pool * (1 - val_share), pool * val_share, test_share])
    deviation = (counts.div(counts.sum(axis=1), axis=0) - wished).abs()
    return {
        "leaks": int((split.groupby("group")["side"].nunique() > 1).sum()),
        "absent": int((counts == 0).to_numpy().sum()),
        "largest_deviation": float(deviation.to_numpy().max()),
    }
