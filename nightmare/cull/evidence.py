"""How probably each label is wrong: what three witnesses say, weighed by labels that were exchanged at random.

The witnesses are the networks that never saw an image, the classifier of hand-made descriptors that never saw it, and
the ease with which networks learnt it under its label. In cross-validation a few images were learnt under an exchanged
label. What sets these apart from the given labels tells how much each witness counts, and how far the given labels
look like exchanged ones tells how many of them are wrong: learning from positive and unlabelled rows (Elkan and Noto
2008), with the exchanged labels as the positive ones.

So what is found is labels as wrong as random ones. Where a class is mistaken for a look-alike again and again, wrong
labels look like hard right ones; of these the method knows that it does not know, and leaves nearly all where they are.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from nightmare.errors import InputError
from nightmare.train.evaluate import probabilities

__all__ = ["error_probability", "log_odds", "of_others"]

_LEAST_PROBABILITY = 1e-4  # below it, probabilities of networks mean nothing
# Shares of the exchanged labels, the most conspicuous first, by which the share of wrong ones is estimated. With fewer
# the estimate rests on a handful of images, with more it counts right ones that are hard.
_MOST_CONSPICUOUS = (0.3, 0.35, 0.4, 0.45, 0.5)
_REFINEMENTS = 4


def error_probability(
    crossval: pd.DataFrame, descriptors: pd.DataFrame, margins: pd.DataFrame, classes: tuple[str, ...]
) -> NDArray[np.float64]:
    """The probability that its label is wrong for each row of `crossval`, 0 to 1.

    `crossval` and `descriptors` are predictions of the pool by witnesses that had not seen the image, `margins` (see
    `tables.MARGINS`) says how the networks learnt it under its own label or an exchanged one. Raises `InputError` when
    the tables are of different images, or no label was exchanged.
    """
    ids = crossval["id"].to_numpy(dtype=str)
    if set(ids) != set(descriptors["id"]) or not set(margins["id"]) <= set(ids) or not margins["relabelled"].any():
        raise InputError("the tables of reports/crossval do not belong together: run `dvc repro -f crossval`")
    by_descriptors = descriptors.set_index("id").loc[ids]
    witnesses = [probabilities(table, classes) for table in (crossval, by_descriptors)]
    position = {name: number for number, name in enumerate(classes)}
    given = crossval["label"].map(position).to_numpy()

    # Margins of different networks are on different scales.
    network = margins.groupby(["fold", "repeat"])["margin"]
    eased = ((margins["margin"] - network.transform("mean")) / network.transform("std")).to_numpy()
    row_of = {identity: row for row, identity in enumerate(ids)}
    rows = margins["id"].map(row_of).to_numpy()
    exchanged = margins["relabelled"].to_numpy(dtype=bool)
    learnt_as = margins["learnt_as"].map(position).to_numpy()
    learnt = np.column_stack([*(log_odds(witness[rows], learnt_as) for witness in witnesses), eased])

    # An image that no network learnt under its own label has no margin: it counts as an average one.
    ease = pd.Series(eased[~exchanged]).groupby(rows[~exchanged]).mean().reindex(range(len(ids)), fill_value=0.0)
    judged = np.column_stack([*(log_odds(witness, given) for witness in witnesses), ease])
    return _weighed(learnt, exchanged, rows, judged, other_classes=len(classes) - 1)


def log_odds(probability: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The logarithm of the label's probability over the largest other one, for each row of (n, classes)."""
    logarithm = np.log(probability + _LEAST_PROBABILITY)
    own = logarithm[np.arange(len(labels)), labels]
    difference: NDArray[np.float64] = own - of_others(logarithm, labels).max(axis=1)
    return difference


def of_others(values: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The values (n, classes) of the other classes: those of the labels are minus infinity."""
    others = values.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return others


def _weighed(
    learnt: NDArray[np.float64],
    exchanged: NDArray[np.bool_],
    rows: NDArray[np.int64],
    judged: NDArray[np.float64],
    *,
    other_classes: int,
) -> NDArray[np.float64]:
    """Posterior of a wrong label for each row of `judged`, by a logistic model of what sets `exchanged` apart.

    `rows` tells which row of `judged` each row of `learnt` belongs to. The given labels are a mixture of right and
    wrong ones, so the model is fitted again with each of them weighed by the probability that it is right. An exchanged
    label is right where a wrong one was exchanged for the true one of `other_classes`.
    """
    scaler = StandardScaler().fit(learnt)
    learnt, judged = scaler.transform(learnt), scaler.transform(judged)
    score = _fitted(learnt, exchanged, np.ones(len(learnt)))
    wrong = _share_of_wrong(score.decision_function(judged), score.decision_function(learnt[exchanged]))
    posterior = np.minimum(1.0, wrong * np.exp(score.decision_function(judged)))
    for _ in range(_REFINEMENTS):
        doubt = posterior[rows]
        score = _fitted(learnt, exchanged, 1.0 - np.where(exchanged, doubt / other_classes, doubt))
        odds = wrong / (1 - wrong) * np.exp(score.decision_function(judged))
        posterior = odds / (1 + odds)
    return posterior


def _fitted(
    learnt: NDArray[np.float64], exchanged: NDArray[np.bool_], weight: NDArray[np.float64]
) -> LogisticRegression:
    """A logistic model that takes exchanged and given labels as equally frequent: its odds are ratios of densities."""
    weight = np.where(exchanged, weight / weight[exchanged].sum(), weight / weight[~exchanged].sum())
    return LogisticRegression().fit(learnt, exchanged, sample_weight=weight * len(weight) / 2)


def _share_of_wrong(given: NDArray[np.float64], exchanged: NDArray[np.float64]) -> float:
    """The share of wrong labels among `given` scores: how much rarer conspicuous ones are than among `exchanged`.

    Right labels among the conspicuous make it too large, so the smallest of several ratios counts.
    """
    ratios = [(given > np.quantile(exchanged, 1 - share)).mean() / share for share in _MOST_CONSPICUOUS]
    return float(np.clip(min(ratios), 0.0, 0.9))
