"""Dreams of several networks, side by side: the networks of this folder, and DVC's experiments.

The page is a component of our own (static/compare.js); its dreams wait in the line of the Dream tab's.
"""

import io
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import gradio
from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from PIL import Image
from pydantic import BaseModel, Field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from nightmare.studio.albums import ITERATIONS, OCTAVES, Album, AlbumPictures, base_of, cell_key, sheet
from nightmare.studio.api import progress_lines
from nightmare.studio.dreams import Progress
from nightmare.studio.dvc import Dvc
from nightmare.studio.errors import Refusal
from nightmare.studio.experiments import folder_experiment
from nightmare.studio.limits import LIMITS
from nightmare.studio.looks import LOOKS
from nightmare.studio.tab import NO_STORE, STATIC, Parts, Tab

__all__ = ["TAB"]

_SCRIPTS = (
    "keys.js",
    "compare_add.js",
    "compare_state.js",
    "compare_cards.js",
    "compare_making.js",
    "compare_dreams.js",
    "compare_zoom.js",
    "compare_keys.js",
    "compare.js",
)
_SIDES = (256, 384, 512, 768)
_Name = Annotated[str, Field(max_length=100)]
_Numbers = Annotated[list[int], Field(min_length=1, max_length=8)]


class _Cells(BaseModel):
    album: Album
    models: Annotated[list[_Name], Field(min_length=1, max_length=LIMITS.compared)]
    octaves: _Numbers
    iterations: _Numbers


class _Photos(BaseModel):
    photos: Annotated[list[_Name], Field(max_length=100)]


class _Cell(BaseModel):
    album: Album
    model: _Name
    octaves: int
    iterations: int


def _build(parts: Parts) -> None:
    params = _params(parts.root / "params.yaml")
    networks = [folder_experiment(network, parts.root, params) for network in parts.catalogue.networks.values()]
    gradio.HTML(
        None,
        html_template=STATIC.joinpath("compare.html").read_text(encoding="utf-8"),
        js_on_load="window.nightmare.compare(element, props)",
        networks=[asdict(network) for network in networks],
        samples=list(parts.library.samples),
        looks=list(LOOKS),
        octaves=OCTAVES,
        iterations=ITERATIONS,
        sides=_SIDES,
        most=parts.limits.compared,
        elem_id="compare-view",
        apply_default_css=False,
    )


