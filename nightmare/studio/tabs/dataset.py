"""The Dataset tab: the pictures that the networks learnt from, page by page (static/dataset.js)."""

from dataclasses import asdict
from typing import Annotated, Any

import gradio
import pandas as pd
from fastapi import APIRouter, Header, Query, Response

from nightmare.studio.browsing import Filter, choices, counts, details, page_of
from nightmare.studio.errors import Refusal
from nightmare.studio.manifest import Manifest
from nightmare.studio.tab import NO_STORE, STATIC, Parts, Tab
from nightmare.studio.thumbnails import StoredPictures, entity_tag

__all__ = ["TAB"]

_SIZES = (24, 48, 96)
_MISSING = {"missing": "No data set here yet. Make one with", "command": "dvc repro split", "guide": "docs/data.md"}
_Word = Annotated[str, Query(max_length=200)]


def _build(parts: Parts) -> None:
    gradio.HTML(
        html_template=STATIC.joinpath("dataset.html").read_text(encoding="utf-8"),
        js_on_load="window.nightmare.dataset(element, props)",
        sizes=[size for size in _SIZES if size <= parts.limits.page_size],
        elem_id="data-browser",
        apply_default_css=False,
    )


def _routes(parts: Parts) -> APIRouter:
    routes, tables = APIRouter(prefix="/api"), parts.tables
    pictures = StoredPictures(parts.root / "data" / "images", limits=parts.limits)

    @routes.get("/data")
    def page(
        response: Response,
        side: _Word = "",
        label: _Word = "",
        grade: _Word = "",
        fate: _Word = "",
        origin: _Word = "",
        licence: _Word = "",
        verdict: _Word = "",
        prefix: _Word = "",
        page: Annotated[int, Query(ge=1)] = 1,
        size: Annotated[int, Query(ge=1, le=parts.limits.page_size)] = 48,
    ) -> dict[str, Any]:
        """A page of what a `Filter` asks for, and the choices that filters have."""
        response.headers.update(NO_STORE)
        manifest = tables.manifest()
        if manifest is None:
            return _MISSING
        wanted = Filter(side, label, grade, fate, origin, licence, verdict, prefix.strip().lower())
        rows = wanted.within(manifest.frame)
        return {
            "all": len(manifest.frame),
            **asdict(page_of(rows, number=page, size=size)),
            "counts": counts(rows),
            "choices": choices(manifest.frame),
        }

    @routes.get("/data/{identity}")
    def one(identity: str, response: Response) -> dict[str, Any]:
        response.headers.update(NO_STORE)
        manifest = tables.manifest()
        row = _row(manifest, identity)
        facts = details(manifest, identity) if manifest else None
        return {**(facts or {}), "hash": f"{pictures.perceptual_hash(row):016x}"}

    @routes.get("/thumbs/{identity}.webp")
    def thumbnail(
        identity: str, whole: bool = False, if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """The picture as WebP, `whole` as it is stored."""
        row = _row(tables.manifest(), identity)
        tag = entity_tag(identity, pixels=None if whole else parts.limits.thumbnail)
        headers = {"etag": tag, "cache-control": f"private, max-age={parts.limits.thumbnail_seconds}"}
        if if_none_match and tag in if_none_match:
            return Response(status_code=304, headers=headers)
        content = pictures.whole(row) if whole else pictures.thumbnail(row)
        return Response(content, media_type="image/webp", headers=headers)

    return routes


def _row(manifest: Manifest | None, identity: str) -> pd.Series:
    """Only what stands in the table is looked for on the disk."""
    if manifest is None or identity not in manifest.frame.index:
        raise Refusal(404, "No picture of the data set has that id.")
    return manifest.frame.loc[identity]


TAB = Tab(
    "data", "Dataset", _build, routes=_routes, scripts=("keys.js", "pictures.js", "facts.js", "detail.js", "dataset.js")
)
