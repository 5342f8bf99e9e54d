"""How sure a class must be, and what that costs, on verdicts counted by hand."""

import numpy as np
import pandas as pd
import pytest

from nightmare.cull.budget import Proof, least_doubts, proof_of
from nightmare.params import CullParams, Params


@pytest.fixture
def facts() -> pd.DataFrame:
    """Ten frogs, of which two are as good as wrong, and five skulls, of which one shows several things."""
    return pd.DataFrame(
        {
            "id": [f"f{number}" for number in range(10)] + [f"s{number}" for number in range(5)],
            "label": ["frog"] * 10 + ["skull"] * 5,
            "doubt": [1.0, 1.0] + [0.0] * 8 + [0.6] + [0.0] * 4,
            "several": [0.0] * 10 + [0.6] + [0.0] * 4,
            "occluded": 0.0,
            "poor": 0.0,
        }
    )


@pytest.fixture
def injected(facts: pd.DataFrame) -> pd.DataFrame:
    """A frog and a skull have changed places; two frogs and a skull are doubted by mistake."""
    table = facts[["id", "label"]].assign(repeat=0, exchanged=False)
    table["wrong"] = [0.95, 0.9, 0.9, 0.7, 0.6] + [0.0] * 5 + [0.5, 0.55, 0.0, 0.0, 0.0]
    table.loc[[4, 14], "exchanged"] = True
    table.loc[4, "label"], table.loc[14, "label"] = "skull", "frog"
    return table


def rule(params: Params, *, budget: float, confidence: float = 0.5) -> CullParams:
    return params.cull.model_copy(update={"budget": budget, "confidence": confidence})


@pytest.mark.parametrize(
    ("budget", "frogs", "skulls"),
    [
        # Seven frogs were right and are still frogs. Of those that are doubted by mistake one is a seventh.
        (0.3, 0.5, 0.55),
        (0.2, 0.7, 0.55),
        (0.1, 0.9, 0.8),
        # 3.4 skulls were right. The one of several things counts .4, the one doubted by mistake 1: .12 and .41.
        (0.12, 0.9, 0.55),
        (0.42, 0.5, 0.5),
        (1.0, 0.5, 0.5),
    ],
)
def test_the_first_that_is_too_many_stays(
    budget: float, frogs: float, skulls: float, facts: pd.DataFrame, injected: pd.DataFrame, params: Params
) -> None:
    least = least_doubts(facts, injected, rule(params, budget=budget))
    assert least.to_dict() == pytest.approx({"frog": frogs, "skull": skulls})


def test_never_less_than_the_confidence(facts: pd.DataFrame, injected: pd.DataFrame, params: Params) -> None:
    least = least_doubts(facts, injected, rule(params, budget=0.2, confidence=0.75))
    assert least.to_dict() == pytest.approx({"frog": 0.75, "skull": 0.75})


def test_a_class_without_a_label_of_its_own_needs_the_confidence(
    facts: pd.DataFrame, injected: pd.DataFrame, params: Params
) -> None:
    injected.loc[injected["label"] == "skull", "exchanged"] = True
    assert least_doubts(facts, injected, rule(params, budget=0.0))["skull"] == 0.5


def test_the_budget_holds_in_all_repeats_together(facts: pd.DataFrame, injected: pd.DataFrame, params: Params) -> None:
    unmoved = injected.assign(repeat=1, wrong=0.0)
    both = pd.concat([injected, unmoved], ignore_index=True)
    # Two of fourteen, no longer two of seven.
    assert least_doubts(facts, both, rule(params, budget=0.15))["frog"] == 0.5
    assert least_doubts(facts, injected, rule(params, budget=0.15))["frog"] == pytest.approx(0.7)


def test_what_is_found_and_lost(facts: pd.DataFrame, injected: pd.DataFrame) -> None:
    least = pd.Series({"frog": 0.65, "skull": 0.5})
    # The exchanged frog is beyond the doubt of a skull, whose label it has; the exchanged skull is not doubted at all.
    assert proof_of(least, facts, injected) == Proof(
        n=2,
        found=0.5,
        lost=pytest.approx((2 + 1.4) / (7 + 3.4)),
        class_lost=pytest.approx({"frog": 2 / 7, "skull": 1.4 / 3.4}),
    )


def test_doubt_about_a_picture_stays_what_it_was(facts: pd.DataFrame, injected: pd.DataFrame) -> None:
    """Six tenths for the picture, half for the label: together the skull is beyond .75, and not beyond .85."""
    alone = injected.assign(wrong=np.where(injected["id"] == "s0", 0.5, 0.0))
    lost = [proof_of(pd.Series({"frog": 1.0, "skull": least}), facts, alone).lost for least in (0.75, 0.85)]
    assert lost == pytest.approx([0.4 / 10.4, 0])


def test_what_is_doubted_no_more_than_that_stays(facts: pd.DataFrame, injected: pd.DataFrame) -> None:
    alone = injected.assign(wrong=np.where(injected["id"] == "f2", 0.5, 0.0))
    assert proof_of(pd.Series({"frog": 0.5, "skull": 0.75}), facts, alone).lost == 0


def test_a_budget_of_everything_is_never_exceeded(facts: pd.DataFrame, injected: pd.DataFrame, params: Params) -> None:
    doubted = injected.assign(wrong=0.9)
    assert least_doubts(facts, doubted, rule(params, budget=1.0))["frog"] == 0.5
