"""Which images to doubt: a strategy turns what did not see an image into suspects, the surest first.

Misclassification is a clue, not a verdict; the strategies differ in how much of a clue they ask for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues

from nightmare.cull.evidence import error_probability, of_others
from nightmare.params import CullParams
from nightmare.train.evaluate import probabilities

__all__ = ["Witnesses", "evidence", "suspects"]


@dataclass(frozen=True)
class Witnesses:
    """What speaks about the images of the pool.

    `crossval` and `descriptors`: predictions by networks and by hand-made descriptors, both out of fold. `margins`: how
    easily the networks learnt each image. `validation`: the trained model's predictions; its validation side counts.
    """

    crossval: pd.DataFrame
    descriptors: pd.DataFrame
    margins: pd.DataFrame
    validation: pd.DataFrame


def evidence(witnesses: Witnesses, classes: Sequence[str]) -> pd.DataFrame:
    """The facts about every image of the pool, out of fold.

    Per row: id, label, suggested (likeliest other class), confidence (its probability), self_confidence, margin (the
    difference of the two), and wrong, the probability of a wrong label by all witnesses.
    """
    facts = _facts(witnesses.crossval, classes)
    return facts.assign(
        wrong=error_probability(witnesses.crossval, witnesses.descriptors, witnesses.margins, tuple(classes))
    )


def suspects(witnesses: Witnesses, facts: pd.DataFrame, classes: Sequence[str], cull: CullParams) -> pd.DataFrame:
    """The rows of `facts` (see `evidence`) that `cull.strategy` doubts, the surest first.

    `validation`: the original's rule, what the trained model misclassifies on the validation side. `misclassified`:
    out-of-fold misclassification with at least `cull.confidence`. `confident`: confident learning (Northcutt et al.
    2021) on the out-of-fold probabilities, as cleanlab does it by default. `evidence`: labels that are wrong with more
    than `cull.confidence`, as long as the right images that a class is expected to lose stay within `cull.budget`.
    """
    if cull.strategy == "evidence":
        return _within_budget(facts, cull)
    if cull.strategy == "validation":
        judged = witnesses.validation[witnesses.validation["side"] == "val"]
        wrong = set(judged.loc[_facts(judged, classes)["margin"].to_numpy() < 0, "id"])
        doubted = facts["id"].isin(wrong)
    elif cull.strategy == "misclassified":
        doubted = (facts["margin"] < 0) & (facts["confidence"] >= cull.confidence)
    else:
        labels = np.array([list(classes).index(label) for label in facts["label"]])
        probability = probabilities(witnesses.crossval, classes)
        doubted = pd.Series(find_label_issues(labels, probability, n_jobs=1), index=facts.index)
    return facts[doubted].sort_values(["margin", "id"], ignore_index=True)


def _within_budget(facts: pd.DataFrame, cull: CullParams) -> pd.DataFrame:
    surest = facts.sort_values(["wrong", "id"], ascending=[False, True], ignore_index=True)
    right = (1 - surest["wrong"]).groupby(surest["label"])
    affordable = right.cumsum() <= cull.budget * right.transform("sum")
    return surest[(surest["wrong"] > cull.confidence) & affordable].reset_index(drop=True)


def _facts(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    probability = probabilities(predictions, classes)
    own = np.array([list(classes).index(label) for label in predictions["label"]], dtype=int)
    self_confidence = probability[np.arange(len(own)), own]
    others = of_others(probability, own)
    return pd.DataFrame(
        {
            "id": predictions["id"].to_numpy(),
            "label": predictions["label"].to_numpy(),
            "suggested": np.array(classes)[others.argmax(axis=1)],
            "confidence": others.max(axis=1),
            "self_confidence": self_confidence,
            "margin": self_confidence - others.max(axis=1),
        }
    )
