"""Strategies on predictions whose faults are known."""

import numpy as np
import pandas as pd
import pytest

from nightmare.cull.strategies import evidence, suspects
from nightmare.params import Params

CLASSES = ("frog", "skull", "spider")


def predictions_of(labels: list[str], probability: list[list[float]], side: str = "train") -> pd.DataFrame:
    values = np.array(probability)
    table = pd.DataFrame({"id": [f"{number:016x}" for number in range(len(labels))], "side": side, "grade": "A"})
    table["label"] = labels
    table["predicted"] = np.array(CLASSES)[values.argmax(axis=1)]
    return table.assign(**{f"p_{name}": values[:, position] for position, name in enumerate(CLASSES)})


def test_evidence_by_hand() -> None:
    facts = evidence(predictions_of(["frog", "skull"], [[0.7, 0.1, 0.2], [0.6, 0.3, 0.1]]), CLASSES)
    assert list(facts["suggested"]) == ["spider", "frog"]
    np.testing.assert_allclose(facts["confidence"], [0.2, 0.6])
    np.testing.assert_allclose(facts["self_confidence"], [0.7, 0.3])
    np.testing.assert_allclose(facts["margin"], [0.5, -0.3])


def test_misclassified_asks_for_confidence(params: Params) -> None:
    table = predictions_of(["frog"] * 3, [[0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.8, 0.1, 0.1]])
    rule = params.cull.model_copy(update={"strategy": "misclassified", "confidence": 0.5})
    assert list(suspects(table, table[:0], CLASSES, rule)["id"]) == [table["id"][0]]
    lower = rule.model_copy(update={"confidence": 0.0})
    assert list(suspects(table, table[:0], CLASSES, lower)["id"]) == [table["id"][0], table["id"][1]]


def test_validation_is_the_original_rule_and_sees_the_validation_side_alone(params: Params) -> None:
    wrong = [[0.1, 0.8, 0.1]] * 2
    validation = pd.concat(
        [predictions_of(["frog"] * 2, wrong, "val")[:1], predictions_of(["frog"] * 2, wrong, "test")[1:]]
    )
    rule = params.cull.model_copy(update={"strategy": "validation"})
    doubted = suspects(predictions_of(["frog"] * 2, wrong), validation, CLASSES, rule)
    assert list(doubted["id"]) == [validation["id"].iloc[0]]


@pytest.mark.parametrize("strategy", ["misclassified", "confident"])
def test_injected_label_noise_is_found(strategy: str, params: Params) -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, size=300)
    probability = np.full((300, 3), 0.1)
    probability[np.arange(300), truth] = 0.8
    probability = generator.dirichlet(np.ones(3), 300) * 0.2 + probability * 0.8
    given = truth.copy()
    flipped = generator.choice(300, size=30, replace=False)
    given[flipped] = (given[flipped] + 1) % 3
    table = predictions_of([CLASSES[label] for label in given], probability.tolist())
    doubted = suspects(table, table[:0], CLASSES, params.cull.model_copy(update={"strategy": strategy}))
    wrong = {table["id"][row] for row in flipped}
    assert set(doubted["id"]) <= wrong, "nothing right is doubted"
    # Confident learning estimates how many are wrong from average confidence, and stays a little below.
    assert len(doubted) >= 0.8 * len(wrong)
    assert doubted["margin"].is_monotonic_increasing
