"""Which images to doubt: a strategy turns predictions that did not see an image into suspects, the surest first.

Misclassification is a clue, not a verdict; the strategies differ in how much of a clue they ask for.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues

from nightmare.params import CullParams
from nightmare.train.evaluate import probabilities

__all__ = ["evidence", "suspects"]


def evidence(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Per row: id, label, suggested (likeliest other class), confidence (its probability), self_confidence, margin."""
    probability = probabilities(predictions, classes)
    own = np.array([list(classes).index(label) for label in predictions["label"]])
    everywhere = np.arange(len(own))
    others = probability.copy()
    others[everywhere, own] = -1
    return pd.DataFrame(
        {
            "id": predictions["id"].to_numpy(),
            "label": predictions["label"].to_numpy(),
            "suggested": np.array(classes)[others.argmax(axis=1)],
            "confidence": others.max(axis=1),
            "self_confidence": probability[everywhere, own],
            "margin": probability[everywhere, own] - others.max(axis=1),
        }
    )


def suspects(
    crossval: pd.DataFrame, validation: pd.DataFrame, classes: Sequence[str], cull: CullParams
) -> pd.DataFrame:
    """The `evidence` rows that `cull.strategy` doubts, by rising margin.

    `validation`: the original's rule, what the trained model misclassifies on the validation side (table
    `validation`). `misclassified`: out-of-fold misclassification with at least `cull.confidence`. `confident`:
    confident learning (Northcutt et al. 2021) on the out-of-fold probabilities, as cleanlab does it by default.
    """
    if cull.strategy == "validation":
        rows = evidence(validation[validation["side"] == "val"], classes)
        doubted = rows["margin"] < 0
    elif cull.strategy == "misclassified":
        rows = evidence(crossval, classes)
        doubted = (rows["margin"] < 0) & (rows["confidence"] >= cull.confidence)
    else:
        rows = evidence(crossval, classes)
        labels = np.array([list(classes).index(label) for label in crossval["label"]])
        doubted = pd.Series(find_label_issues(labels, probabilities(crossval, classes), n_jobs=1), index=rows.index)
    return rows[doubted].sort_values(["margin", "id"]).reset_index(drop=True)
