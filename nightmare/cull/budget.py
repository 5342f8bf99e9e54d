"""How surely an image must be at fault to go, so that no class loses more of its right images than it may.

What verdicts say of themselves is no measure of what they cost. So they are put to the proof on the same images, some
labels of which were exchanged (`cross_validate_exchanged`): what is then thought of the others tells how many right
ones would go by mistake, and what is thought of the exchanged ones how many wrong ones would be found. Which of the
others were right before, nobody knows: each counts by how probably it was.
"""

from dataclasses import dataclass

import pandas as pd

from nightmare.params import CullParams
from nightmare.tables import FAULTS

__all__ = ["Proof", "least_doubts", "proof_of"]


@dataclass(frozen=True)
class Proof:
    """Of `n` exchanged labels the share that is `found`; of right images the share that is `lost`, in all and per
    class."""

    n: int
    found: float
    lost: float
    class_lost: dict[str, float]


def least_doubts(facts: pd.DataFrame, injected: pd.DataFrame, cull: CullParams) -> "pd.Series[float]":
    """For each class the doubt that an image must exceed to go.

    `facts` (see `strategies.facts_of`) are about the images as they are, `injected` (see `tables.INJECTED`) about the
    same ones after some labels were exchanged. It is `cull.confidence`, or as much more as keeps the right images that
    a class loses there within `cull.budget`.
    """
    others = _again(facts, injected).query("not exchanged").sort_values("doubt", ascending=False)
    right = others["right"].groupby(others["label"])
    too_many = right.cumsum() > cull.budget * right.transform("sum")
    first = others[too_many].groupby("label")["doubt"].max()
    return first.reindex(sorted(set(facts["label"])), fill_value=0.0).clip(lower=cull.confidence)


def proof_of(least: "pd.Series[float]", facts: pd.DataFrame, injected: pd.DataFrame) -> Proof:
    """What going beyond the `least` doubts of the classes finds and loses, where it is known which labels are wrong."""
    again = _again(facts, injected)
    gone = again["doubt"] > again["label"].map(least)
    exchanged, others = again["exchanged"], again[~again["exchanged"]]
    lost = (others["right"] * gone).groupby(others["label"]).sum()
    right = others.groupby("label")["right"].sum()
    return Proof(
        n=int(exchanged.sum()),
        found=float(gone[exchanged].mean()),
        lost=float(lost.sum() / right.sum()),
        class_lost={str(label): float(share) for label, share in (lost / right).items()},
    )


def _again(facts: pd.DataFrame, injected: pd.DataFrame) -> pd.DataFrame:
    """`injected` with how probably each image was `right` as it was, and the `doubt` about it now; a picture is as
    faulty as before."""
    before = facts.set_index("id").loc[injected["id"]]
    whole = 1 - before[[*FAULTS]].sum(axis=1).to_numpy()
    return injected.reset_index(drop=True).assign(
        right=1 - before["doubt"].to_numpy(), doubt=1 - (1 - injected["wrong"].to_numpy()) * whole
    )
