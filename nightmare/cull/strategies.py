"""Which images to doubt: a strategy turns what did not see an image into suspects, the surest first.

Misclassification is a clue, not a verdict; the strategies differ in how much of a clue they ask for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues

from nightmare.cull.budget import doubt_of, least_doubts
from nightmare.params import CullParams
from nightmare.tables import FAULTS
from nightmare.train.evaluate import probabilities

__all__ = ["facts_of", "likeliest_fault", "probably_faulty", "suspects"]


def facts_of(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """What the `predictions` (of classifiers that never saw the images) say about each image.

    Per row: id, label, suggested (likeliest other class), confidence (its probability), self_confidence, margin (the
    difference of the two). Where the predictions have them (see `tables.EVIDENCE`), also wrong and the faults, and
    doubt, the probability that any of these is so.
    """
    probability = probabilities(predictions, classes)
    own = np.array([list(classes).index(label) for label in predictions["label"]], dtype=int)
    rows = np.arange(len(own))
    self_confidence = probability[rows, own]
    others = probability.copy()
    others[rows, own] = -np.inf
    facts = (
        predictions[["id", "label"]]
        .reset_index(drop=True)
        .assign(
            suggested=np.array(classes)[others.argmax(axis=1)],
            confidence=others.max(axis=1),
            self_confidence=self_confidence,
            margin=self_confidence - others.max(axis=1),
        )
    )
    if "wrong" not in predictions:
        return facts
    facts[["wrong", *FAULTS]] = predictions[["wrong", *FAULTS]].to_numpy()
    return facts.assign(doubt=doubt_of(facts))


def probably_faulty(facts: pd.DataFrame) -> "pd.Series[bool]":
    """Whether each image is more probably at fault than right, whatever the strategy in force asks of a suspect."""
    return facts["doubt"] > 0.5


def likeliest_fault(facts: Mapping[Any, Any]) -> str | None:
    """Which of `tables.FAULTS` an image most probably has, by its row of facts; None where it is likelier that its
    label is wrong, or that nothing is, than that it has any of them."""
    any_fault = sum(float(facts[name]) for name in FAULTS)
    if any_fault <= max(facts["wrong"], 1 - facts["doubt"]):
        return None
    return max(FAULTS, key=lambda name: float(facts[name]))


def suspects(
    predictions: pd.DataFrame,
    classes: Sequence[str],
    *,
    injected: pd.DataFrame,
    validation: pd.DataFrame,
    cull: CullParams,
) -> pd.DataFrame:
    """The facts (see `facts_of`) about the rows of `predictions` that `cull.strategy` doubts, the surest first.

    `predictions` are those of cross-validation, `injected` those after some labels were exchanged, and `validation`
    those of the trained model.

    `validation`: the original's rule, what the trained model misclassifies on the validation side. `misclassified`:
    out-of-fold misclassification with at least `cull.confidence`. `confident`: confident learning (Northcutt et al.
    2021) on the out-of-fold probabilities, as cleanlab does it by default. `evidence`: what is doubted with more than
    `cull.confidence`, and with more than keeps each class within `cull.budget` (see `budget.least_doubts`).
    """
    facts = facts_of(predictions, classes)
    if cull.strategy == "evidence":
        doubted = facts["doubt"] > facts["label"].map(least_doubts(facts, injected, cull=cull))
        return facts[doubted].sort_values(["doubt", "id"], ascending=[False, True], ignore_index=True)
    if cull.strategy == "validation":
        judged = validation[validation["side"] == "val"]
        wrong = set(judged.loc[facts_of(judged, classes)["margin"].to_numpy() < 0, "id"])
        doubted = facts["id"].isin(wrong)
    elif cull.strategy == "misclassified":
        doubted = (facts["margin"] < 0) & (facts["confidence"] >= cull.confidence)
    else:
        labels = np.array([list(classes).index(label) for label in facts["label"]])
        probability = probabilities(predictions, classes)
        doubted = pd.Series(find_label_issues(labels, probability, n_jobs=1), index=facts.index)
    return facts[doubted].sort_values(["margin", "id"], ignore_index=True)
