"""Witnesses whose worth is known: how many labels are wrong is estimated, and which, without counting right ones."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from nightmare.cull.evidence import error_probability, log_odds
from nightmare.errors import InputError

CLASSES = ("frog", "skull", "spider")
PER_CLASS = 500


def witnesses_of(
    wrong_share: float,
    *,
    network: float = 1.5,
    descriptors: float = 1.5,
    ease: float = 2.0,
    seed: int = 0,
    classes: tuple[str, ...] = CLASSES,
) -> tuple[NDArray[np.bool_], tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """Which labels are wrong, and witnesses that see the truth through noise: the larger the number, the better."""
    generator = np.random.default_rng(seed)
    count = len(classes)
    truth = np.repeat(np.arange(count), PER_CLASS)
    wrong = generator.random(len(truth)) < wrong_share
    given = np.where(wrong, (truth + generator.integers(1, count, len(truth))) % count, truth)
    ids = [f"{number:016x}" for number in range(len(truth))]

    def predictions(strength: float) -> pd.DataFrame:
        logits = generator.normal(size=(len(truth), count)) + strength * np.eye(count)[truth] * 2
        probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        columns = {f"p_{name}": probability[:, number] for number, name in enumerate(classes)}
        return pd.DataFrame({"id": ids, "label": np.array(classes)[given], **columns})

    margins = []
    for fold in range(3):
        exchanged = generator.random(len(truth)) < 0.05
        learnt = np.where(exchanged, (given + generator.integers(1, count, len(truth))) % count, given)
        # Each network has a scale of its own.
        margin = (fold + 1) * (generator.normal(size=len(truth)) + ease * (learnt == truth)) + fold
        margins.append(
            pd.DataFrame(
                {
                    "id": ids,
                    "fold": fold,
                    "repeat": 0,
                    "learnt_as": np.array(classes)[learnt],
                    "relabelled": exchanged,
                    "margin": margin,
                }
            )
        )
    return wrong, (predictions(network), predictions(descriptors), pd.concat(margins).sample(frac=1, random_state=0))


def area(wrong: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    """The probability that a wrong label looks worse than a right one."""
    return float((probability[wrong][:, None] > probability[~wrong][None, :]).mean())


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_the_share_of_wrong_labels_and_the_labels_themselves_are_found(share: float) -> None:
    wrong, tables = witnesses_of(share)
    probability = error_probability(*tables, CLASSES)
    assert probability.mean() == pytest.approx(wrong.mean(), abs=0.08)
    removed = probability > 0.5
    assert wrong[removed].mean() > 0.85, "precision"
    assert removed[wrong].mean() > 0.75, "recall"
    # The mean of several networks says more than the single ones by which it is weighed: it errs towards keeping.
    middle = (probability > 0.2) & (probability < 0.8)
    assert wrong[middle].mean() > probability[middle].mean() - 0.1


@pytest.mark.parametrize("seed", range(5))
def test_right_labels_are_left_alone(seed: int) -> None:
    _, tables = witnesses_of(0.0, seed=seed)
    assert (error_probability(*tables, CLASSES) > 0.5).mean() < 0.01


def test_right_labels_are_left_alone_by_poor_witnesses_too() -> None:
    _, tables = witnesses_of(0.0, network=0.5, descriptors=0.5, ease=0.5)
    assert (error_probability(*tables, CLASSES) > 0.5).mean() < 0.01


@pytest.mark.parametrize("known", ["network", "descriptors", "ease"])
def test_the_witness_that_knows_counts(known: str) -> None:
    worth = {"network": 0.0, "descriptors": 0.0, "ease": 0.0}
    wrong, tables = witnesses_of(0.2, **worth)
    assert 0.4 < area(wrong, error_probability(*tables, CLASSES)) < 0.6, "nobody knows"
    wrong, tables = witnesses_of(0.2, **{**worth, known: 2.0})
    assert area(wrong, error_probability(*tables, CLASSES)) > 0.85


def test_two_classes_are_no_exception() -> None:
    """An exchanged wrong label is then the right one."""
    wrong, tables = witnesses_of(0.2, classes=CLASSES[:2])
    probability = error_probability(*tables, CLASSES[:2])
    removed = probability > 0.5
    assert wrong[removed].mean() > 0.85
    assert removed[wrong].mean() > 0.7


def test_steady_confusion_of_two_classes_is_left_and_nothing_right_with_it() -> None:
    """What the docstring admits: labels that are wrong in one way again and again look like hard right ones."""
    _, tables = witnesses_of(0.0)
    for table in tables[:2]:
        columns = [f"p_{name}" for name in CLASSES]
        # Every witness has learnt that half of the frogs are skulls.
        frogs = (table["label"] == "frog").to_numpy() & (np.arange(len(table)) % 2 == 0)
        table.loc[frogs, columns] = [0.45, 0.5, 0.05]
    probability = error_probability(*tables, CLASSES)
    assert (probability > 0.5).mean() < 0.01


@pytest.mark.parametrize("fault", ["another image", "no exchange"])
def test_tables_that_do_not_belong_together_are_refused(fault: str) -> None:
    _, (crossval, descriptors, margins) = witnesses_of(0.2)
    if fault == "another image":
        descriptors = descriptors.assign(id=descriptors["id"].replace(descriptors["id"][0], "f" * 16))
    else:
        margins = margins.assign(relabelled=False)
    with pytest.raises(InputError, match="dvc repro -f crossval"):
        error_probability(crossval, descriptors, margins, CLASSES)


def test_the_order_of_the_tables_does_not_matter() -> None:
    _, (crossval, descriptors, margins) = witnesses_of(0.2)
    expected = error_probability(crossval, descriptors, margins, CLASSES)
    shuffled = descriptors.sample(frac=1, random_state=1), margins.sample(frac=1, random_state=2)
    np.testing.assert_allclose(error_probability(crossval, *shuffled, CLASSES), expected, rtol=1e-6)


def test_an_image_that_no_network_learnt_is_judged_by_the_others() -> None:
    wrong, (crossval, descriptors, margins) = witnesses_of(0.2)
    unlearnt = crossval["id"].isin(crossval["id"][::2])
    some = margins[~margins["id"].isin(crossval["id"][::2])]
    probability = error_probability(crossval, descriptors, some, CLASSES)
    assert area(wrong[unlearnt], probability[unlearnt]) > 0.9


def test_log_odds_by_hand() -> None:
    probability = np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]])
    np.testing.assert_allclose(log_odds(probability, np.array([0, 2])), np.log([2, 1 / 6]), atol=2e-3)
