"""Scores against scikit-learn, and intervals that know about near-duplicates."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from nightmare.errors import InputError
from nightmare.train.evaluate import bootstrap_interval, confusion, prediction_table, probabilities, recalls, scores

CLASSES = ("a", "b", "c")


@pytest.fixture
def predictions() -> pd.DataFrame:
    generator = np.random.default_rng(1)
    label = generator.choice(CLASSES, size=200, p=[0.6, 0.3, 0.1])
    rows = pd.DataFrame({"id": [f"{n:016x}" for n in range(200)], "side": "test", "grade": "A", "label": label})
    return prediction_table(rows, generator.dirichlet(np.ones(3), 200), CLASSES)


def test_scores_are_those_of_scikit_learn(predictions: pd.DataFrame) -> None:
    figures = scores(predictions)
    assert figures["accuracy"] == pytest.approx(accuracy_score(predictions["label"], predictions["predicted"]))
    oracle = balanced_accuracy_score(predictions["label"], predictions["predicted"])
    assert figures["balanced_accuracy"] == pytest.approx(oracle)
    assert figures["n"] == 200
    counts = confusion(predictions, CLASSES)
    assert counts.trace() / counts.sum() == pytest.approx(figures["accuracy"])
    assert recalls(predictions)["a"] == pytest.approx(counts[0, 0] / counts[0].sum())


def test_probabilities_come_back_in_the_order_of_classes(predictions: pd.DataFrame) -> None:
    assert (np.array(CLASSES)[probabilities(predictions, CLASSES).argmax(axis=1)] == predictions["predicted"]).all()


def test_interval_holds_the_figure_and_groups_widen_it(predictions: pd.DataFrame) -> None:
    low, high = bootstrap_interval(predictions, predictions["id"])
    assert low < scores(predictions)["balanced_accuracy"] < high
    assert (low, high) == bootstrap_interval(predictions, predictions["id"])
    copies = pd.concat([predictions] * 5)
    grouped = bootstrap_interval(copies, copies["id"])
    ungrouped = bootstrap_interval(copies, pd.Series(range(len(copies))))
    assert grouped == pytest.approx((low, high), abs=0.02), "five copies of each image tell nothing new"
    assert ungrouped[1] - ungrouped[0] < 0.6 * (high - low)


def test_a_difference_leaves_out_what_both_find_hard(predictions: pd.DataFrame) -> None:
    assert bootstrap_interval(predictions, predictions["id"], beyond=predictions) == (0, 0)
    wrong = predictions.index[predictions["label"] != predictions["predicted"]][:20]
    better = predictions.assign(
        predicted=predictions["predicted"].where(~predictions.index.isin(wrong), predictions["label"])
    )
    low, high = bootstrap_interval(better, predictions["id"], beyond=predictions)
    gain = scores(better)["balanced_accuracy"] - scores(predictions)["balanced_accuracy"]
    assert 0 < low < gain < high
    alone = bootstrap_interval(better, predictions["id"])
    assert high - low < alone[1] - alone[0]


def test_wrong_number_of_predictions_is_refused(predictions: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="200 rows of the split but 199 predictions"):
        prediction_table(predictions, np.ones((199, 3)), CLASSES)
