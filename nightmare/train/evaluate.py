"""Scores of predictions: accuracy, balanced accuracy, recall per class and grade, each with n and an interval.

Predictions are tables (see `tables.PREDICTIONS`) with one `p_<class>` column per class of the model.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from nightmare.errors import InputError

__all__ = ["bootstrap_interval", "confusion", "prediction_table", "probabilities", "recalls", "scores"]

_RESAMPLES = 1000


def prediction_table(rows: pd.DataFrame, probability: NDArray[np.float64], classes: Sequence[str]) -> pd.DataFrame:
    """Join split `rows` with their class probabilities (n, classes). Raises `InputError` when the counts differ."""
    if len(rows) != len(probability):
        raise InputError(f"{len(rows)} rows of the split but {len(probability)} predictions: run `dvc repro`")
    table = rows[["id", "side", "grade", "label"]].reset_index(drop=True)
    table["predicted"] = np.array(classes)[probability.argmax(axis=1)]
    for position, name in enumerate(classes):
        table[f"p_{name}"] = probability[:, position]
    return table


def probabilities(predictions: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.float64]:
    """The `p_<class>` columns in the order of `classes`, as (n, classes)."""
    return predictions[[f"p_{name}" for name in classes]].astype(float).to_numpy()


def recalls(predictions: pd.DataFrame, by: str = "label") -> dict[str, float]:
    """Share of rows predicted right, per value of column `by` (label or grade)."""
    right = predictions["label"] == predictions["predicted"]
    return {str(name): float(share) for name, share in right.groupby(predictions[by]).mean().items()}


def scores(predictions: pd.DataFrame) -> dict[str, Any]:
    """`accuracy`, `balanced_accuracy` (mean recall over the classes present) and `n`."""
    right = predictions["label"] == predictions["predicted"]
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean(list(recalls(predictions).values()))),
        "n": len(predictions),
    }


def bootstrap_interval(
    predictions: pd.DataFrame, groups: pd.Series, *, beyond: pd.DataFrame | None = None
) -> tuple[float, float]:
    """The central 95% of balanced accuracy when whole groups are drawn again with replacement (Efron 1979).

    Near-duplicates are right or wrong together, so rows drawn one by one would make the interval too narrow.
    `groups` names the group of each row. With `beyond`, predictions of another network for the same rows in the same
    order, the interval is that of the difference to them: what both find hard is left out of it. What another training
    of the same networks would bring is in neither.
    """
    figures = _resampled(predictions, groups)
    if beyond is not None:
        figures = figures - _resampled(beyond, groups)
    low, high = np.quantile(figures, [0.025, 0.975])
    return float(low), float(high)


def _resampled(predictions: pd.DataFrame, groups: pd.Series) -> NDArray[np.float64]:
    """Balanced accuracy in each of always the same resamples."""
    label_codes, label_names = pd.factorize(predictions["label"], sort=True)
    group_codes, group_names = pd.factorize(groups, sort=True)
    right = (predictions["label"] == predictions["predicted"]).to_numpy()
    # Per group and class: rows and right rows. A resample is then a weighted sum over groups.
    count = np.zeros((len(group_names), len(label_names)))
    hits = np.zeros_like(count)
    np.add.at(count, (group_codes, label_codes), 1)
    np.add.at(hits, (group_codes, label_codes), right)
    generator = np.random.default_rng(0)
    draws = generator.multinomial(len(group_names), np.full(len(group_names), 1 / len(group_names)), size=_RESAMPLES)
    drawn = draws @ count
    with np.errstate(invalid="ignore"):
        recall = np.where(drawn > 0, (draws @ hits) / drawn, np.nan)
    figures: NDArray[np.float64] = np.nanmean(recall, axis=1)
    return figures


def confusion(predictions: pd.DataFrame, classes: Sequence[str]) -> NDArray[np.int64]:
    """Counts (classes, classes): row = label, column = predicted."""
    return confusion_matrix(predictions["label"], predictions["predicted"], labels=list(classes))
