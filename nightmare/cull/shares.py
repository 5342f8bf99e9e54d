"""What share of a set is of each kind, where only likelihoods are known: for faults and strangers, which nobody labels.

How many are of a kind is estimated by what each image says of itself, given the estimate (Saerens et al. 2002), so that
a set without any loses next to nothing.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["estimated_share", "learning_share", "weighed"]

_USUAL, _STRENGTH = 0.005, 0.05  # what is thought of a set before it is seen, and its weight against the set
_GROWTH, _MOST = 1.2, 0.9
_STEPS = 200


def weighed(likelihood: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bayes: probabilities (n, 1 + kinds) of being of no kind and of each, by how likely an image is among those, up to
    a factor of its own, when `share` (kinds) of all are of each kind."""
    both = likelihood * np.concatenate([[1 - share.sum()], share])
    probabilities: NDArray[np.float64] = both / both.sum(axis=1, keepdims=True)
    return probabilities


def learning_share(found: NDArray[np.float64], least: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share (kinds) to think of each kind while it is learnt from: a little more than was `found`, `least` at
    least, so that what was overlooked so far is not taken for its opposite; nine tenths at most in all."""
    share: NDArray[np.float64] = np.maximum(least, _GROWTH * found)
    return share * min(1.0, _MOST / share.sum())


def estimated_share(likelihood: NDArray[np.float64], first: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share (kinds) that agrees with what it makes of `likelihood` (n, 1 + kinds), from `first` (kinds) on."""
    share = first
    for _ in range(_STEPS):
        found = weighed(likelihood, share)[:, 1:].sum(axis=0)
        share = (found + _USUAL * _STRENGTH * len(likelihood)) / ((1 + _STRENGTH) * len(likelihood))
    return share
