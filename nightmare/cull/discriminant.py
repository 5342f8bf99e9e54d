"""A linear classifier that is fitted in a tenth of a second, takes labels that are only probable, and judges out of
fold."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_probabilities", "mean_log_probabilities"]

_SHRINKAGE = 0.8
_NOTHING = 1e-9  # images of a class that a fold has none of


def log_probabilities(
    features: NDArray[np.float64], labels: NDArray[np.float64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Log-probabilities (n, classes) of each row of `features` (n, d), by what was learnt from the other `folds`.

    `labels` (n, classes) are the probabilities of each row's classes. Rows that sum to less tell less of where classes
    are, and as much of how far images are spread, about zero: features are centred. The classifier is linear
    discriminant analysis with the covariance shrunk towards a multiple of the identity (Friedman 1989): where there are
    more features than images, its likelihoods are far too sure, but their order is good.
    """
    logits = np.empty(labels.shape)
    for fold in np.unique(folds):
        judged = folds == fold
        directions, offsets = _fitted(features[~judged], labels[~judged])
        logits[judged] = features[judged] @ directions + offsets
    logits -= logits.max(axis=1, keepdims=True)
    normalised: NDArray[np.float64] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return normalised


def mean_log_probabilities(
    features: NDArray[np.float64], labels: NDArray[np.float64], partitions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The mean of `log_probabilities` over `partitions` (repeats, n) into folds: (n, classes), up to a constant of each
    row."""
    mean: NDArray[np.float64] = np.mean([log_probabilities(features, labels, folds) for folds in partitions], axis=0)
    return mean


def _fitted(
    features: NDArray[np.float64], labels: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What turns features into logits: directions (d, classes) and offsets (classes)."""
    counts = labels.sum(axis=0) + _NOTHING
    means = labels.T @ features / counts[:, None]
    covariance = (features.T @ features - (means * counts[:, None]).T @ means) / counts.sum()
    width = len(covariance)
    covariance *= 1 - _SHRINKAGE
    covariance[np.diag_indices(width)] += _SHRINKAGE / (1 - _SHRINKAGE) * np.trace(covariance) / width
    directions = np.linalg.solve(covariance, means.T)
    return directions, np.log(counts / counts.sum()) - (means.T * directions).sum(axis=0) / 2
