"""Images of none of the classes, told by how strange an image is to the classes that are not its own.

Nobody has labelled strangers, but every image is one where its class is left out. How far an image is from the nearest
class, beside how far it is from the middle of all images (the relative Mahalanobis distance of Ren et al. 2021), is
measured among all classes, and once more as if its own were not there. What tells these two distances apart tells
strangers, too. A photograph of two things is far from every class like them, and so is one that can hardly be made out.

Images that are taken for strangers leave what the classes are known by, and all are measured again.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nightmare.cull.discriminant import mean_log_probabilities
from nightmare.cull.shares import estimated_share, weighed

__all__ = ["weigh_strangers"]

_ROUNDS = 6
# What share of the set is thought to be strange while it is learnt from: the classes are known by those that surely
# belong there, so that many strangers do not pass for a part of them.
_FIRST_SHARE = np.array([0.5])
_TRACE = 1e-6  # weight of the middle of all images among the classes, so small that it leaves them as they are


def weigh_strangers(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    partitions: NDArray[np.int64],
    labelled: NDArray[np.float64],
) -> NDArray[np.float64]:
    """How probably each row of `features` (n, d) shows none of the classes: (n).

    Each row of `partitions` (repeats, n) gives each image its fold. `labelled` (n, classes) is how probably an image
    that looks like this has each label, if it does show a class. A stranger has its label of `labels` (n) as often as
    that occurs. Of two classes none can be left out so that there are classes: nothing is a stranger to them.
    """
    classes = labelled.shape[1]
    if classes < 3:
        return np.zeros(len(labels))
    own = np.eye(classes)[labels]
    by_label = own.mean(axis=0)[labels] / labelled[own > 0]
    stranger = np.zeros(len(labels))
    for _ in range(_ROUNDS):
        known = 1 - stranger
        ratio = _likelihood_ratio(*_distances(features, own, known, partitions), known / (known @ own)[labels])
        likelihood = np.column_stack([np.ones(len(labels)), ratio * by_label])
        stranger = weighed(likelihood, _FIRST_SHARE)[:, 1]
    return weighed(likelihood, estimated_share(likelihood, _FIRST_SHARE))[:, 1]


def _distances(
    features: NDArray[np.float64], own: NDArray[np.float64], known: NDArray[np.float64], partitions: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much farther each image is from the nearest class than from the middle of all, and that as if its `own` class
    (n, classes) were not there: both (n). Images tell of their class as far as they are `known` (n) to belong there."""
    believed = known[:, None] * np.column_stack([own, np.full(len(own), _TRACE)])
    near = mean_log_probabilities(features, believed, partitions) - np.log(believed.sum(axis=0))
    classes, middle = near[:, :-1], near[:, -1]
    return middle - classes.max(axis=1), middle - np.where(own > 0, -np.inf, classes).max(axis=1)


def _likelihood_ratio(
    met: NDArray[np.float64], unmet: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much likelier distances `met` (n) are among the `unmet` (n) than among themselves, each of `weight` (n)."""
    distances = ((np.concatenate([met, unmet]) - met.mean()) / met.std())[:, None]
    twice = np.tile(weight * len(weight) / weight.sum(), 2) / 2
    fitted = LogisticRegression().fit(distances, np.repeat([0, 1], len(met)), sample_weight=twice)
    ratio: NDArray[np.float64] = np.exp(fitted.decision_function(distances[: len(met)]))
    return ratio
