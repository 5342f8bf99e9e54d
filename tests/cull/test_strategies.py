"""Strategies on predictions whose faults are known."""

import numpy as np
import pandas as pd
import pytest
from cleanlab.filter import find_label_issues

from nightmare.cull.strategies import facts_of, suspects
from nightmare.params import CullParams, Params

CLASSES = ("frog", "skull", "spider")
WHOLE = {"several": 0.0, "occluded": 0.0, "poor": 0.0}


def predictions_of(labels: list[str], probability: list[list[float]], side: str = "train") -> pd.DataFrame:
    values = np.array(probability)
    table = pd.DataFrame({"id": [f"{number:016x}" for number in range(len(labels))], "side": side, "grade": "A"})
    table["label"] = labels
    table["predicted"] = np.array(CLASSES)[values.argmax(axis=1)]
    return table.assign(**{f"p_{name}": values[:, position] for position, name in enumerate(CLASSES)})


def unmoved(table: pd.DataFrame) -> pd.DataFrame:
    """What is thought of `table` where labels were exchanged and nothing looks different for it."""
    return pd.DataFrame({"repeat": 0, "id": table["id"], "label": table["label"], "exchanged": False, "wrong": 0.0})


def doubted_ids(
    table: pd.DataFrame,
    rule: CullParams,
    *,
    injected: pd.DataFrame | None = None,
    validation: pd.DataFrame | None = None,
) -> list[str]:
    injected = unmoved(table) if injected is None else injected
    validation = table[:0] if validation is None else validation
    return list(suspects(table, CLASSES, injected=injected, validation=validation, cull=rule)["id"])


def test_facts_by_hand() -> None:
    table = predictions_of(["frog", "skull"], [[0.7, 0.1, 0.2], [0.6, 0.3, 0.1]])
    facts = facts_of(table.assign(wrong=[0.1, 0.8], several=[0.5, 0], occluded=0, poor=[0.1, 0]), CLASSES)
    assert list(facts["suggested"]) == ["spider", "frog"]
    np.testing.assert_allclose(facts["confidence"], [0.2, 0.6])
    np.testing.assert_allclose(facts["self_confidence"], [0.7, 0.3])
    np.testing.assert_allclose(facts["margin"], [0.5, -0.3])
    assert list(facts["wrong"]) == [0.1, 0.8]
    assert list(facts["several"]) == [0.5, 0]
    np.testing.assert_allclose(facts["doubt"], [1 - 0.9 * 0.4, 0.8])
    assert "wrong" not in facts_of(table, CLASSES), "the trained model says nothing of it"


def test_misclassified_asks_for_confidence(params: Params) -> None:
    table = predictions_of(["frog"] * 3, [[0.1, 0.8, 0.1], [0.3, 0.4, 0.3], [0.8, 0.1, 0.1]])
    rule = params.cull.model_copy(update={"strategy": "misclassified", "confidence": 0.5})
    assert doubted_ids(table, rule) == [table["id"][0]]
    lower = rule.model_copy(update={"confidence": 0.0})
    assert doubted_ids(table, lower) == [table["id"][0], table["id"][1]]


def test_validation_is_the_original_rule_and_sees_the_validation_side_alone(params: Params) -> None:
    wrong = [[0.1, 0.8, 0.1]] * 2
    validation = pd.concat(
        [predictions_of(["frog"] * 2, wrong, "val")[:1], predictions_of(["frog"] * 2, wrong, "test")[1:]]
    )
    rule = params.cull.model_copy(update={"strategy": "validation"})
    out_of_fold = predictions_of(["frog"] * 2, [[0.8, 0.1, 0.1]] * 2)
    assert doubted_ids(out_of_fold, rule, validation=validation) == [validation["id"].iloc[0]]


def test_confident_is_cleanlab_by_its_default(params: Params) -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, size=90)
    labels = np.where(np.arange(90) % 6 == 0, (truth + 1) % 3, truth)
    probability = generator.dirichlet([1, 1, 1], size=90) * 0.8 + np.eye(3)[truth] * 0.2
    table = predictions_of([CLASSES[label] for label in labels], probability.tolist())
    doubted = doubted_ids(table, params.cull.model_copy(update={"strategy": "confident"}))
    by_filter = {
        name: set(table["id"][find_label_issues(labels, probability, filter_by=name, n_jobs=1)])
        for name in ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning")
    }
    assert set(doubted) == by_filter["prune_by_noise_rate"]
    assert all(set(doubted) != found for name, found in by_filter.items() if name != "prune_by_noise_rate")


def test_evidence_takes_what_is_more_probably_wrong_than_right(params: Params) -> None:
    table = predictions_of(["frog"] * 4, [[0.8, 0.1, 0.1]] * 4).assign(wrong=[0.4, 0.9, 0.6, 0.5], **WHOLE)
    rule = params.cull.model_copy(update={"strategy": "evidence", "confidence": 0.5, "budget": 1.0})
    assert doubted_ids(table, rule) == [table["id"][1], table["id"][2]], "the surest first"
    surer = rule.model_copy(update={"confidence": 0.8})
    assert doubted_ids(table, surer) == [table["id"][1]]


def test_evidence_takes_pictures_with_faults_too(params: Params) -> None:
    table = predictions_of(["frog"] * 3, [[0.8, 0.1, 0.1]] * 3)
    table = table.assign(wrong=[0.1, 0.3, 0.3], several=[0.0, 0.4, 0.1], occluded=[0.7, 0.0, 0.0], poor=0.0)
    rule = params.cull.model_copy(update={"strategy": "evidence", "confidence": 0.5, "budget": 1.0})
    assert doubted_ids(table, rule) == [table["id"][0], table["id"][1]]


def test_the_budget_asks_more_of_a_class_that_would_lose_too_much(params: Params) -> None:
    table = predictions_of(["frog"] * 10 + ["skull"] * 10, [[0.8, 0.1, 0.1]] * 20)
    table = table.assign(wrong=[0.95, 0.9, 0.8, 0.6] + [0.0] * 15 + [0.6], **WHOLE)
    # Where labels were exchanged, two of the frogs that are thought right are doubted as much as the third of these.
    injected = unmoved(table).assign(wrong=[0.95, 0.9, 0.8, 0.6, 0.85, 0.85] + [0.0] * 14)
    rule = params.cull.model_copy(update={"strategy": "evidence", "confidence": 0.5, "budget": 0.2})
    assert doubted_ids(table, rule, injected=injected) == [table["id"][row] for row in (0, 1, 19)]


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
    rule = params.cull.model_copy(update={"strategy": strategy})
    doubted = suspects(table, CLASSES, injected=unmoved(table), validation=table[:0], cull=rule)
    wrong = {table["id"][row] for row in flipped}
    assert set(doubted["id"]) <= wrong, "nothing right is doubted"
    # Confident learning estimates how many are wrong from average confidence, and stays a little below.
    assert len(doubted) >= 0.8 * len(wrong)
    assert doubted["margin"].is_monotonic_increasing
