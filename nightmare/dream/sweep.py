"""Sheets that show what a setting does: one photo, one setting along the rows, another along the columns.

A dream of twenty iterations does not pass through one of ten, so each cell is a run of its own, and a picture of its
own that can be made again, or larger.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image

from nightmare.dream.gallery import Commission, file_stem, fulfil
from nightmare.dream.presets import refined
from nightmare.dream.recipe import Recipe, parse_layers
from nightmare.dream.workers import ModelFolder
from nightmare.errors import ParameterError
from nightmare.parallel import parallel_map
from nightmare.sheets import contact_sheet

__all__ = ["Axis", "parse_axis", "sweep", "swept"]

# Masks are pictures.
_SETTINGS = [name for name in Recipe.model_fields if name != "masks"]


@dataclass(frozen=True)
class Axis:
    """A setting of the recipe and the values that it takes, in their order."""

    setting: str
    values: Sequence[Any]


def parse_axis(text: str) -> Axis:
    """`octaves=3,5,7` as an axis, or `layers=layer3;layer2,layer3=0.5`: semicolons where values have commas.

    The commas within `objective=channel:3,17,energy` need none. Raises `ParameterError` for anything else.
    """
    setting, _, values = text.partition("=")
    if setting not in _SETTINGS or not values:
        known = ", ".join(_SETTINGS)
        raise ParameterError(f"{text}: write setting=value,value such as octaves=3,5,7; settings are {known}")
    # Every objective begins with a letter, and what follows a comma within one does not.
    comma = r",(?=\s*[a-z])" if setting == "objective" else ","
    parts = re.split(";" if ";" in values else comma, values)
    return Axis(setting, [_value(setting, part.strip()) for part in parts])


def swept(recipe: Recipe, *, rows: Axis, columns: Axis) -> list[Recipe]:
    """`recipe` with the values of each cell, row by row. Raises `ParameterError` for those that make no recipe."""
    if rows.setting == columns.setting:
        raise ParameterError(f"rows and columns both sweep {rows.setting}: take two settings")
    pairs = product(rows.values, columns.values)
    return [refined(recipe, {rows.setting: row, columns.setting: column}) for row, column in pairs]


def sweep(
    folder: ModelFolder, commission: Commission, *, rows: Axis, columns: Axis, directory: Path, workers: int = -1
) -> Image.Image:
    """A labelled sheet of `commission` with other settings: each row the photo, then its dreams.

    Each dream is also saved in `directory`. `workers` is that of `parallel_map`.

    Raises `ParameterError` for values that make no recipe, and `InputError` for guides or masks that do not fit them,
    before anything is computed.
    """
    canvas = commission.canvas
    pairs = list(product(rows.values, columns.values))
    cells = []
    for recipe, (row, column) in zip(swept(commission.recipe, rows=rows, columns=columns), pairs, strict=True):
        stem = file_stem(f"{_label(rows, row, '-')}-{_label(columns, column, '-')}")
        cells.append(replace(commission, recipe=recipe, name=f"{stem}.png"))
    if len({cell.name for cell in cells}) < len(cells):
        raise ParameterError("a value stands twice in a row or column: give each once")
    for cell in cells:
        cell.check()
    directory.mkdir(parents=True, exist_ok=True)
    make = partial(fulfil, folder=folder, directory=directory)
    dreams = parallel_map(make, cells, label="sweep", unit="dream", workers=workers)
    images, captions = [], []
    for number, (dreamt, (row, column)) in enumerate(zip(dreams, pairs, strict=True)):
        if number % len(columns.values) == 0:
            images.append(canvas.image)
            captions.append(canvas.name)
        with Image.open(directory / dreamt["path"]) as picture:
            images.append(picture.convert("RGB"))
        captions.append(f"{_label(rows, row, ' ')}\n{_label(columns, column, ' ')}")
    title = f"{canvas.name}, {commission.recipe.objective}: {rows.setting} by {columns.setting}".replace("_", " ")
    side = max(canvas.image.size)
    return contact_sheet(images, captions, columns=1 + len(columns.values), cell=side, title=title)


def _value(setting: str, text: str) -> Any:
    if setting == "layers":
        return parse_layers(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if value is None else value


def _label(axis: Axis, value: Any, space: str) -> str:
    if isinstance(value, dict):
        value = "+".join(name if weight == 1 else f"{name}={weight:g}" for name, weight in value.items())
    return f"{axis.setting}{space}{value}"
