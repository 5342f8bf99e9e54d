"""Looking through the data set: which pictures a person asks for, page by page, and the facts about one."""

from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from nightmare.studio.manifest import Manifest

__all__ = ["Filter", "Page", "choices", "counts", "details", "page_of"]

_SHOWN = ("id", "label", "grade", "side", "keep", "predicted", "certainty", "verdict", "source_id")
_DETAILS = (
    *_SHOWN,
    *("group", "reason", "suggested", "likelihood", "doubt", "width", "height", "original_width", "original_height"),
    *("source", "query", "creator", "licence", "licence_url", "landing_url", "sha256"),
)


@dataclass(frozen=True)
class Filter:
    """Which pictures; an empty word is any. `fate` is kept or removed, `verdict` agrees, disagrees or unknown,
    `prefix` begins an id, or the SHA-256 of the file that was found."""

    side: str = ""
    label: str = ""
    grade: str = ""
    fate: str = ""
    origin: str = ""
    licence: str = ""
    verdict: str = ""
    prefix: str = ""

    def within(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a manifest's frame that it asks for."""
        wanted = pd.Series(True, index=frame.index)
        for field in fields(self):
            value = getattr(self, field.name)
            if value and field.name == "prefix":
                wanted &= frame["id"].str.startswith(value) | frame["sha256"].str.startswith(value)
            elif value:
                wanted &= _cells(frame, field.name) == value
        return frame[wanted]


@dataclass(frozen=True)
class Page:
    """`pictures` of page `number` (from 1) of `pages`, of `total` in all."""

    number: int
    pages: int
    total: int
    pictures: list[dict[str, Any]]


def page_of(rows: pd.DataFrame, *, number: int, size: int) -> Page:
    """Page `number` of `rows`, class by class; one that is too high is the last."""
    pages = max(1, -(-len(rows) // size))
    number = min(number, pages)
    ordered = rows.sort_values(["label", "side", "id"])
    return Page(number, pages, len(rows), _records(ordered.iloc[(number - 1) * size : number * size], _SHOWN))


def choices(frame: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """What there is to choose from for each part of a `Filter`, with the number of its pictures; frequent ones first
    where there are many, in the order of words otherwise."""
    found: dict[str, list[dict[str, Any]]] = {}
    for field in fields(Filter):
        if field.name == "prefix":
            continue
        numbers = _cells(frame, field.name).value_counts().sort_index()
        if field.name in ("origin", "licence"):
            numbers = numbers.sort_values(ascending=False, kind="stable")
        found[field.name] = [{"value": str(value), "count": int(count)} for value, count in numbers.items()]
    return found


def counts(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Pictures per class and side: one record with `label` and a number for each side."""
    table = pd.crosstab(rows["label"], rows["side"]).reindex(columns=["train", "val", "test"], fill_value=0)
    return [
        {"label": str(label), **{str(side): int(count) for side, count in row.items()}}
        for label, row in table.iterrows()
    ]


def details(manifest: Manifest, identity: str) -> dict[str, Any] | None:
    """The facts about one picture, with the `relatives` that are near-duplicates of it or drawings of the same work,
    and the exact `copies` that ingest left out; None for an id that the manifest has not."""
    if identity not in manifest.frame.index:
        return None
    (facts,) = _records(manifest.frame.loc[[identity]], _DETAILS)
    for link in ("licence_url", "landing_url"):
        # The tables hold what owners wrote; only addresses of pages become links.
        facts[link] = facts[link] if facts[link].startswith(("https://", "http://")) else ""
    copies = manifest.copies
    mine = copies[copies["duplicate_of"] == identity] if len(copies) else copies
    return facts | {
        "relatives": _records(manifest.relatives(identity), ("id", "label", "side", "keep")),
        "copies": mine[["kind", "class_hint", "source_id"]].to_dict("records") if len(mine) else [],
    }


def _cells(frame: pd.DataFrame, name: str) -> pd.Series:
    if name == "fate":
        return frame["keep"].map({True: "kept", False: "removed"})
    return frame[name]


def _records(rows: pd.DataFrame, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows as JSON has them: no number is null."""
    chosen = rows[list(columns)].astype(object)
    return [
        {str(key): value for key, value in row.items()} for row in chosen.where(chosen.notna(), None).to_dict("records")
    ]