class _Comparison:
    """What the routes do."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.dvc = parts, Dvc(parts.root, limits=parts.limits)
        self.pictures = AlbumPictures(limits=parts.limits)

    def key(self, album: Album, model: str, *, octaves: int, iterations: int) -> str:
        original = self.parts.library.original(album.photo)
        recipe = album.wish(model, octaves=octaves, iterations=iterations).recipe()
        pixels = min(album.side, max(original.width, original.height))
        return cell_key(model, recipe, photo=original.sha256, pixels=pixels, strength=album.strength)

    def know(self, model: str) -> None:
        """Have the catalogue know the network; of an experiment DVC is asked."""
        if model not in self.parts.catalogue.networks:
            self.parts.catalogue.lend(self.dvc.network(model))

    def dream(self, cell: _Cell) -> Generator[Progress, None, None]:
        """Dream one cell, and keep it when it is whole."""
        dreamer, album = self.parts.dreamer, cell.album
        wish = album.wish(cell.model, octaves=cell.octaves, iterations=cell.iterations)
        key = self.key(album, cell.model, octaves=cell.octaves, iterations=cell.iterations)
        for progress in dreamer.dream(wish):
            dreamt = dreamer.store.result(progress.job) if progress.whole else None
            if dreamt:
                self.pictures.add(key, dreamt.png(album.strength))
            yield progress

    def take(self, job: str, strength: float, photos: list[str]) -> dict[str, Any]:
        """Keep a dream of the Dream tab, and say which cell it is; its photo has one of the keys `photos`."""
        dreamt = self.parts.dreamer.store.result(job)
        if dreamt is None:
            raise Refusal(404, "That dream is gone: dream again.")
        if not dreamt.run.whole:
            raise Refusal(422, "A dream that was stopped is no cell of an album: let it go further to its end.")
        library = self.parts.library
        known = [key for key in photos if library.knows(key)]
        sha256 = dreamt.run.commission.canvas.sha256
        photo = next((key for key in known if library.original(key).sha256 == sha256), None)
        if photo is None:
            raise Refusal(404, "The photo of that dream is no longer here: dream again.")
        made, network = dreamt.commission(strength), dreamt.run.network
        pixels, recipe = max(made.canvas.image.size), made.recipe
        key = cell_key(network, recipe, photo=made.canvas.sha256, pixels=pixels, strength=strength)
        self.pictures.add(key, dreamt.png(strength))
        side = max(pixels, self.parts.limits.small_side)  # a smaller photo stays as it is
        shared = Album(photo=photo, base=base_of(recipe), side=side, seed=recipe.seed)
        return shared.model_dump() | {"model": network, "octaves": recipe.octaves, "iterations": recipe.iterations}

    def sheet(self, album: Album, model: str, octaves: list[int], iterations: list[int]) -> bytes:
        """The album of one network as a PNG."""
        keys = [[self.key(album, model, octaves=row, iterations=column) for column in iterations] for row in octaves]
        dreams = [[_opened(self.pictures.get(key)) for key in row] for row in keys]
        library = self.parts.library
        photo = library.picture(album.photo, pixels=album.side)
        title = f"{library.original(album.photo).name}, {model}"
        limits = self.parts.limits
        file = io.BytesIO()
        sheet(photo, dreams, octaves=octaves, iterations=iterations, title=title, limits=limits).save(file, "PNG")
        return file.getvalue()


def _routes(parts: Parts) -> APIRouter:
    routes, here = APIRouter(prefix="/api/compare"), _Comparison(parts)

    @routes.get("/experiments")
    def experiments() -> dict[str, Any]:
        """Those of DVC, and a sentence where it has none."""
        return asdict(here.dvc.experiments())

    @routes.post("/cells")
    def cells(asked: _Cells) -> dict[str, Any]:
        """For each model the keys of the dreams that are made, by octaves and iterations such as `3x10`."""
        made = {
            model: {
                f"{octaves}x{iterations}": key
                for octaves in asked.octaves
                for iterations in asked.iterations
                if (key := here.key(asked.album, model, octaves=octaves, iterations=iterations)) in here.pictures
            }
            for model in asked.models
        }
        return {"cells": made}

    @routes.get("/pictures/{key}.png")
    def picture(key: str) -> Response:
        png = here.pictures.get(key)
        if png is None:
            raise Refusal(404, "That dream made room for others: make it again.")
        return Response(png, media_type="image/png", headers=NO_STORE)

    @routes.post("/dreams")
    def dream(cell: _Cell) -> StreamingResponse:
        """Progress as of /api/dreams."""
        here.know(cell.model)
        return progress_lines(here.dream(cell))

    @routes.post("/results/{job}")
    def take(job: str, photos: _Photos, strength: Annotated[float, Query(ge=0, le=1)] = 1.0) -> dict[str, Any]:
        """Keep a dream of the Dream tab, and say which cell it is."""
        return here.take(job, strength, photos.photos)

    @routes.post("/album.png")
    def album(asked: _Cells) -> Response:
        """The album of the first model."""
        content = here.sheet(asked.album, asked.models[0], asked.octaves, asked.iterations)
        return Response(content, media_type="image/png", headers=NO_STORE)

    return routes


def _opened(png: bytes | None) -> Image.Image | None:
    return None if png is None else Image.open(io.BytesIO(png))


def _params(file: Path) -> dict[str, Any]:
    try:
        params = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, YAMLError):
        return {}
    return params if isinstance(params, dict) else {}


TAB = Tab("compare", "Compare", _build, routes=_routes, scripts=_SCRIPTS)
