"""The routes below /api that several tabs use: photos, dreams, patches and models."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Generator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse

from nightmare.dream.picture import provenance_within
from nightmare.errors import ParameterError
from nightmare.studio.brush import QUALITIES
from nightmare.studio.dreams import Progress
from nightmare.studio.errors import Refusal
from nightmare.studio.looks import LOOKS, Wish, controls_of, look_of
from nightmare.studio.tab import NO_STORE, Parts

__all__ = ["common_routes", "progress_lines"]

_Strength = Annotated[float, Query(ge=0, le=1)]
_Seed = Annotated[int, Query(ge=0, lt=2**31)]


def common_routes(parts: Parts) -> APIRouter:
    """All of them; a tab's own are in its module."""
    routes = APIRouter(prefix="/api")
    _photos(routes, parts)
    _dreams(routes, parts)
    _brush(routes, parts)
    return routes


def _photos(routes: APIRouter, parts: Parts) -> None:
    library, limits = parts.library, parts.limits
    sides = Query(ge=limits.smallest_side, le=limits.largest_side)
    coming, read = asyncio.Semaphore(limits.uploads), asyncio.Semaphore(limits.uploads_read)

    @routes.post("/photos")
    async def bring(request: Request, name: Annotated[str, Query(max_length=1000)] = "photo") -> dict[str, Any]:
        """The body is the file. `settings` are those of the controls where it is a dream that says them."""
        if coming.locked():
            raise Refusal(503, "Many photos are coming in. Try again in a moment.", retry_after=1)
        async with coming:
            content = await request.body()
            async with read:
                original = await run_in_threadpool(library.bring, content, name)
                settings = await run_in_threadpool(_settings_within, content, parts)
        return {key: getattr(original, key) for key in ("key", "name", "width", "height", "remark")} | settings

    @routes.get("/photos/known")
    def known(key: str) -> dict[str, bool]:
        return {"known": library.knows(key)}

    @routes.get("/photos/{key}.jpg")
    def photo(key: str, pixels: Annotated[int, sides] = 1024) -> Response:
        return Response(library.jpeg(key, pixels=pixels), media_type="image/jpeg", headers=NO_STORE)


def _dreams(routes: APIRouter, parts: Parts) -> None:
    dreamer = parts.dreamer

    @routes.post("/expected")
    def expected(wish: Wish) -> dict[str, float | None]:
        return {"seconds": dreamer.expected(wish)}

    @routes.post("/dreams")
    def dream(wish: Wish) -> StreamingResponse:
        """Progress, a line of JSON each. Whoever hangs up has stopped the dream."""
        return progress_lines(dreamer.dream(wish))

    @routes.post("/dreams/{job}/further")
    def further(job: str) -> StreamingResponse:
        """The same for one that was stopped."""
        return progress_lines(dreamer.further(job))

    @routes.post("/dreams/{job}/stop")
    def stop(job: str) -> dict[str, bool]:
        return {"stopped": dreamer.stop(job)}

    @routes.get("/dreams/{job}")
    def result_of(job: str) -> dict[str, bool]:
        dreamt = dreamer.store.result(job)
        return {"finished": dreamt is not None, "whole": dreamt is not None and dreamt.run.whole}

    @routes.get("/frames/{job}/{number}.jpg")
    def frame(job: str, number: int) -> Response:
        jpeg = dreamer.store.frame(job, number)
        if jpeg is None:
            raise Refusal(404, "That frame is gone.")
        return Response(jpeg, media_type="image/jpeg", headers=NO_STORE)

    @routes.get("/results/{job}.png")
    def result(job: str, strength: _Strength = 1.0, save: bool = False) -> Response:
        dreamt = dreamer.store.result(job)
        if dreamt is None:
            raise Refusal(404, "That dream is gone: dream again.")
        headers = dict(NO_STORE)
        if save:
            headers["content-disposition"] = f'attachment; filename="{_ascii(dreamt.filename)}"'
        return Response(dreamt.png(strength), media_type="image/png", headers=headers)

    @routes.get("/results/{job}.json")
    def recipe(job: str, strength: _Strength = 1.0) -> Response:
        """The recipe, as `nightmare dream --recipe` reads it."""
        dreamt = dreamer.store.result(job)
        if dreamt is None:
            raise Refusal(404, "That dream is gone: dream again.")
        text = dreamt.commission(strength).recipe.model_dump_json(indent=2)
        return Response(text, media_type="application/json", headers=NO_STORE)


def _brush(routes: APIRouter, parts: Parts) -> None:
    @routes.post("/patch")
    async def patch(
        request: Request,
        width: int,
        height: int,
        model: str = "",
        quality: str = next(iter(QUALITIES)),
        seed: _Seed = 0,
    ) -> Response:
        """Raw RGBA to raw RGB."""
        rgba = await request.body()
        content = await run_in_threadpool(
            parts.brush.stamp,
            rgba,
            width=width,
            height=height,
            network=model or parts.catalogue.first,
            quality=quality,
            seed=seed,
        )
        return Response(content, media_type="application/octet-stream", headers=NO_STORE)

    @routes.get("/models")
    def models() -> JSONResponse:
        listed = [{"name": network.name, "label": network.label} for network in parts.catalogue.networks.values()]
        return JSONResponse({"models": listed, "milliseconds": parts.brush.milliseconds})


def progress_lines(progress: Generator[Progress, None, None]) -> StreamingResponse:
    """An answer that follows a dream, a line of JSON for each progress."""
    inside = threading.Lock()

    def one_more() -> Progress | None:
        with inside:
            return next(progress, None)

    async def lines() -> AsyncIterator[str]:
        try:
            while (one := await run_in_threadpool(one_more)) is not None:
                yield json.dumps(asdict(one)) + "\n"
        finally:
            # Where the client is gone, the thread that was in it has been waited for. A server that closes does not
            # wait, but then the dream stops of itself.
            if inside.acquire(blocking=False):
                progress.close()

    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=NO_STORE)


def _settings_within(content: bytes, parts: Parts) -> dict[str, Any]:
    """The settings of a dream of ours as the page's controls, or the sentence why they cannot be theirs."""
    try:
        made = provenance_within(content)
        if made is None:
            return {}
        base = look_of(made.recipe)
        base = base if base in LOOKS else made.recipe.model_dump_json()
        controls = controls_of(base)
    except ParameterError as error:
        return {"unloadable": str(error)}
    model, recipe = parts.catalogue.named(made.model), made.recipe
    controls |= {"keep_colors": recipe.keep_colors, "seed": recipe.seed, "side": made.pixels, "base": base}
    controls |= {"model": model} if model else {}
    try:
        Wish.checked({name: value for name, value in controls.items() if name != "strength"} | {"photo": ""})
    except ParameterError as error:
        return {"unloadable": f"Its settings are beyond the controls of this page: {error}"}
    return {"settings": controls | {"strength": round(100 * recipe.strength)}}


def _ascii(filename: str) -> str:
    return filename.encode("ascii", "replace").decode().replace("?", "-").replace('"', "-")
