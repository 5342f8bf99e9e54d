"""From suspects to keep flags: caps, reasons, and what people decided. Nothing is deleted.

In: the split table, suspects and decisions. Out: the same table with `keep` false on culled rows (ANF--), and the
removed table with a reason and evidence for each.
"""

from dataclasses import dataclass

import pandas as pd

from nightmare.cull.strategies import likeliest_fault, probably_faulty
from nightmare.params import CullParams
from nightmare.tables import FAULTS

__all__ = ["Culled", "cull_split"]

_BY_HAND = "by hand"  # the reason for what nothing but a decision speaks against


@dataclass(frozen=True)
class Culled:
    """`split` with its keep flags, `removed` (see `tables.REMOVED`), and what else is worth a word.

    `hard`: kept images that classifiers take for another class and that are probably right. `spared`: suspects that a
    cap kept. `unknown`: ids that were decided about and are not in the pool.
    """

    split: pd.DataFrame
    removed: pd.DataFrame
    hard: pd.DataFrame
    spared: pd.DataFrame
    unknown: list[str]


def cull_split(
    split: pd.DataFrame,
    suspects: pd.DataFrame,
    evidence: pd.DataFrame,
    *,
    decisions: dict[str, str],
    cull: CullParams,
) -> Culled:
    """Apply the caps of `cull` per class, surest suspects first, then the decisions, which win over everything.

    A class loses at most `class_cap` of its pool images and keeps at least `keep_at_least`, what was decided to go
    counted first. `evidence` has a row for every image of the pool. The test side is never touched, not even by a
    decision.
    """
    pool = split[split["side"] != "test"]
    hand = {identity for identity, decision in decisions.items() if decision == "remove"} & set(pool["id"])
    by_hand = pool.loc[pool["id"].isin(hand), "label"].value_counts()
    allowed = {
        label: max(0, min(int(count * cull.class_cap), count - cull.keep_at_least) - by_hand.get(label, 0))
        for label, count in pool["label"].value_counts().items()
    }
    undecided = suspects[~suspects["id"].isin(decisions)]
    within = undecided.groupby("label").cumcount() < undecided["label"].map(allowed)
    machine = set(undecided.loc[within, "id"])
    gone = machine | hand

    removed = evidence[evidence["id"].isin(gone)].copy()
    reasons = _reasons(removed, evidence, _conflicting(pool))
    removed["reason"] = pd.Series(reasons, removed.index).where(removed["id"].isin(suspects["id"]), _BY_HAND)
    removed["decision"] = ["hand" if identity in hand else "machine" for identity in removed["id"]]
    culled = split.assign(keep=split["keep"] & ~split["id"].isin(gone))
    hard = evidence[(evidence["margin"] < 0) & ~probably_faulty(evidence) & ~evidence["id"].isin(gone)]
    return Culled(culled, removed, hard, undecided[~within], sorted(set(decisions) - set(pool["id"])))


def _conflicting(pool: pd.DataFrame) -> set[str]:
    """Ids whose near-duplicates carry another label."""
    labels = pool.groupby("group")["label"].transform("nunique")
    return set(pool.loc[labels > 1, "id"])


def _reasons(removed: pd.DataFrame, evidence: pd.DataFrame, conflicting: set[str]) -> list[str]:
    """Why each image went: a copy under another label, a fault of the picture, or its label.

    Another class is the right one where it is as likely as that class's own images have it.

    The threshold of confident learning (Northcutt et al. 2021): a fixed one would ask the same certainty of a class
    that is known well and of one that is hardly known.
    """
    usual = evidence.groupby("label")["self_confidence"].mean()
    reasons = []
    for row in removed.to_dict("records"):
        if row["id"] in conflicting:
            reasons.append("conflicting duplicate")
        elif fault := likeliest_fault(row):
            reasons.append(FAULTS[fault])
        elif row["confidence"] >= usual.get(row["suggested"], 1.0):
            reasons.append("wrong class")
        else:
            reasons.append("none of the classes")
    return reasons
