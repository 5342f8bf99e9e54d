"""Classifiers whose worth is known: how many labels are wrong is estimated, and which, without taking right ones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nightmare.cull import evidence
from nightmare.cull.evidence import Explanation, explain, weigh_labels

COUNT = 2000


def labels_of(
    wrong_share: float, *, classes: int = 5, strength: float = 3.0, seed: int = 0, steady: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """True and given labels, and log-probabilities by a classifier that sees the truth through noise.

    `steady`: class 0 is taken for class 1, and no other.
    """
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, COUNT)
    wrong = generator.random(COUNT) < wrong_share
    given = np.where(wrong, (truth + generator.integers(1, classes, COUNT)) % classes, truth)
    if steady:
        given = np.where(wrong & (truth == 0), 1, truth)
    logits = generator.normal(size=(COUNT, classes)) + strength * np.eye(classes)[truth]
    judged = logits * strength  # the calibrated posterior of unit noise about that mean
    return truth, given, judged - np.log(np.exp(judged).sum(1, keepdims=True))


def wrong_by(truth: NDArray[np.float64], given: NDArray[np.int64]) -> NDArray[np.float64]:
    return 1 - truth[np.arange(len(given)), given]


@pytest.mark.parametrize("by_pair", [False, True])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_the_share_of_wrong_labels_and_the_labels_themselves_are_found(share: float, by_pair: bool) -> None:
    truth, given, judged = labels_of(share)
    wrong = wrong_by(explain(judged, given, by_pair=by_pair).truth, given)
    assert wrong.mean() == pytest.approx((given != truth).mean(), abs=0.02)
    removed = wrong > 0.5
    assert (given != truth)[removed].mean() > 0.9, "precision"
    assert removed[given != truth].mean() > 0.8, "recall"
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 0.95)):  # as often as it says
        these = (wrong > low) & (wrong < high)
        slack = 3 * np.sqrt(0.25 / max(1, these.sum()))
        assert abs((given != truth)[these].mean() - wrong[these].mean()) < max(0.1, slack)


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
def test_a_classifier_may_be_far_too_sure_or_too_timid(factor: float) -> None:
    _, given, judged = labels_of(0.2)
    stretched = judged * factor
    stretched -= np.log(np.exp(stretched).sum(1, keepdims=True))
    expected = wrong_by(explain(judged, given, by_pair=False).truth, given)
    np.testing.assert_allclose(wrong_by(explain(stretched, given, by_pair=False).truth, given), expected, atol=0.02)


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_right_labels_are_left_alone_by_poor_classifiers_too(strength: float) -> None:
    for seed in range(3):
        _, given, judged = labels_of(0.0, strength=strength, seed=seed)
        assert (wrong_by(explain(judged, given, by_pair=False).truth, given) > 0.5).mean() < 0.005


def test_steady_confusion_asks_for_rates_per_pair() -> None:
    truth, given, judged = labels_of(0.3, steady=True)
    evenly, by_pair = explain(judged, given, by_pair=False), explain(judged, given, by_pair=True)
    assert by_pair.likelihood > evenly.likelihood + evidence._LEAST_GAIN
    wrong = given != truth
    found = wrong_by(by_pair.truth, given) > 0.5
    assert found[wrong].mean() > 0.8
    assert wrong[found].mean() > 0.9
    assert found[given != 1].mean() < 0.01, "the other classes are right"


def test_rates_per_pair_are_not_believed_where_one_rate_says_as_much() -> None:
    _, given, judged = labels_of(0.0)
    evenly, by_pair = explain(judged, given, by_pair=False), explain(judged, given, by_pair=True)
    assert by_pair.likelihood < evenly.likelihood + evidence._LEAST_GAIN


@pytest.mark.parametrize("strength", [1.0, 3.0])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_classifiers_accuracy_is_known_however_many_labels_are_wrong(share: float, strength: float) -> None:
    truth, given, judged = labels_of(share, strength=strength)
    for factor in (0.3, 1.0):
        accuracy = explain(judged * factor, given, by_pair=False).accuracy
        assert accuracy == pytest.approx((judged.argmax(1) == truth).mean(), abs=0.03)


def test_what_an_image_is_labelled_as_adds_up() -> None:
    truth, given, judged = labels_of(0.2, classes=3)
    explanation = explain(judged, given, by_pair=True)
    np.testing.assert_allclose(explanation.labelled.sum(1), 1)
    np.testing.assert_allclose(explanation.truth.sum(1), 1)
    seen = explanation.labelled[np.arange(COUNT), given]
    assert np.log(seen).sum() == pytest.approx(explanation.likelihood)
    assert np.bincount(explanation.truth.argmax(1), minlength=3) == pytest.approx(np.bincount(truth), abs=60)


def pictures(
    wrong_share: float, *, steady: bool = False, noise: float = 1.5
) -> tuple[NDArray[np.bool_], NDArray, NDArray, NDArray]:
    """Which labels are wrong; features (n, d), labels and two partitions into folds."""
    generator = np.random.default_rng(1)
    truth = np.repeat(np.arange(4), 80)
    centres = generator.normal(size=(4, 60))
    features = centres[truth] + noise * generator.normal(size=(320, 60))
    wrong = generator.random(320) < wrong_share
    other = np.where(truth % 2 == 0, truth + 1, truth - 1) if steady else (truth + generator.integers(1, 4, 320)) % 4
    partitions = np.array([generator.permutation(320) % 5 for _ in range(2)])
    return wrong, features, np.where(wrong, other, truth), partitions


@pytest.mark.parametrize("steady", [False, True])
def test_wrong_labels_are_found_by_features(steady: bool) -> None:
    wrong, features, labels, partitions = pictures(0.2, steady=steady)
    found = weigh_labels(features, labels, partitions, class_count=4).wrong > 0.5
    assert wrong[found].mean() > 0.85
    assert found[wrong].mean() > 0.85


def test_right_labels_are_left_alone() -> None:
    _, features, labels, partitions = pictures(0.0)
    assert (weigh_labels(features, labels, partitions, class_count=4).wrong > 0.5).mean() <= 0.01


def spied(monkeypatch: pytest.MonkeyPatch) -> tuple[list[NDArray], list[bool], list[Explanation]]:
    """What the classifier believes, and which explanations are asked for and given."""
    believed: list[NDArray] = []
    by_pair: list[bool] = []
    given: list[Explanation] = []
    real_judge, real_explain = evidence.mean_log_probabilities, evidence.explain

    def judge(features: NDArray, labels: NDArray, partitions: NDArray) -> NDArray:
        believed.append(labels)
        return real_judge(features, labels, partitions)

    def explaining(judged: NDArray, labels: NDArray, **named: bool) -> Explanation:
        by_pair.append(named["by_pair"])
        given.append(real_explain(judged, labels, **named))
        return given[-1]

    monkeypatch.setattr(evidence, "mean_log_probabilities", judge)
    monkeypatch.setattr(evidence, "explain", explaining)
    return believed, by_pair, given


@pytest.mark.parametrize("steady", [False, True])
def test_the_classifier_learns_again_and_the_mean_verdict_counts(steady: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _, features, labels, partitions = pictures(0.3, steady=steady, noise=3.0)
    believed, by_pair, given = spied(monkeypatch)
    found = weigh_labels(features, labels, partitions, class_count=4, refinements=2, strangers=False)
    assert by_pair == [False, True, steady, steady], "as the first labels say"
    first = given[int(steady)]
    verdicts = [explanation.truth for explanation in (first, *given[2:])]
    own = np.eye(4)[labels]
    trust = first.accuracy
    assert 0.3 < trust < 0.95
    assert len(believed) == 3
    np.testing.assert_array_equal(believed[0], own)
    np.testing.assert_allclose(believed[1], (1 - trust) * own + trust * verdicts[0])
    np.testing.assert_allclose(believed[2], (1 - trust) * own + trust * verdicts[1])
    np.testing.assert_allclose(found.wrong, 1 - np.mean(verdicts, axis=0)[own.astype(bool)])
    np.testing.assert_array_equal(found.probability, first.labelled)


def test_learning_again_finds_more_where_much_is_wrong() -> None:
    wrong, features, labels, partitions = pictures(0.4, noise=3.0)
    found = weigh_labels(features, labels, partitions, class_count=4)
    first = weigh_labels(features, labels, partitions, class_count=4, refinements=0)
    assert ((found.wrong > 0.5) == wrong).mean() > ((first.wrong > 0.5) == wrong).mean() + 0.02
    np.testing.assert_array_equal(first.probability, found.probability)


def test_steady_confusion_asks_for_more_than_two_times() -> None:
    wrong, features, labels, partitions = pictures(0.4, steady=True, noise=2.0)

    def right(**named: int) -> float:
        found = weigh_labels(features, labels, partitions, class_count=4, strangers=False, **named).wrong > 0.5
        return float((found == wrong).mean())

    assert right() > 0.98
    assert right() > right(refinements=2) + 0.02


def test_every_partition_counts() -> None:
    _, features, labels, partitions = pictures(0.2, noise=3.0)
    both = weigh_labels(features, labels, partitions, class_count=4)
    for one in (partitions[:1], partitions[1:]):
        assert not np.allclose(weigh_labels(features, labels, one, class_count=4).probability, both.probability)


@pytest.mark.parametrize("wanted", [7.9, 8.1])
def test_rates_per_pair_are_believed_from_a_gain_on(wanted: float, monkeypatch: pytest.MonkeyPatch) -> None:
    _, features, labels, partitions = pictures(0.2)
    asked: list[bool] = []

    def explaining(judged: NDArray, labels: NDArray, *, by_pair: bool) -> Explanation:
        asked.append(by_pair)
        even = np.full((len(labels), 4), 0.25)
        return Explanation(even, even, likelihood=-100.0 + wanted * by_pair, accuracy=0.5)

    monkeypatch.setattr(evidence, "explain", explaining)
    weigh_labels(features, labels, partitions, class_count=4)
    assert asked[2:] == [wanted > 8] * evidence.REFINEMENTS, "320 images ask for the least gain"
    monkeypatch.setattr(evidence, "_LEAST_GAIN_EACH", 9 / 320)
    asked.clear()
    weigh_labels(features, labels, partitions, class_count=4)
    assert asked[2:] == [False] * evidence.REFINEMENTS, "many images ask for more"


def test_a_classifier_that_says_nothing_leaves_what_was_thought_beforehand() -> None:
    labels = np.arange(300) % 3
    explanation = explain(np.full((300, 3), np.log(1 / 3)), labels, by_pair=True)
    np.testing.assert_allclose(wrong_by(explanation.truth, labels), 0.02, atol=0.001)


def test_two_classes_are_no_exception() -> None:
    truth, given, judged = labels_of(0.2, classes=2)
    wrong = wrong_by(explain(judged, given, by_pair=True).truth, given) > 0.5
    assert (given != truth)[wrong].mean() > 0.9
    assert wrong[given != truth].mean() > 0.8


def test_strangers_have_wrong_labels_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _, features, labels, partitions = pictures(0.2)
    stranger = np.linspace(0, 1, len(labels))
    asked: list[NDArray] = []

    def weighing(features: NDArray, labels: NDArray, partitions: NDArray, labelled: NDArray) -> NDArray:
        asked.append(labelled)
        return stranger

    monkeypatch.setattr(evidence, "weigh_strangers", weighing)
    alone = weigh_labels(features, labels, partitions, class_count=4, strangers=False)
    assert not asked
    both = weigh_labels(features, labels, partitions, class_count=4)
    np.testing.assert_allclose(1 - both.wrong, (1 - alone.wrong) * (1 - stranger), atol=1e-12)
    np.testing.assert_array_equal(asked[0], both.probability)
