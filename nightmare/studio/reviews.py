"""What there is to review, in which order, and what a person's decisions make of it.

A queue holds the ids of pictures that went, or stayed, for one reason; those nearest the threshold come first, since
there the machine is most often wrong. Only the pool is reviewed: the test side is never culled.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd

from nightmare.studio.errors import Refusal
from nightmare.studio.manifest import Manifest
from nightmare.tables import FAULTS

__all__ = [
    "ALONE",
    "NEARLY",
    "SECOND_LOOK",
    "Decision",
    "Queue",
    "balance",
    "item",
    "left_out",
    "lines",
    "place_of",
    "queues",
]

Decision = Literal["keep", "remove", "undo"]
NEARLY, SECOND_LOOK, ALONE = "nearly removed", "second look", "one picture"
_REASONS = ("wrong class", "none of the classes", "conflicting duplicate", *FAULTS.values())
_NEARLY, _DRAWN = 96, 50  # pictures; as many are on the sheet of borderline pictures
_MOST_COPIES = 7


@dataclass(frozen=True)
class Queue:
    """`ids` in the order of review; `agree` is the decision that leaves things as they are."""

    reason: str
    ids: tuple[str, ...]
    agree: Literal["keep", "remove"]


def queues(manifest: Manifest, *, seed: int = 0, alone: str = "") -> list[Queue]:
    """All that hold something: what was removed by reason, what nearly was, kept ones drawn by `seed`, and the picture
    `alone` of the pool where one is named."""
    pool = manifest.frame[manifest.frame["side"] != "test"]
    removed, kept = pool[~pool["keep"]], pool[pool["keep"]]
    unknown = [reason for reason in sorted(removed["reason"].unique()) if reason and reason not in _REASONS]
    made = [
        Queue(reason, _nearest_first(removed[removed["reason"] == reason], manifest.threshold), "remove")
        for reason in (*_REASONS, *unknown)
    ]
    doubtful = kept[kept["score"].notna()].sort_values(["score", "id"], ascending=[False, True]).head(_NEARLY)
    made.append(Queue(NEARLY, _nearest_first(doubtful, manifest.threshold), "keep"))
    ids = sorted(kept["id"])
    drawn = random.Random(seed).sample(ids, min(_DRAWN, len(ids)))  # noqa: S311 (a draw, not a secret)
    made.append(Queue(SECOND_LOOK, tuple(drawn), "keep"))
    if alone in pool.index:
        made.append(Queue(ALONE, (alone,), "keep" if pool.loc[alone, "keep"] else "remove"))
    return [queue for queue in made if queue.ids]


def place_of(queues: list[Queue], identity: str) -> tuple[str, int] | None:
    """Reason and number in the first queue that holds the picture; None where none does."""
    return next(((queue.reason, queue.ids.index(identity)) for queue in queues if identity in queue.ids), None)


def balance(manifest: Manifest, decisions: Mapping[str, str]) -> list[dict[str, Any]]:
    """How many of the pool of each class are `kept` and `removed` once the stage has obeyed `decisions`, and how many
    `were_removed` when it last ran."""
    pool = manifest.frame[manifest.frame["side"] != "test"]
    decided = pool["id"].map(dict(decisions))
    keep = pool["keep"].where(decided.isna(), decided == "keep").astype(bool)
    table = pd.DataFrame({"label": pool["label"], "kept": keep, "removed": ~keep, "were_removed": ~pool["keep"]})
    totals = table.groupby("label").sum().reset_index()
    return [
        {key: value if key == "label" else int(value) for key, value in row.items()}
        for row in totals.to_dict("records")
    ]


def item(manifest: Manifest, identity: str, decisions: Mapping[str, str]) -> dict[str, Any]:
    """One picture as the page shows it: label, verdict of the machine, evidence, copies and the decision, if any."""
    row = manifest.frame.loc[identity]
    said = manifest.probabilities.loc[identity].dropna().sort_values(ascending=False)
    relatives = manifest.relatives(identity)
    return {
        "id": identity,
        **{name: str(row[name]) for name in ("label", "grade", "suggested", "reason", "source_id")},
        "kept": bool(row["keep"]),
        "score": _number(row["score"]),
        "evidence": {words: _number(row[name]) for name, words in {"wrong": "wrong label", **FAULTS}.items()},
        "probabilities": [{"label": str(label), "share": float(share)} for label, share in said.items()],
        "copies": [
            {"id": copy.id, "label": copy.label, "side": copy.side, "kept": bool(copy.keep)}
            for copy in relatives.head(_MOST_COPIES).itertuples()
        ],
        "more_copies": max(0, len(relatives) - _MOST_COPIES),
        "decision": decisions.get(identity),
    }


def lines(manifest: Manifest, wanted: Mapping[str, Decision], *, reason: str, reviewer: str) -> list[dict[str, Any]]:
    """The lines of the log for decisions by id, with the evidence that they were made on. Raises `Refusal` for a
    picture that is not in the pool."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    made = []
    for identity, decision in wanted.items():
        if identity not in manifest.frame.index:
            raise Refusal(404, "No picture of the data set has that id.")
        row = manifest.frame.loc[identity]
        if row["side"] == "test":
            raise Refusal(422, "That picture is of the test side, which is never culled.")
        made.append(
            {
                "id": identity,
                "decision": decision,
                "reason": row["reason"] or reason,
                "score": _number(row["score"]),
                "threshold": manifest.threshold,
                "time": now,
                "reviewer": reviewer,
            }
        )
    return made


def left_out(manifest: Manifest) -> list[dict[str, Any]]:
    """What ingest took no picture of: refused files first, then exact copies with the id of what was kept."""
    refused = [
        {"name": row["source_id"], "reason": row["reason"], "detail": row["detail"], "kept": ""}
        for row in manifest.rejects.to_dict("records")
    ]
    return refused + [
        {
            "name": row["source_id"] or row["candidate"],
            "reason": "exact copy, other class" if row["conflict"] else "exact copy",
            "detail": f"equal {'bytes' if row['kind'] == 'raw' else 'pixels'}; found as {row['class_hint']}",
            "kept": row["duplicate_of"] if row["duplicate_of"] in manifest.frame.index else "",
        }
        for row in manifest.copies.to_dict("records")
    ]


def _nearest_first(rows: pd.DataFrame, threshold: float | None) -> tuple[str, ...]:
    """Without a threshold, the least doubted of the removed and of the doubtful alike."""
    distance = (rows["score"] - (threshold or 0.0)).abs()
    return tuple(rows.assign(distance=distance).sort_values(["distance", "id"])["id"])


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else round(float(value), 6)
