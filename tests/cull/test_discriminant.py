"""A linear classifier that judges out of fold and takes labels that are only probable."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from nightmare.cull import discriminant
from nightmare.cull.discriminant import log_probabilities


@pytest.fixture
def data() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 40)
    features = generator.normal(size=(3, 8))[labels] + generator.normal(size=(120, 8))
    return features, labels, generator.permutation(120) % 4


def test_it_is_discriminant_analysis_with_a_shrunk_covariance(
    data: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of equal classes and without shrinkage, it is scikit-learn's."""
    features, labels, folds = data
    monkeypatch.setattr(discriminant, "_SHRINKAGE", 1e-12)
    logarithms = log_probabilities(features, np.eye(3)[labels], folds)
    for fold in range(4):
        judge = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.0).fit(
            features[folds != fold], labels[folds != fold]
        )
        expected = judge.predict_log_proba(features[folds == fold])
        np.testing.assert_allclose(logarithms[folds == fold], expected, atol=1e-6)


def test_a_row_is_judged_without_its_label(
    data: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    features, labels, folds = data
    before = log_probabilities(features, np.eye(3)[labels], folds)
    exchanged = np.where(folds == 0, (labels + 1) % 3, labels)
    after = log_probabilities(features, np.eye(3)[exchanged], folds)
    np.testing.assert_array_equal(after[folds == 0], before[folds == 0])
    assert not np.allclose(after[folds == 1], before[folds == 1])


def test_half_a_label_counts_half(data: tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]) -> None:
    """A row that is of two classes with equal probability is as good as two halves of a row."""
    features, labels, folds = data
    soft = np.eye(3)[labels]
    soft[:10] = [0.5, 0.5, 0.0]
    expected = log_probabilities(features, soft, folds)[10:]
    doubled = np.concatenate([features[:10], features[:10], features[10:], features[10:]])
    hard = np.concatenate([np.eye(3)[[0] * 10 + [1] * 10], np.eye(3)[labels[10:]], np.eye(3)[labels[10:]]])
    twofold = np.concatenate([folds[:10], folds[:10], folds[10:], folds[10:]])
    np.testing.assert_allclose(log_probabilities(doubled, hard, twofold)[20:130], expected, rtol=1e-6)


def test_more_features_than_rows_are_no_obstacle() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), 20)
    features = generator.normal(size=(40, 300)) + np.where(labels, 0.4, -0.4)[:, None]
    judged = log_probabilities(features, np.eye(2)[labels], generator.permutation(40) % 5)
    assert (judged.argmax(1) == labels).mean() > 0.9
    np.testing.assert_allclose(np.exp(judged).sum(1), 1)


def test_a_class_that_the_other_folds_lack_is_improbable_but_no_error() -> None:
    generator = np.random.default_rng(0)
    labels = np.array([0] * 10 + [1] * 10 + [2] * 2)
    judged = log_probabilities(generator.normal(size=(22, 4)), np.eye(3)[labels], np.where(labels == 2, 0, labels + 1))
    assert np.isfinite(judged).all()
    assert (judged[-2:, 2] < -5).all()
