"""The Review tab: a person looks at what culling removed and decides (static/review.js).

Decisions are lines of data/decisions.jsonl, which the stage `cull` obeys. Nothing else is written.
"""

from pathlib import Path
from typing import Annotated, Any

import gradio
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from nightmare.errors import InputError
from nightmare.studio.decision_log import DecisionLog
from nightmare.studio.errors import Refusal
from nightmare.studio.manifest import Manifest
from nightmare.studio.reviews import ALONE, Decision, Queue, balance, item, left_out, lines, place_of, queues
from nightmare.studio.tab import NO_STORE, STATIC, Parts, Tab
from nightmare.studio.thumbnails import StoredPictures

__all__ = ["TAB"]

_LOG = Path("data/decisions.jsonl")
_MISSING = {
    "missing": "Nothing is culled yet. Find what to doubt with",
    "command": "dvc repro cull",
    "guide": "docs/data.md",
}
_Word = Annotated[str, Query(max_length=200)]
_Seed = Annotated[int, Query(ge=0, lt=2**31)]


class _One(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=64)
    decision: Decision


class _Wanted(BaseModel):
    """What the page posts; the evidence is added here."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=200)
    reviewer: str = Field("", max_length=100)
    decisions: list[_One] = Field(min_length=1)


def _build(parts: Parts) -> None:
    gradio.HTML(
        html_template=STATIC.joinpath("review.html").read_text(encoding="utf-8"),
        js_on_load="window.nightmare.review(element)",
        elem_id="review-culled",
        apply_default_css=False,
    )


def _routes(parts: Parts) -> APIRouter:
    routes, tables = APIRouter(prefix="/api/review"), parts.tables
    log = DecisionLog(parts.root / _LOG)
    pictures = StoredPictures(parts.root / "data" / "images", limits=parts.limits)

    def culled() -> Manifest:
        manifest = tables.manifest()
        if manifest is None or not manifest.culled:
            raise Refusal(404, f"{_MISSING['missing']} {_MISSING['command']}.")
        return manifest

    @routes.get("")
    def overview(response: Response, seed: _Seed = 0, alone: _Word = "") -> dict[str, Any]:
        """The queues with their progress, and what is kept of each class."""
        response.headers.update(NO_STORE)
        manifest = tables.manifest()
        if manifest is None or not manifest.culled:
            return _MISSING
        return _overview(manifest, log, queues(manifest, seed=seed, alone=alone))

    @routes.get("/items")
    def items(
        response: Response,
        reason: _Word,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=parts.limits.page_size)] = 48,
        seed: _Seed = 0,
        alone: _Word = "",
    ) -> dict[str, Any]:
        """Pictures of a queue, and the number of the first one that nobody has decided about."""
        response.headers.update(NO_STORE)
        manifest, decisions = culled(), log.current()
        found = [queue for queue in queues(manifest, seed=seed, alone=alone) if queue.reason == reason]
        if not found:
            raise Refusal(404, "Nothing is left to review for that reason.")
        ids = found[0].ids
        return {
            "total": len(ids),
            "undecided": next((number for number, each in enumerate(ids) if each not in decisions), 0),
            "items": [
                _measured(item(manifest, each, decisions), manifest, pictures) for each in ids[offset : offset + limit]
            ],
        }

    @routes.get("/place")
    def place(response: Response, identity: _Word) -> dict[str, Any]:
        """Where a picture is reviewed: in the queue of its reason, or alone."""
        response.headers.update(NO_STORE)
        manifest = culled()
        if identity not in manifest.frame.index:
            raise Refusal(404, "No picture of the data set has that id.")
        if manifest.frame.loc[identity, "side"] == "test":
            raise Refusal(422, "That picture is of the test side, which is never culled.")
        # A draw of kept pictures changes: those are looked at alone.
        steady = [queue for queue in queues(manifest, alone=identity) if queue.agree == "remove"]
        reason, number = place_of(steady, identity) or (ALONE, 0)
        return {"reason": reason, "number": number}

    @routes.get("/left-out")
    def ingest(response: Response) -> dict[str, Any]:
        """What ingest took no picture of, the first rows."""
        response.headers.update(NO_STORE)
        rows = left_out(culled())
        return {"total": len(rows), "rows": rows[: parts.limits.page_size]}

    @routes.post("")
    def decide(wanted: _Wanted, response: Response, seed: _Seed = 0, alone: _Word = "") -> dict[str, Any]:
        """Write decisions down, all or none, and say how things stand then."""
        response.headers.update(NO_STORE)
        manifest = culled()
        if len(wanted.decisions) > parts.limits.page_size:
            raise Refusal(422, f"{parts.limits.page_size} decisions at most are written at once.")
        decisions = {one.id: one.decision for one in wanted.decisions}
        log.append(lines(manifest, decisions, reason=wanted.reason, reviewer=wanted.reviewer.strip()))
        return _overview(manifest, log, queues(manifest, seed=seed, alone=alone))

    return routes


def _overview(manifest: Manifest, log: DecisionLog, found: list[Queue]) -> dict[str, Any]:
    decisions = log.current()
    return {
        "threshold": manifest.threshold,
        "queues": [
            {
                "reason": queue.reason,
                "agree": queue.agree,
                "count": len(queue.ids),
                "reviewed": sum(identity in decisions for identity in queue.ids),
            }
            for queue in found
        ],
        "classes": balance(manifest, decisions),
        "left_out": len(manifest.rejects) + len(manifest.copies),
    }


def _measured(shown: dict[str, Any], manifest: Manifest, pictures: StoredPictures) -> dict[str, Any]:
    """Say how many of 64 bits part each copy from the picture."""
    if not shown["copies"]:
        return shown
    try:
        own = pictures.perceptual_hash(manifest.frame.loc[shown["id"]])
        for copy in shown["copies"]:
            copy["bits"] = (own ^ pictures.perceptual_hash(manifest.frame.loc[copy["id"]])).bit_count()
    except InputError:
        pass  # without the pictures there is still something to read
    return shown


TAB = Tab(
    "review",
    "Review",
    _build,
    routes=_routes,
    scripts=("keys.js", "pictures.js", "evidence.js", "review_queue.js", "review_decisions.js", "review.js"),
)
