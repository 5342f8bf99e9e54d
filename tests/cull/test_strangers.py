"""Strangers among classes whose places are known: they are found, right images stay, and labels speak."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nightmare.cull import strangers
from nightmare.cull.evidence import weigh_labels
from nightmare.cull.strangers import weigh_strangers

CLASSES, EACH, WIDTH = 10, 60, 40


def pictures(stranger_share: float, *, seed: int = 0) -> tuple[NDArray[np.bool_], NDArray, NDArray, NDArray]:
    """Which of 600 are strangers, features (n, d), labels (n), and two partitions into folds (2, n).

    Strangers are of twenty places of their own, as far from the classes as these are from each other.
    """
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), EACH)
    centres = 1.2 * generator.normal(size=(CLASSES, WIDTH))
    elsewhere = 1.2 * generator.normal(size=(20, WIDTH))
    strange = generator.random(len(labels)) < stranger_share
    middle = np.where(strange[:, None], elsewhere[generator.integers(0, 20, len(labels))], centres[labels])
    features = middle + generator.normal(size=(len(labels), WIDTH))
    partitions = np.array([generator.permutation(len(labels)) % 5 for _ in range(2)])
    return strange, features, labels, partitions


def labelled(features: NDArray, labels: NDArray, partitions: NDArray) -> NDArray:
    """How probably an image that looks like this has each label, as it is asked in earnest."""
    return weigh_labels(features, labels, partitions, class_count=CLASSES, strangers=False).probability


def weigh(features: NDArray, labels: NDArray, partitions: NDArray) -> NDArray:
    return weigh_strangers(features, labels, partitions, labelled(features, labels, partitions))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_strangers_are_found_by_what_classes_look_like_that_are_left_out(share: float) -> None:
    strange, features, labels, partitions = pictures(share)
    probability = weigh(features, labels, partitions)
    found = probability > 0.5
    assert strange[found].mean() > 0.9, "precision"
    assert found[strange].mean() > 0.5, "recall"
    assert probability.mean() == pytest.approx(strange.mean(), rel=0.5)


def test_a_set_without_strangers_loses_next_to_nothing() -> None:
    for seed in range(3):
        _, features, labels, partitions = pictures(0.0, seed=seed)
        probability = weigh(features, labels, partitions)
        assert (probability > 0.5).mean() <= 0.01
        assert probability.mean() < 0.005


def test_an_image_is_the_likelier_a_stranger_the_less_its_label_fits() -> None:
    _, features, labels, partitions = pictures(0.2)
    probability = labelled(features, labels, partitions)
    before = weigh_strangers(features, labels, partitions, probability)
    misfit = int(np.argmin(np.abs(before - 0.5)))
    probability[misfit, labels[misfit]] /= 10
    after = weigh_strangers(features, labels, partitions, probability)
    assert 0.1 < before[misfit] < 0.9 < after[misfit]


def test_every_partition_counts() -> None:
    _, features, labels, partitions = pictures(0.2)
    probability = labelled(features, labels, partitions)
    both = weigh_strangers(features, labels, partitions, probability)
    for one in (partitions[:1], partitions[1:]):
        assert not np.allclose(weigh_strangers(features, labels, one, probability), both)


def test_strangers_leave_what_the_classes_are_known_by(monkeypatch: pytest.MonkeyPatch) -> None:
    strange, features, labels, partitions = pictures(0.4)
    many = weigh(features, labels, partitions)
    monkeypatch.setattr(strangers, "_ROUNDS", 1)
    once = weigh(features, labels, partitions)
    assert (many > 0.5)[strange].mean() > (once > 0.5)[strange].mean() + 0.1


def test_a_rare_class_counts_as_much_as_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    _, features, labels, partitions = pictures(0.0)
    kept = (labels > 0) | (np.arange(len(labels)) % 8 == 0)
    weights: list[NDArray] = []
    real = strangers._likelihood_ratio

    def weighing(met: NDArray, unmet: NDArray, weight: NDArray) -> NDArray:
        weights.append(weight)
        return real(met, unmet, weight)

    monkeypatch.setattr(strangers, "_likelihood_ratio", weighing)
    weigh(features[kept], labels[kept], partitions[:, kept])
    of_class = [weights[0][labels[kept] == label].sum() for label in range(CLASSES)]
    np.testing.assert_allclose(of_class, of_class[0])


def test_two_classes_have_no_strangers() -> None:
    _, features, labels, partitions = pictures(0.2)
    two = labels < 2
    even = np.full((two.sum(), 2), 0.5)
    assert not weigh_strangers(features[two], labels[two], partitions[:, two], even).any()


def test_distances_are_those_to_the_nearest_class_and_the_middle_whatever_the_classes_sizes() -> None:
    _, features, labels, _ = pictures(0.0)
    kept = (labels > 0) | (np.arange(len(labels)) % 6 == 0)
    features, labels = features[kept], labels[kept]
    learnt = np.arange(len(labels)) % 2 == 0
    own = np.eye(CLASSES)[labels]
    met, unmet = strangers._distances(features, own, np.ones(len(labels)), (~learnt).astype(int)[None])
    means = np.array([features[learnt & (labels == label)].mean(0) for label in range(CLASSES)])
    spread = np.cov((features - means[labels])[learnt].T, bias=True)
    spread = 0.2 * spread + 0.8 * np.trace(spread) / WIDTH * np.eye(WIDTH)
    middle = features[learnt].mean(0)
    offsets = features[~learnt][:, None] - np.concatenate([means, middle[None]])
    squares = (offsets @ np.linalg.inv(spread) * offsets).sum(2) / 2
    of_others = np.where(own[~learnt] > 0, np.inf, squares[:, :CLASSES])
    np.testing.assert_allclose(met[~learnt], squares[:, :CLASSES].min(1) - squares[:, CLASSES], atol=0.2)
    np.testing.assert_allclose(unmet[~learnt], of_others.min(1) - squares[:, CLASSES], atol=0.2)


def test_a_class_without_images_changes_nothing() -> None:
    _, features, labels, partitions = pictures(0.2)
    probability = labelled(features, labels, partitions)
    more = np.column_stack([probability, np.full(len(labels), 1e-9)])
    np.testing.assert_array_equal(
        weigh_strangers(features, labels, partitions, more), weigh_strangers(features, labels, partitions, probability)
    )


def test_images_that_are_all_as_far_tell_nothing() -> None:
    np.testing.assert_array_equal(strangers._likelihood_ratio(np.ones(6), np.full(6, 2.0), np.ones(6)), np.ones(6))
