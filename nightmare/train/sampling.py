"""Which rows an epoch draws, and in which order."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["balanced_weights", "epoch_order"]


def balanced_weights(labels: NDArray[np.int64], balance: float, keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How often each row is drawn per epoch, summing to n: never without `keep`.

    `balance` 0 draws rows evenly, 1 draws classes evenly.
    """
    counts = np.bincount(labels[keep], minlength=labels.max() + 1).clip(1)
    weights = keep * counts[labels] ** -float(balance)
    return weights * len(labels) / weights.sum()


def epoch_order(weights: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """Row numbers of one epoch by systematic sampling: row i comes floor or ceil of `weights[i]` times, shuffled.

    With all weights 1 this is a permutation, and a row of weight 0 never comes.
    """
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(weights))
    ends = np.cumsum(weights[shuffled])
    ends *= len(weights) / ends[-1]
    points = np.arange(len(weights)) + generator.uniform(0.001, 0.999)
    picked = shuffled[np.minimum(np.searchsorted(ends, points), len(weights) - 1)]
    return generator.permutation(picked)
