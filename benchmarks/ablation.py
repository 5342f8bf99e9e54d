"""What the parts of `evidence` do, beside confident learning at its best: for `benchmarks.culling --noise --ablate`."""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import average_precision_score

from benchmarks.known_faults import Known, cross_validated, figures, known_of, noised_set
from benchmarks.noise import LabelledSet, pool_of
from nightmare.cull.budget import least_doubts
from nightmare.cull.crossval import partitions_of
from nightmare.cull.discriminant import mean_log_probabilities
from nightmare.cull.strategies import facts_of
from nightmare.params import Params
from nightmare.tables import FAULTS
from nightmare.train.evaluate import prediction_table, probabilities

__all__ = ["ablated", "by_filters", "tempered"]

# Of cleanlab: its filters, the default first, and its orders, the one that the tables of all strategies have first.
FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)
ORDERS = ("normalized_margin", "self_confidence", "confidence_weighted_entropy")


def ablated(clean: LabelledSet, kind: str, share: float, *, known: Known, params: Params, seed: int) -> pd.DataFrame:
    """Rows of figures for `evidence`, for parts of it, and for confident learning on the same classifier.

    Without strangers: as if all images showed a class. Of labels alone: as if no picture could be faulty, either. First
    verdict: of labels alone, by a classifier that has not learnt again. Confident learning judges by the probabilities
    that `evidence` calibrates; at its best, by the filter and the order that do best in this very set, which nobody
    could know beforehand, and also on the classifier's own probabilities and on these at one temperature that is fitted
    to the labels.
    """
    noised = noised_set(clean, kind, share, seed=seed)
    seen = known_of(clean, noised, known, seed=seed)
    predictions, injected, classes = cross_validated(noised, seen, params=params, seed=seed)
    native, native_injected, _ = cross_validated(noised, seen, params=params, seed=seed, strangers=False)
    first, first_injected, _ = cross_validated(noised, seen, params=params, seed=seed, refinements=0, strangers=False)
    faulty = predictions["id"].isin(noised.faulty)
    faultless = dict.fromkeys(FAULTS, 0.0)
    rows: list[dict[str, object]] = []
    for name, judged, again in (
        ("evidence", predictions, injected),
        ("evidence without strangers", native, native_injected),
        ("evidence of labels alone", native.assign(**faultless), native_injected),
        ("first verdict", first.assign(**faultless), first_injected),
    ):
        facts = facts_of(judged, classes)
        removed = facts["doubt"] > facts["label"].map(least_doubts(facts, again, cull=params.cull))
        rows.append({"strategy": name, **figures(removed, faulty, doubt=facts["doubt"])})
    pool = pool_of(noised.split)
    labels = np.array([classes.index(label) for label in pool["label"]])
    partitions = partitions_of(pool, labels, params.crossval, seed)
    said = mean_log_probabilities(seen[0], np.eye(len(classes))[labels], partitions)
    own = prediction_table(pool, softmax(said, axis=1), classes)
    tempering = prediction_table(pool, tempered(said, labels), classes)
    usual, best = by_filters(predictions, classes, faulty)
    rows += [{"strategy": "confident", **usual}, {"strategy": "confident, at best", **best}]
    for name, judged in (("uncalibrated", own), ("tempered", tempering)):
        rows.append({"strategy": f"confident, at best, {name}", **by_filters(judged, classes, faulty)[1]})
    return pd.DataFrame(rows).assign(faulty=float(faulty.mean()))


def by_filters(
    predictions: pd.DataFrame, classes: tuple[str, ...], faulty: "pd.Series[bool]"
) -> tuple[dict[str, float], dict[str, float]]:
    """Figures of confident learning by the first of filters and orders, and by the best of either."""
    given = np.array([classes.index(label) for label in predictions["label"]])
    probability = probabilities(predictions, classes)
    doubts = [-pd.Series(get_label_quality_scores(given, probability, method=order)) for order in ORDERS]
    found = []
    for filter_by in FILTERS:
        removed = pd.Series(find_label_issues(given, probability, filter_by=filter_by, n_jobs=1))
        found.append(figures(removed, faulty, doubt=doubts[0]))
    if not faulty.any():
        return found[0], min(found, key=lambda row: row["false removals"])
    order = max(average_precision_score(faulty, doubt) for doubt in doubts)
    return found[0], {**max(found, key=lambda row: row["F1"]), "average precision": float(order)}


def tempered(said: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities (n, classes) of log-probabilities `said` at the temperature by which they explain the `labels` best
    (Guo et al. 2017)."""

    def loss(sharpness: float) -> float:
        return -float(log_softmax(np.exp(sharpness) * said, axis=1)[np.arange(len(labels)), labels].mean())

    fitted = minimize_scalar(loss, bounds=(-8.0, 2.0), method="bounded").x
    probability: NDArray[np.float64] = softmax(np.exp(fitted) * said, axis=1)
    return probability
