"""How sure a class must be, and what that costs, on verdicts counted by hand."""

import numpy as np
import pandas as pd
import pytest

from nightmare.cull.budget import Trial, least_doubts, trial_of
from nightmare.cull.crossval import cross_validate, cross_validate_exchanged
from nightmare.cull.strategies import facts_of
from nightmare.errors import InputError
from nightmare.params import CrossvalParams, CullParams, Params


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
    least = least_doubts(facts, injected, cull=rule(params, budget=budget))
    assert least.to_dict() == pytest.approx({"frog": frogs, "skull": skulls})


def test_never_less_than_the_confidence(facts: pd.DataFrame, injected: pd.DataFrame, params: Params) -> None:
    least = least_doubts(facts, injected, cull=rule(params, budget=0.2, confidence=0.75))
    assert least.to_dict() == pytest.approx({"frog": 0.75, "skull": 0.75})


def test_a_class_of_exchanged_labels_alone_loses_nothing(
    facts: pd.DataFrame, injected: pd.DataFrame, params: Params
) -> None:
    injected.loc[injected["label"] == "skull", "exchanged"] = True
    assert least_doubts(facts, injected, cull=rule(params, budget=1.0))["skull"] == 1


def test_the_budget_holds_in_all_repeats_together(facts: pd.DataFrame, injected: pd.DataFrame, params: Params) -> None:
    unmoved = injected.assign(repeat=1, wrong=0.0)
    both = pd.concat([injected, unmoved], ignore_index=True)
    # Two of fourteen, no longer two of seven.
    assert least_doubts(facts, both, cull=rule(params, budget=0.15))["frog"] == 0.5
    assert least_doubts(facts, injected, cull=rule(params, budget=0.15))["frog"] == pytest.approx(0.7)


def test_what_is_found_and_lost(facts: pd.DataFrame, injected: pd.DataFrame) -> None:
    least = pd.Series({"frog": 0.65, "skull": 0.5})
    # The exchanged frog is beyond the doubt of a skull, whose label it has; the exchanged skull is not doubted at all.
    assert trial_of(least, facts, injected) == Trial(
        n=2,
        found=0.5,
        gone=6 / 13,
        lost=pytest.approx((2 + 1.4) / (7 + 3.4)),
        class_lost=pytest.approx({"frog": 2 / 7, "skull": 1.4 / 3.4}),
    )


def test_doubt_about_a_picture_stays_what_it_was(facts: pd.DataFrame, injected: pd.DataFrame) -> None:
    """Six tenths for the picture, half for the label: together the skull is beyond .75, and not beyond .85."""
    alone = injected.assign(wrong=np.where(injected["id"] == "s0", 0.5, 0.0))
    lost = [trial_of(pd.Series({"frog": 1.0, "skull": least}), facts, alone).lost for least in (0.75, 0.85)]
    assert lost == pytest.approx([0.4 / 10.4, 0])


def test_what_is_doubted_no_more_than_that_stays(facts: pd.DataFrame, injected: pd.DataFrame) -> None:
    alone = injected.assign(wrong=np.where(injected["id"] == "f2", 0.5, 0.0))
    assert trial_of(pd.Series({"frog": 0.5, "skull": 0.75}), facts, alone).lost == 0


def test_a_budget_of_everything_is_never_exceeded(facts: pd.DataFrame, injected: pd.DataFrame, params: Params) -> None:
    doubted = injected.assign(wrong=0.9)
    assert least_doubts(facts, doubted, cull=rule(params, budget=1.0))["frog"] == 0.5


def test_without_an_exchange_nothing_can_be_found(facts: pd.DataFrame, injected: pd.DataFrame) -> None:
    unmoved = injected.assign(exchanged=False, label=facts["label"])
    assert trial_of(pd.Series({"frog": 0.5, "skull": 0.5}), facts, unmoved).found is None


def test_a_class_of_which_nothing_was_right_loses_nothing(facts: pd.DataFrame, injected: pd.DataFrame) -> None:
    wrong = facts.assign(doubt=np.where(facts["label"] == "frog", 1.0, facts["doubt"]))
    trial = trial_of(pd.Series({"frog": 0.5, "skull": 0.5}), wrong, injected)
    assert trial.class_lost == {"frog": 0, "skull": pytest.approx(1.4 / 3.4)}


@pytest.mark.parametrize("rows", [slice(1, None), slice(0, 0)])
def test_other_images_are_refused(rows: slice, facts: pd.DataFrame, injected: pd.DataFrame, params: Params) -> None:
    with pytest.raises(InputError, match="dvc repro crossval"):
        least_doubts(facts, injected[rows], cull=params.cull)
    with pytest.raises(InputError, match="different images"):
        trial_of(pd.Series({"frog": 0.5, "skull": 0.5}), facts[rows], injected)


def test_the_trial_comes_near_the_truth_where_that_is_known(params: Params) -> None:
    """Three classes that overlap a little, a tenth of whose labels is wrong."""
    generator = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 80)
    wrong = generator.random(240) < 0.1
    labels = np.where(wrong, (truth + 1) % 3, truth)
    features = generator.normal(size=(240, 4)) + 2.5 * np.eye(4)[truth]
    pool = pd.DataFrame({"id": [f"{row:04}" for row in range(240)], "label": np.array(list("abc"))[labels]})
    pool = pool.assign(side="train", grade="A", group=pool["id"])
    crossval = CrossvalParams(folds=5, repeats=2)
    table = cross_validate(pool, features, np.zeros((240, 3)), classes=tuple("abc"), crossval=crossval, seed=0)
    facts = facts_of(table, tuple("abc"))
    injected = cross_validate_exchanged(pool, features, classes=tuple("abc"), crossval=crossval, seed=0)
    least = least_doubts(facts, injected, cull=rule(params, budget=1.0))
    trial, gone = trial_of(least, facts, injected), (facts["doubt"] > 0.5).to_numpy()
    # With a tenth more of wrong labels, verdicts of a single partition are no better than those they stand for.
    assert 0.6 < trial.found < gone[wrong].mean() + 0.1
    assert 0 < trial.lost == pytest.approx(gone[~wrong].mean(), abs=0.03)
