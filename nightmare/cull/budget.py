"""How surely an image must be at fault to go, so that no class loses more than it may where labels were exchanged.

What the verdicts cost is tried out on the same images, some labels of which were exchanged (see `crossval`): what is
then thought of the exchanged ones tells how many wrong labels would be found, and what is thought of the others how
many images would go by mistake. Which of the others were right before, nobody knows. Each counts by how probably it
was, as the verdicts have it: what they always take for wrong does not count as lost, and of images that are rare in
their class more is lost than is found here (docs/culling.md, by eye).
"""

from dataclasses import dataclass

import pandas as pd

from nightmare.errors import InputError
from nightmare.params import CullParams
from nightmare.tables import FAULTS

__all__ = ["Trial", "doubt_of", "least_doubts", "trial_of"]


@dataclass(frozen=True)
class Trial:
    """What a rule did where labels were exchanged.

    Of `n` exchanged ones the share that is `found`, None without any; of the others the share that is `gone`, and of
    the right ones among them, by what was thought before, the share that is `lost`, in all and per class.
    """

    n: int
    found: float | None
    gone: float
    lost: float
    class_lost: dict[str, float]


def doubt_of(table: pd.DataFrame) -> "pd.Series[float]":
    """How probably each row has a wrong label or a fault of the picture, by its columns `wrong` and `tables.FAULTS`."""
    return 1 - (1 - table["wrong"]) * (1 - table[[*FAULTS]].sum(axis=1))


def least_doubts(facts: pd.DataFrame, injected: pd.DataFrame, *, cull: CullParams) -> "pd.Series[float]":
    """For each class, in its index, the doubt from `cull.confidence` to 1 that an image must exceed to go.

    `facts` (see `strategies.facts_of`) are about the images as they are, `injected` (see `tables.INJECTED`) about the
    same ones after some labels were exchanged. A class needs more than `cull.confidence` where it would lose more of
    its right images there than `cull.budget`; one all of whose labels were exchanged loses nothing. Raises `InputError`
    where the two are about different images.
    """
    others = _again(facts, injected).query("not exchanged").sort_values("doubt", ascending=False)
    right = others["right"].groupby(others["label"])
    too_many = right.cumsum() > cull.budget * right.transform("sum")
    # The first that is too many, with all that are doubted no more than it, stays.
    least = others["doubt"].where(too_many, 0.0).groupby(others["label"]).max()
    return least.reindex(sorted(set(facts["label"])), fill_value=1.0).clip(lower=cull.confidence)


def trial_of(least: "pd.Series[float]", facts: pd.DataFrame, injected: pd.DataFrame) -> Trial:
    """What going beyond the `least` doubts of the classes finds and loses, by `facts` and `injected` as above.

    Where these have set the doubts, no class loses more than its budget in them. Raises `InputError` as above.
    """
    again = _again(facts, injected)
    gone = again["doubt"] > again["label"].map(least)
    exchanged, others = again["exchanged"], again[~again["exchanged"]]
    lost = (others["right"] * gone).groupby(others["label"]).sum()
    right = others.groupby("label")["right"].sum()
    return Trial(
        n=int(exchanged.sum()),
        found=float(gone[exchanged].mean()) if exchanged.any() else None,
        gone=float(gone[~exchanged].mean()),
        lost=float(lost.sum() / right.sum()) if right.sum() else 0.0,
        class_lost={str(label): float(share) for label, share in (lost / right).fillna(0.0).items()},
    )


def _again(facts: pd.DataFrame, injected: pd.DataFrame) -> pd.DataFrame:
    """`injected` with how probably each image was `right` as it was, and the `doubt` about it now; a picture is as
    faulty as before."""
    if any(set(repeat["id"]) != set(facts["id"]) for _, repeat in injected.groupby("repeat")) or injected.empty:
        raise InputError(
            "reports/crossval/injected.csv and reports/crossval/predictions.csv are about different images: "
            "run `dvc repro crossval`"
        )
    before = facts.set_index("id").loc[injected["id"]]
    again = injected.reset_index(drop=True)
    again[[*FAULTS]] = before[[*FAULTS]].to_numpy()
    return again.assign(right=1 - before["doubt"].to_numpy(), doubt=doubt_of(again))
