"""Sheets that show what a setting does: one photo, one setting along the rows, another along the columns.

A dream of twenty iterations does not pass through one of ten, so each cell is a run of its own, and a picture of its
own that can be made again, or larger.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from nightmare.dream.engine import to_picture
from nightmare.dream.gallery import Commission, painted, provenance
from nightmare.dream.picture import save_dream
from nightmare.dream.recipe import Recipe, parse_layers
from nightmare.dream.workers import ModelFolder
from nightmare.errors import ParameterError
from nightmare.parallel import parallel_map
from nightmare.sheets import contact_sheet

__all__ = ["Axis", "parse_axis", "sweep"]


@dataclass(frozen=True)
class Axis:
    """A setting of the recipe and the values that it takes, in their order."""

    setting: str
    values: Sequence[Any]


@dataclass(frozen=True)
class _Cell:
    commission: Commission
    file: Path


def parse_axis(text: str) -> Axis:
    """`octaves=3,5,7` as an axis; a layer stands for the weight 1. Raises `ParameterError` for anything else."""
    setting, _, values = text.partition("=")
    if setting not in Recipe.model_fields or not values:
        known = ", ".join(Recipe.model_fields)
        raise ParameterError(f"{text}: write setting=value,value such as octaves=3,5,7; settings are {known}")
    return Axis(setting, [_value(setting, value) for value in values.split(",")])


def sweep(folder: ModelFolder, commission: Commission, *, rows: Axis, columns: Axis, directory: Path) -> Image.Image:
    """A labelled sheet of `commission` with other settings: each row the photo, then its dreams.

    Each dream is also saved in `directory`.

    Raises `ParameterError` for values that make no recipe, before anything is computed.
    """
    if rows.setting == columns.setting:
        raise ParameterError(f"rows and columns both sweep {rows.setting}: take two settings")
    canvas, settings = commission.canvas, commission.recipe.model_dump()
    cells = [
        _Cell(
            replace(commission, recipe=Recipe.checked(settings | {rows.setting: row, columns.setting: column})),
            directory / f"{_label(rows, row, '-')}-{_label(columns, column, '-')}.png".replace("/", "-"),
        )
        for row in rows.values
        for column in columns.values
    ]
    if len({cell.file for cell in cells}) < len(cells):
        raise ParameterError("a value stands twice in a row or column: give each once")
    directory.mkdir(parents=True, exist_ok=True)
    dreams = parallel_map(partial(_made, folder=folder), cells, label="sweep", unit="dream")
    images, captions = [], []
    for number, dreamt in enumerate(dreams):
        row, column = rows.values[number // len(columns.values)], columns.values[number % len(columns.values)]
        if number % len(columns.values) == 0:
            images.append(canvas.image)
            captions.append(canvas.name)
        images.append(dreamt)
        captions.append(f"{_label(rows, row, ' ')}\n{_label(columns, column, ' ')}")
    title = f"{canvas.name}, {commission.recipe.objective}: {rows.setting} by {columns.setting}".replace("_", " ")
    cell = max(canvas.image.size)
    return contact_sheet(images, captions, columns=1 + len(columns.values), cell=cell, title=title)


def _made(cell: _Cell, *, folder: ModelFolder) -> Image.Image:
    image, _ = painted(cell.commission, folder=folder)
    save_dream(cell.file, image, provenance(cell.commission, folder.load()), alpha=cell.commission.canvas.alpha)
    return to_picture(image)


def _value(setting: str, text: str) -> Any:
    if setting == "layers":
        return parse_layers(text)
    try:
        return json.loads(text)
    except ValueError:
        return text


def _label(axis: Axis, value: Any, space: str) -> str:
    if isinstance(value, dict):
        value = "+".join(name if weight == 1 else f"{name}={weight:g}" for name, weight in value.items())
    return f"{axis.setting}{space}{value}"
