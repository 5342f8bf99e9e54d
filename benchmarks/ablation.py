"""What the parts of `evidence` do, beside confident learning at its best: for `benchmarks.culling --noise --ablate`."""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from scipy.special import softmax

from benchmarks.injected import Known, cross_validated, figures, known_of, noised_set
from benchmarks.noise import LabelledSet, pool_of
from nightmare.cull.budget import least_doubts
from nightmare.cull.crossval import partitions_of
from nightmare.cull.discriminant import log_probabilities
from nightmare.cull.strategies import facts_of
from nightmare.params import Params
from nightmare.tables import FAULTS
from nightmare.train.evaluate import prediction_table, probabilities

__all__ = ["ablated"]

# Of cleanlab, its default first.
FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
)


def ablated(clean: LabelledSet, kind: str, share: float, *, known: Known, params: Params, seed: int) -> pd.DataFrame:
    """Rows of figures for `evidence`, for parts of it, and for confident learning on the same classifier.

    Of labels alone: as if no picture could be faulty. First verdict: of labels alone, by a classifier that has not
    learnt again. Confident learning judges by the probabilities that `evidence` calibrates, and by those that the
    classifier says by itself; by cleanlab's own filter, and by the one of all that does best in this very set, which
    nobody could know beforehand.
    """
    noised = noised_set(clean, kind, share, seed=seed)
    known = known_of(clean, noised, known, seed=seed)
    predictions, injected, classes = cross_validated(noised, known, params=params, seed=seed)
    first, first_injected, _ = cross_validated(noised, known, params=params, seed=seed, refinements=0)
    faulty = predictions["id"].isin(noised.faulty)
    whole = dict.fromkeys(FAULTS, 0.0)
    rows: list[dict[str, object]] = []
    for name, judged, again in (
        ("evidence", predictions, injected),
        ("evidence of labels alone", predictions.assign(**whole), injected),
        ("first verdict", first.assign(**whole), first_injected),
    ):
        facts = facts_of(judged, classes)
        removed = facts["doubt"] > facts["label"].map(least_doubts(facts, again, cull=params.cull))
        rows.append({"strategy": name, **figures(removed, faulty, doubt=facts["doubt"])})
    pool = pool_of(noised.split)
    said = prediction_table(pool, as_said(pool, known[0], classes, params=params, seed=seed), classes)
    for name, judged in (("confident", predictions), ("confident, uncalibrated", said)):
        rows += by_filters(name, judged, classes, faulty)
    return pd.DataFrame(rows).assign(faulty=float(faulty.mean()))


def by_filters(
    name: str, predictions: pd.DataFrame, classes: tuple[str, ...], faulty: "pd.Series[bool]"
) -> list[dict[str, object]]:
    """Rows of confident learning by its own filter, and by the one that does best here."""
    given = np.array([classes.index(label) for label in predictions["label"]])
    doubt = -facts_of(predictions, classes)["margin"]
    found = []
    for filter_by in FILTERS:
        issues = find_label_issues(given, probabilities(predictions, classes), filter_by=filter_by, n_jobs=1)
        found.append(figures(pd.Series(issues, index=faulty.index), faulty, doubt=doubt))
    best = max(found, key=lambda row: (row["F1"] if faulty.any() else 0.0, -row["false removals"]))
    return [{"strategy": name, **found[0]}, {"strategy": f"{name}, best filter", **best}]


def as_said(
    pool: pd.DataFrame, features: NDArray[np.float64], classes: tuple[str, ...], *, params: Params, seed: int
) -> NDArray[np.float64]:
    """Out-of-fold probabilities (n, classes) of the classifier of evidence, before anything was fitted to labels."""
    labels = np.array([classes.index(label) for label in pool["label"]])
    given = np.eye(len(classes))[labels]
    partitions = partitions_of(pool, labels, params.crossval, seed)
    mean = np.mean([log_probabilities(features, given, folds) for folds in partitions], axis=0)
    said: NDArray[np.float64] = softmax(mean, axis=1)
    return said
