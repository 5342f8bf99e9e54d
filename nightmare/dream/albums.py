"""The album of one photo: how a dream grows with octaves (rows) and iterations (columns)."""

from collections.abc import Sequence
from functools import partial

from PIL import Image, ImageOps

from nightmare.data.canvases import Canvas
from nightmare.dream.engine import dream_pictures
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.parallel import parallel_map
from nightmare.sheets import contact_sheet

__all__ = ["album"]


def album(
    folder: ModelFolder,
    canvas: Canvas,
    recipe: Recipe,
    *,
    octaves: Sequence[int],
    iterations: Sequence[int],
    pixels: int,
) -> Image.Image:
    """A labelled sheet: each row the photo, then its dreams of so many octaves, with a longer side of `pixels`.

    A dream of twenty iterations per octave does not pass through one of ten, so each cell is a run of its own.
    """
    photo = ImageOps.contain(canvas.image, (pixels, pixels), Image.Resampling.LANCZOS)
    places = [(row, column) for row in octaves for column in iterations]
    grid = [recipe.model_copy(update={"octaves": row, "iterations": column}) for row, column in places]
    cells = parallel_map(
        partial(_cell, folder=folder, photo=photo, name=canvas.sha256), grid, label="album", unit="dream"
    )
    images, captions = [], []
    for (row, column), dreamt in zip(places, cells, strict=True):
        if column == iterations[0]:
            images.append(photo)
            captions.append(canvas.name)
        images.append(dreamt)
        captions.append(f"{_count(row, 'octave')}, {_count(column, 'iteration')}")
    title = f"{canvas.name}, {recipe.objective}: octaves by iterations"
    return contact_sheet(images, captions, columns=1 + len(iterations), cell=pixels, title=title)


def _cell(recipe: Recipe, *, folder: ModelFolder, photo: Image.Image, name: str) -> Image.Image:
    return dream_pictures(folder.load(), [photo], recipe, names=[name])[0]


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
