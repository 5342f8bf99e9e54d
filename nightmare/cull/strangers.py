"""Images of none of the classes, told by how strange an image is to the classes that are not its own.

Nobody has labelled strangers, but every image is one where its class is left out. How far an image is from the nearest
class, beside how far it is from the middle of all images (the relative Mahalanobis distance of Ren et al. 2021), is
measured among all classes, and once more with its own left out of them. What tells these two distances apart tells
strangers, too. A photograph that can hardly be made out is far from every class like them.

Images that are taken for strangers leave what the classes are known by, and all are measured again.

The middle of all images keeps the class that is left out. That makes it stricter than it says: an image without its
class is farther out than a stranger, the more so the fewer classes there are, and among three nothing is strange.
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
    own = np.eye(labelled.shape[1])[labels]
    by_label = own.mean(axis=0)[labels] / labelled[own > 0]
    own = own[:, own.any(axis=0)]
    if own.shape[1] < 3:
        return np.zeros(len(labels))
    stranger = np.zeros(len(labels))
    for _ in range(_ROUNDS):
        known = 1 - stranger
        ratio = _likelihood_ratio(*_distances(features, own, known, partitions), known / (own @ (known @ own)))
        likelihood = np.column_stack([np.ones(len(labels)), ratio * by_label])
        stranger = weighed(likelihood, _FIRST_SHARE)[:, 1]
    return weighed(likelihood, estimated_share(likelihood, _FIRST_SHARE))[:, 1]


def _distances(
    features: NDArray[np.float64], own: NDArray[np.float64], known: NDArray[np.float64], partitions: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much farther each image is from the nearest class than from the middle of all, and that from the nearest but
    its `own` (n, classes): both (n). Images tell of their class as far as they are `known` (n) to belong there."""
    believed = known[:, None] * np.column_stack([own, np.full(len(own), _TRACE)])
    near = mean_log_probabilities(features, believed, partitions) - np.log(believed.sum(axis=0))
    classes, middle = near[:, :-1], near[:, -1]
    return middle - classes.max(axis=1), middle - np.where(own > 0, -np.inf, classes).max(axis=1)


def _likelihood_ratio(
    met: NDArray[np.float64], unmet: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much likelier distances `met` (n) are among the `unmet` (n) than among themselves, each of `weight` (n).

    The weights make all classes count alike. Where all are as far, nothing is told.
    """
    if not met.std():
        return np.ones(len(met))
    distances = ((np.concatenate([met, unmet]) - met.mean()) / met.std())[:, None]
    twice = np.tile(weight * len(weight) / weight.sum(), 2) / 2
    fitted = LogisticRegression().fit(distances, np.repeat([0, 1], len(met)), sample_weight=twice)
    ratio: NDArray[np.float64] = np.exp(fitted.decision_function(distances[: len(met)]))
    return ratio
