"""The routes below /api: raw pictures and small JSON, for the components of the page and for programs."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from nightmare.studio.brush import QUALITIES, Brush
from nightmare.studio.dreams import Dreamer
from nightmare.studio.errors import Refusal

__all__ = ["dream_routes"]

_NO_STORE = {"cache-control": "no-store"}


def dream_routes(dreamer: Dreamer, brush: Brush) -> APIRouter:
    """Patches, frames and results."""
    api = APIRouter()

    @api.post("/api/patch")
    async def patch(
        request: Request,
        width: int,
        height: int,
        model: str = "",
        quality: str = next(iter(QUALITIES)),
        seed: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    ) -> Response:
        rgba = await request.body()
        content = await run_in_threadpool(
            brush.stamp,
            rgba,
            width=width,
            height=height,
            network=model or dreamer.catalogue.first,
            quality=quality,
            seed=seed,
        )
        return Response(content, media_type="application/octet-stream", headers=_NO_STORE)

    @api.get("/api/frames/{job}/{number}.jpg")
    def frame(job: str, number: int) -> Response:
        jpeg = dreamer.store.frame(job, number)
        if jpeg is None:
            raise Refusal(404, "That frame is gone.")
        return Response(jpeg, media_type="image/jpeg", headers=_NO_STORE)

    @api.get("/api/results/{job}.png")
    def result(job: str, strength: Annotated[float, Query(ge=0, le=1)] = 1.0, save: bool = False) -> Response:
        dreamt = dreamer.store.result(job)
        if dreamt is None:
            raise Refusal(404, "That dream is gone: dream again.")
        headers = dict(_NO_STORE)
        if save:
            headers["content-disposition"] = f'attachment; filename="{_ascii(dreamt.filename)}"'
        return Response(dreamt.png(strength), media_type="image/png", headers=headers)

    @api.get("/api/settings")
    def settings() -> dict[str, Any]:
        return {
            "models": [
                {"name": network.name, "label": network.label} for network in dreamer.catalogue.networks.values()
            ],
            "milliseconds": brush.milliseconds,
        }

    return api


def _ascii(filename: str) -> str:
    return filename.encode("ascii", "replace").decode().replace("?", "-").replace('"', "-")
