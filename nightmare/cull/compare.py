"""What culling did, in honest numbers: models side by side on rows that nothing culled, and on culled validation.

Leaving out of validation what a model gets wrong raises its accuracy without any learning. So the same models are
scored on the original and on the culled validation rows: the difference is the inflation.
"""

from typing import Any

import pandas as pd

from nightmare.errors import InputError
from nightmare.train.evaluate import bootstrap_interval, recalls, scores

__all__ = ["compared", "inflation_table", "recall_table"]


def compared(predictions: dict[str, pd.DataFrame], culled: pd.DataFrame) -> dict[str, Any]:
    """Nested scores: model → `test`, `validation`, `validation_culled` → accuracy, balanced_accuracy, n.

    `predictions` maps a model's name to its predictions of all test and validation rows of the `culled` split table.
    Each has the central 95% of balanced accuracy over resampled groups; `test` adds the same of its difference to the
    first model and to the `control` where there is one, and accuracy per grade. Raises `InputError` where nothing is
    left to judge by.
    """
    _demand_rows(culled)
    joined = {model: _with_split(table, culled).sort_values("id") for model, table in predictions.items()}
    tests = {model: rows[rows["side"] == "test"] for model, rows in joined.items()}
    others = {"difference": next(iter(tests)), **({"beyond_control": "control"} if "control" in tests else {})}
    result: dict[str, Any] = {}
    for model, rows in joined.items():
        test, validation = tests[model], rows[rows["side"] == "val"]
        ends: dict[str, float] = {}
        for name, other in others.items():
            ends[f"{name}_low"], ends[f"{name}_high"] = bootstrap_interval(test, test["group"], beyond=tests[other])
        result[model] = {
            "test": {**_scores(test), **ends, "grade": recalls(test, by="grade")},
            "validation": _scores(validation),
            "validation_culled": _scores(validation[validation["keep"]]),
        }
    return result


def recall_table(predictions: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows of label, model, recall and n on the test side, for a plot of the models class by class."""
    rows = []
    for model, table in predictions.items():
        test = table[table["side"] == "test"]
        count = test["label"].value_counts()
        rows += [
            {"label": label, "model": model, "recall": recall, "n": int(count[label])}
            for label, recall in recalls(test).items()
        ]
    return pd.DataFrame(rows).sort_values(["label", "model"])


def inflation_table(comparison: dict[str, Any]) -> pd.DataFrame:
    """The comparison as rows: model, rows judged, accuracy, balanced accuracy, n."""
    return pd.DataFrame(
        {"model": model, "rows": side, **{name: figures[name] for name in ("accuracy", "balanced_accuracy", "n")}}
        for model, sides in comparison.items()
        for side, figures in sides.items()
    )


def _demand_rows(culled: pd.DataFrame) -> None:
    if not (culled["side"] == "test").any():
        raise InputError("no image stands on the test side: raise split.test_share, or bring more images")
    if not culled.loc[culled["side"] == "val", "keep"].any():
        raise InputError(
            "no image of the validation side is kept: raise split.val_share, lower cull.class_cap, or see what "
            "data/decisions.jsonl removes"
        )


def _scores(rows: pd.DataFrame) -> dict[str, Any]:
    low, high = bootstrap_interval(rows, rows["group"])
    return {**scores(rows), "balanced_accuracy_low": low, "balanced_accuracy_high": high}


def _with_split(table: pd.DataFrame, culled: pd.DataFrame) -> pd.DataFrame:
    return table.merge(culled[["id", "group", "keep"]], on="id", how="left", validate="one_to_one")
