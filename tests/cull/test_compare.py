"""The comparison shows the inflation that culling one's own validation brings."""

import pandas as pd
import pytest

from nightmare.cull.compare import compared, inflation_table, recall_table
from nightmare.errors import InputError


def judged() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of ten rows of validation, two of which are wrong and culled, and of ten of test, with one wrong; and
    their split."""
    rows = 20
    split = pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in range(rows)],
            "label": ["a", "b"] * (rows // 2),
            "grade": ["A", "B", "B", "A"] * (rows // 4),
            "group": [f"g{number}" for number in range(rows)],
            "side": ["val"] * 10 + ["test"] * 10,
            "fold": 0,
        }
    )
    predicted = split["label"].copy()
    wrong = [0, 1, 12]
    predicted.iloc[wrong] = ["b", "a", "b"]
    split["keep"] = [number not in (0, 1) for number in range(rows)]
    return split[["id", "side", "grade", "label"]].assign(predicted=predicted), split


def test_culled_validation_looks_better_with_the_same_model() -> None:
    table, split = judged()
    figures = compared({"train": table}, split)["train"]
    validation = figures["validation"]
    assert (validation["accuracy"], validation["balanced_accuracy"], validation["n"]) == (0.8, 0.8, 10)
    assert 0.4 < validation["balanced_accuracy_low"] < 0.8 < validation["balanced_accuracy_high"] <= 1
    assert figures["validation_culled"] == {
        "accuracy": 1.0,
        "balanced_accuracy": 1.0,
        "n": 8,
        "balanced_accuracy_low": 1.0,
        "balanced_accuracy_high": 1.0,
    }
    assert figures["test"]["accuracy"] == 0.9
    assert figures["test"]["balanced_accuracy_low"] < 0.9 <= figures["test"]["balanced_accuracy_high"]
    assert figures["test"]["grade"] == pytest.approx({"A": 0.8, "B": 1.0})
    assert set(inflation_table({"train": figures})["rows"]) == {"test", "validation", "validation_culled"}
    recall = recall_table({"train": table}).set_index("label")
    assert recall["recall"].to_dict() == pytest.approx({"a": 0.8, "b": 1.0})
    assert recall["n"].to_dict() == {"a": 5, "b": 5}


def test_nothing_left_to_judge_by_is_said() -> None:
    table, split = judged()
    culled = split.assign(keep=split["keep"] & (split["side"] != "val"))
    with pytest.raises(InputError, match=r"no image of the validation side is kept.*class_cap"):
        compared({"train": table}, culled)
    with pytest.raises(InputError, match="test side"):
        compared({"train": table}, split.assign(side="val"))


def test_what_culling_did_is_told_from_what_fewer_images_do() -> None:
    table, split = judged()
    right = table.assign(predicted=table["label"])
    figures = compared({"train": table, "control": table, "retrain": right}, split)
    assert [figures["control"]["test"][f"beyond_control_{end}"] for end in ("low", "high")] == [0, 0]
    # The one row of ten that they differ in is in some resamples and not in others, and never the other way.
    retrained = figures["retrain"]["test"]
    assert retrained["beyond_control_low"] == 0 < retrained["beyond_control_high"] == retrained["difference_high"]
    opposite = compared({"train": right, "control": right, "retrain": table}, split)["retrain"]["test"]
    assert opposite["beyond_control_low"] == -retrained["beyond_control_high"]
    assert "beyond_control_low" not in compared({"train": table}, split)["train"]["test"]


def test_near_duplicates_make_nobody_surer() -> None:
    table, split = judged()
    models = {"train": table, "retrain": table.assign(predicted=table["label"])}
    row_of_copy = split.index.repeat(5)
    ids = [f"{number:016x}" for number in range(len(row_of_copy))]
    copies = {name: rows.loc[row_of_copy].assign(id=ids) for name, rows in models.items()}
    one, five = compared(models, split), compared(copies, split.loc[row_of_copy].assign(id=ids))
    for name in models:
        for end in ("balanced_accuracy_low", "balanced_accuracy_high", "difference_low", "difference_high"):
            assert five[name]["test"][end] == pytest.approx(one[name]["test"][end]), (name, end)
