"""The dreams of one run: which to make, making one, and what to say of them all together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from nightmare.data.canvases import Canvas
from nightmare.dream.engine import dream_pictures
from nightmare.dream.measures import class_bias, measure_dream
from nightmare.dream.picture import Provenance, save_dream
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.sheets import contact_sheet

__all__ = ["Commission", "commissions", "dream_filename", "dream_sheet", "fulfil", "summary"]


@dataclass(frozen=True)
class Commission:
    """One dream that is to be made: a recipe over a canvas."""

    canvas: Canvas
    recipe: Recipe

    @property
    def filename(self) -> str:
        """Such as `cat-energy.png` or `coffee-class-skulls.png`."""
        return dream_filename(self.canvas.name, self.recipe)


def dream_filename(name: str, recipe: Recipe) -> str:
    """The file of a dream of `recipe` over the photo called `name`."""
    return f"{name}-{recipe.objective.replace(':', '-').replace('/', '-')}.png"


def commissions(canvases: Sequence[Canvas], recipe: Recipe, *, classes: Sequence[str]) -> list[Commission]:
    """`recipe` over every canvas, then one dream of each of `classes`, over the canvases in turn."""
    plain = [Commission(canvas, recipe) for canvas in canvases]
    targeted = [
        Commission(canvases[number % len(canvases)], recipe.model_copy(update={"objective": f"class:{name}"}))
        for number, name in enumerate(classes)
    ]
    return plain + targeted


def fulfil(commission: Commission, *, folder: ModelFolder, directory: Path) -> dict[str, Any]:
    """Make one dream, save it in the existing `directory`, and return its row of the dreams table."""
    model, canvas, recipe = folder.load(), commission.canvas, commission.recipe
    (dreamt,) = dream_pictures(model, [canvas.image], recipe, names=[canvas.sha256])
    provenance = Provenance(
        model=model.sha256,
        dataset=model.card.dataset,
        canvas=canvas.sha256,
        canvas_name=canvas.name,
        pixels=max(canvas.image.size),
        licence=canvas.licence,
        credit=canvas.credit,
        recipe=recipe,
    )
    save_dream(directory / commission.filename, dreamt, provenance)
    return {
        "path": commission.filename,
        "canvas": canvas.name,
        "model": model.sha256,
        "recipe": recipe.hash,
        **asdict(measure_dream(model, canvas.image, dreamt, recipe)),
        "objective": recipe.objective,
        "licence": canvas.licence,
        "credit": canvas.credit,
    }


def summary(dreams: pd.DataFrame, *, class_count: int) -> dict[str, Any]:
    """The metrics of all dreams; gain and class bias leave out the dreams that were told what to dream of."""
    free = dreams[dreams["objective"] == "energy"]
    bias = class_bias(free["dreamt_class"].tolist(), class_count=class_count)
    return {
        "n": len(dreams),
        "activation_gain": float(free["activation_gain"].mean()),
        "darkening": float(dreams["darkening"].mean()),
        "clipped_share": float(dreams["clipped_share"].mean()),
        "distance": float(dreams["distance"].mean()),
        "class_entropy": bias.entropy,
        "class_largest_share": bias.largest_share,
    }


def dream_sheet(dreams: pd.DataFrame, canvases: Sequence[Canvas], directory: Path, *, cell: int) -> Image.Image:
    """Each canvas and its dreams in a row of their own, read from `directory`."""
    columns = 1 + int(dreams["canvas"].value_counts().max())
    images: list[Image.Image | None] = []
    captions: list[str] = []
    for canvas in canvases:
        # Energy dreams, which have no target class, come first: the order in which they were commissioned.
        own = dreams[dreams["canvas"] == canvas.name]
        images.append(canvas.image)
        captions.append(canvas.name)
        for row in own.itertuples():
            with Image.open(directory / row.path) as picture:
                images.append(picture.convert("RGB"))
            captions.append(f"{row.objective.removeprefix('class:')}\nsaw {row.dreamt_class}".replace("_", " "))
        images += [None] * (columns - 1 - len(own))
        captions += [""] * (columns - 1 - len(own))
    return contact_sheet(images, captions, columns=columns, cell=cell, title="Dreams")
