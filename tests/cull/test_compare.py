"""The comparison shows the inflation that culling one's own validation brings."""

import pandas as pd
import pytest

from nightmare.cull.compare import compared, inflation_table, recall_table


def test_culled_validation_looks_better_with_the_same_model() -> None:
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
    table = split[["id", "side", "grade", "label"]].assign(predicted=predicted)
    figures = compared({"train": table}, split)["train"]
    assert figures["validation"] == pytest.approx({"accuracy": 0.8, "balanced_accuracy": 0.8, "n": 10})
    assert figures["validation_culled"] == {"accuracy": 1.0, "balanced_accuracy": 1.0, "n": 8}
    assert figures["test"]["accuracy"] == 0.9
    assert figures["test"]["balanced_accuracy_low"] < 0.9 <= figures["test"]["balanced_accuracy_high"]
    assert figures["test"]["grade"] == pytest.approx({"A": 0.8, "B": 1.0})
    assert set(inflation_table({"train": figures})["rows"]) == {"test", "validation", "validation_culled"}
    recall = recall_table({"train": table}).set_index("label")
    assert recall["recall"].to_dict() == pytest.approx({"a": 0.8, "b": 1.0})
    assert recall["n"].to_dict() == {"a": 5, "b": 5}
