"""How probably each label is wrong, by a model of how labels go wrong.

A classifier that never saw an image says how probable each class is. If it were calibrated and all labels were right,
the given labels would come as often as it says. They do not: images that it is sure about are mislabelled as often as
somebody mistook them, and oftener where one class is taken for another. So the given labels are explained as true ones,
seen through a matrix of how often each class is labelled as each other one (the noise layer of Sukhbaatar et al. 2015),
together with how sure the classifier may be. Both are fitted to the labels at once. What is left is Bayes: how probably
an image of this label, that looks like this, is of another class.

Images that are hard for the classifier look like steady confusion of two classes. That each pair of classes has a rate
of its own is believed only where it explains the labels far better than one rate for all.

The classifier was misled by the wrong labels. It learns again from what is now known of them, four times, and believes
it as far as it was good at first. What it says then finds more where much is wrong, and ranks worse where little is: so
the mean of all verdicts counts. Only the first is free of the image's own label: through what the other images were
found to be, it speaks a little for itself in the later ones.

A label is wrong, too, where the image shows none of the classes (see `strangers`).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nightmare.cull.discriminant import mean_log_probabilities
from nightmare.cull.strangers import weigh_strangers

__all__ = ["REFINEMENTS", "Evidence", "Explanation", "explain", "weigh_labels"]

REFINEMENTS = 4  # how often the classifier learns again
# Where the fit begins, at a matrix that explains much: from one that explains little it may never leave for more. With
# 0.1, it missed all of the steady confusion in one set of seven.
_FIRST_SHARE = 0.3
# What is thought before any image is seen: one label in fifty is wrong, give or take a factor of e^2; pairs of classes
# differ from one another by a factor of e^1.5; the classifier's priors are right to a factor of e^0.5.
_USUAL_SHARE, _SHARE_DEVIATION, _PAIR_DEVIATION, _TILT_DEVIATION = 0.02, 2.0, 1.5, 0.5
# By how much rates per pair must raise the log-likelihood of the labels, at least and for each image: right labels
# alone raise it by 4 to 6 among 520 drawings, wrong ones by 12 and more.
_LEAST_GAIN, _LEAST_GAIN_EACH = 8.0, 0.015
_STEPS = 300


@dataclass(frozen=True)
class Evidence:
    """`probability` (n, classes): how probably an image that looks like this is labelled as each class, by what never
    saw it, before anything was known of wrong labels. `wrong` (n): how probably its label is wrong, since it shows
    another class or none.
    """

    probability: NDArray[np.float64]
    wrong: NDArray[np.float64]


@dataclass(frozen=True)
class Explanation:
    """How probably each image is `labelled` as each class, and is in `truth` of each, both (n, classes); the logarithm
    of the `likelihood` of all labels; and the `accuracy` of the classifier, as it says itself once it is as sure as it
    may be: the share of images whose likeliest class is the true one."""

    labelled: NDArray[np.float64]
    truth: NDArray[np.float64]
    likelihood: float
    accuracy: float


def weigh_labels(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    partitions: NDArray[np.int64],
    *,
    class_count: int,
    refinements: int = REFINEMENTS,
    strangers: bool = True,
) -> Evidence:
    """The evidence about `labels` (n) by `features` (n, d).

    Each row of `partitions` (repeats, n) gives each image its fold: the mean over them counts. With no `refinements`
    the first verdict stands alone; without `strangers` all images are taken to show one of the classes.
    """
    given = np.eye(class_count)[labels]
    misled = mean_log_probabilities(features, given, partitions)
    evenly, by_pair = (explain(misled, labels, by_pair=by_pair) for by_pair in (False, True))
    pairs_differ = by_pair.likelihood > evenly.likelihood + max(_LEAST_GAIN, _LEAST_GAIN_EACH * len(labels))
    explanation = by_pair if pairs_differ else evenly
    truths = [explanation.truth]
    for _ in range(refinements):
        believed = (1 - explanation.accuracy) * given + explanation.accuracy * truths[-1]
        judged = mean_log_probabilities(features, believed, partitions)
        truths.append(explain(judged, labels, by_pair=pairs_differ).truth)
    right: NDArray[np.float64] = np.mean(truths, axis=0)[np.arange(len(labels)), labels]
    if strangers:
        right = right * (1 - weigh_strangers(features, labels, partitions, explanation.labelled))
    return Evidence(explanation.labelled, 1 - right)


def explain(judged: NDArray[np.float64], labels: NDArray[np.int64], *, by_pair: bool) -> Explanation:
    """Explain `labels` (n) by log-probabilities `judged` (n, classes) of a classifier that saw neither image nor label.

    With `by_pair`, each pair of classes is confused at a rate of its own.
    """
    said, given = torch.from_numpy(judged), torch.from_numpy(labels)
    classes = said.shape[1]
    itself = torch.eye(classes, dtype=torch.bool)
    sureness = torch.zeros((), dtype=torch.float64)  # logarithm of an inverse temperature of the classifier
    tilt = torch.zeros(classes, dtype=torch.float64)  # the classifier's bias towards each class
    rate = torch.tensor(np.log(_FIRST_SHARE / (classes - 1)))  # log-odds of another label, the same for all pairs
    pairs = torch.zeros(classes, classes, dtype=torch.float64)  # what each pair has beyond that
    usual = np.log(_USUAL_SHARE / (classes - 1))
    fitted = [parameter.requires_grad_() for parameter in (sureness, tilt, rate, *([pairs] if by_pair else []))]
    optimizer = torch.optim.LBFGS(fitted, max_iter=_STEPS, line_search_fn="strong_wolfe")

    def logarithms() -> tuple[Tensor, Tensor]:
        """Of the true classes (n, classes), and of the labels that each true class is given (classes, classes)."""
        odds = torch.where(itself, torch.zeros((), dtype=torch.float64), rate + pairs)
        return torch.log_softmax(sureness.exp() * said + tilt, dim=1), torch.log_softmax(odds, dim=1)

    def negative_log_posterior() -> Tensor:
        optimizer.zero_grad()
        true, confused = logarithms()
        prior = (
            ((rate - usual) / _SHARE_DEVIATION).square()
            + (pairs / _PAIR_DEVIATION).square().sum()
            + (tilt / _TILT_DEVIATION).square().sum()
        ) / 2
        loss: Tensor = prior - torch.logsumexp(true + confused[:, given].T, dim=1).sum()
        loss.backward()
        return loss

    optimizer.step(negative_log_posterior)
    with torch.no_grad():
        true, confused = logarithms()
        both = true + confused[:, given].T
        return Explanation(
            labelled=(true.exp() @ confused.exp()).numpy(),
            truth=torch.softmax(both, dim=1).numpy(),
            likelihood=float(torch.logsumexp(both, dim=1).sum()),
            accuracy=float(true.exp().amax(dim=1).mean()),
        )
