"""The dreams of one run: which to make, making one, and what to say of them all together."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from nightmare.cache import fingerprint
from nightmare.data.canvases import Canvas
from nightmare.dream.engine import Step, dream_steps, finished, octave_sizes, smallest_side, to_picture, to_tensor
from nightmare.dream.measures import Measures, class_bias, measure_dream
from nightmare.dream.objectives import unguided_objectives
from nightmare.dream.picture import Provenance, save_dream
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError
from nightmare.progress import progress_bar
from nightmare.sheets import contact_sheet
from nightmare.train.model import Model

__all__ = [
    "GUIDE_PIXELS",
    "Commission",
    "commissions",
    "dream_filename",
    "dream_sheet",
    "file_stem",
    "fulfil",
    "measured",
    "painted",
    "provenance",
    "summary",
]

# Longer side at which a network looks at a guide: every position of it is compared with every one of the dream.
GUIDE_PIXELS = 384
# In bytes of UTF-8. File systems hold names of 255, and while a file is written its name has some 20 more.
_LONGEST_STEM = 200


@dataclass(frozen=True)
class Commission:
    """One dream that is to be made: a recipe over a canvas, with what it is guided and masked by."""

    canvas: Canvas
    recipe: Recipe
    guides: tuple[Canvas, ...] = ()
    masks: tuple[Canvas, ...] = ()
    name: str = ""

    @property
    def filename(self) -> str:
        """Its own name if it has one, else such as `cat-energy.png` or `coffee-class-skulls.png`."""
        return self.name or dream_filename(self.canvas.name, self.recipe)

    def check(self) -> None:
        """Raise `InputError` for guides or masks that do not fit the recipe, or masks that do not fit the canvas."""
        self.recipe.check_pictures(guides=len(self.guides), masks=len(self.masks))
        for mask in self.masks:
            _check_proportions(mask.image, self.canvas.image.size)


def dream_filename(name: str, recipe: Recipe, *, mark: str = "", suffix: str = ".png") -> str:
    """The file of a dream of `recipe` over the photo called `name`; a `mark` tells dreams of other recipes apart."""
    return file_stem("-".join(filter(None, (name, recipe.objective, mark)))) + suffix


def file_stem(text: str) -> str:
    """`text` fit for the name of a file; of a long one the beginning, and six digits that tell it from others."""
    stem = re.sub(r"[:/@,]", "-", text)
    if len(stem.encode()) <= _LONGEST_STEM:
        return stem
    return f"{stem.encode()[:_LONGEST_STEM].decode(errors='ignore')}-{fingerprint({'stem': text})[:6]}"


def commissions(canvases: Sequence[Canvas], recipe: Recipe, *, classes: Sequence[str]) -> list[Commission]:
    """`recipe` over every canvas, then one dream of each of `classes`, over the canvases in turn.

    The class that `recipe` itself dreams of is not dreamt of twice.
    """
    plain = [Commission(canvas, recipe) for canvas in canvases]
    classes = [name for name in classes if name != recipe.target_class]
    targeted = [
        Commission(canvases[number % len(canvases)], recipe.model_copy(update={"objective": f"class:{name}"}))
        for number, name in enumerate(classes)
    ]
    return plain + targeted


def painted(commission: Commission, *, folder: ModelFolder, bar: bool = False) -> tuple[Tensor, dict[int, float]]:
    """The dream as RGB (3, height, width) in 0 … 1, and for each octave the gain of its objective.

    The gain is that of the score before the last step over that before the first one: what an octave knows by itself.
    Of a class it is the difference of its logits.
    With a `bar` it shows how far it is, which is not for several side by side.
    """
    model, canvas, recipe = folder.load(), commission.canvas, commission.recipe
    device = next(model.network.parameters()).device
    photo = to_tensor(canvas.image).to(device)
    masks = [_mask(mask.image, canvas.image.size).to(device) for mask in commission.masks]
    steps = dream_steps(
        model,
        photo,
        recipe,
        names=[canvas.sha256],
        guides=[to_tensor(guide.image).to(device) for guide in commission.guides],
        masks=masks,
    )
    dreamt, scores = photo, defaultdict(list)
    for step in _shown(steps, model, photo, recipe) if bar else steps:
        dreamt = step.images
        scores[step.octave].append(float(step.scores))
    gains = {octave: _gain(own[0], own[-1], recipe) for octave, own in scores.items()}
    return finished(photo, dreamt, recipe, masks=masks)[0].cpu(), gains


def fulfil(commission: Commission, *, folder: ModelFolder, directory: Path, bar: bool = False) -> dict[str, Any]:
    """Make one dream, save it in the existing `directory`, and return its row of the dreams table.

    See `painted` for `bar`.
    """
    model, canvas, recipe = folder.load(), commission.canvas, commission.recipe
    image, gains = painted(commission, folder=folder, bar=bar)
    measures = measured(commission, model, image)
    made = provenance(commission, model, measures=measures)
    save_dream(directory / commission.filename, image, made, alpha=canvas.alpha)
    return {
        "path": commission.filename,
        "canvas": canvas.name,
        "model": model.sha256,
        "recipe": recipe.hash,
        **asdict(measures),
        "octave_gains": " ".join(f"{gain:.3f}" for gain in gains.values()),
        "objective": recipe.objective,
        "licence": canvas.licence,
        "credit": canvas.credit,
    }


def measured(commission: Commission, model: Model, image: Tensor) -> Measures:
    """The measures of `image` (3, height, width), which is what `model` painted of `commission`."""
    guides = [guide.image for guide in commission.guides]
    return measure_dream(model, commission.canvas.image, to_picture(image), commission.recipe, guides=guides)


def provenance(commission: Commission, model: Model, *, measures: Measures | None = None) -> Provenance:
    """What is said inside the picture of `commission`, computed by `model` in this process."""
    canvas = commission.canvas
    return Provenance(
        model=model.sha256,
        dataset=model.card.dataset,
        canvas=canvas.sha256,
        canvas_name=canvas.name,
        pixels=max(canvas.image.size),
        licence=canvas.licence,
        credit=canvas.credit,
        guides=tuple(guide.sha256 for guide in commission.guides),
        masks=tuple(mask.sha256 for mask in commission.masks),
        threads=torch.get_num_threads(),
        torch=str(torch.__version__),
        recipe=commission.recipe,
        measures=measures,
    )


def summary(dreams: pd.DataFrame, *, class_count: int) -> dict[str, Any]:
    """The metrics of all dreams; gain and class bias are those of dreams without a class of their own, if any."""
    free = dreams[~dreams["objective"].str.startswith("class:")]
    metrics = {
        "n": len(dreams),
        "darkening": float(dreams["darkening"].mean()),
        "clipped_share": float(dreams["clipped_share"].mean()),
        "distance": float(dreams["distance"].mean()),
        "structure_fine": float(dreams["structure_fine"].mean()),
        "similarity": float(dreams["similarity"].mean()),
        "class_shift": float(dreams["class_shift"].mean()),
    }
    if len(free):
        bias = class_bias(free["dreamt_class"].tolist(), class_count=class_count)
        metrics |= {
            "activation_gain": float(free["activation_gain"].mean()),
            "class_entropy": bias.entropy,
            "class_largest_share": bias.largest_share,
        }
    return metrics


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


def _mask(picture: Image.Image, size: tuple[int, int]) -> Tensor:
    """A picture's luminance as a mask (1, 1, height, width) in 0 … 1 of the size (width, height).

    Raises `InputError` for a mask of other proportions.
    """
    _check_proportions(picture, size)
    grey = np.array(picture.convert("L").resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    return torch.from_numpy(grey)[None, None] / 255


def _check_proportions(picture: Image.Image, size: tuple[int, int]) -> None:
    """Raise `InputError` for a mask that over a photo of `size` would lie beside what it was drawn for."""
    width, height = size
    if abs(picture.width * height - picture.height * width) > max(*picture.size) + max(size):
        raise InputError(
            f"a mask of {picture.width} x {picture.height} over a photo of {width} x {height}: draw it over the photo"
        )


def _gain(first: float, last: float, recipe: Recipe) -> float:
    """How often `last` holds `first`; of a logit, which has no zero, by how much it grew."""
    if recipe.target_class is not None:
        return last - first
    return last / first if first else 1.0


def _shown(steps: Iterator[Step], model: Model, photo: Tensor, recipe: Recipe) -> Iterator[Step]:
    """`steps` under a bar that moves by pixels, since a step of the last octave takes ten times one of the first."""
    smallest = smallest_side(unguided_objectives(model, recipe))
    sizes = octave_sizes(photo.shape[2], photo.shape[3], recipe, smallest=smallest)
    pixels = {octave: size[0] * size[1] // 1000 for octave, size in enumerate(sizes) if size}
    total = sum(each * recipe.iterations_of(octave) for octave, each in pixels.items())
    with progress_bar(label="dream", unit="kpixel", total=total) as bar:
        for step in steps:
            bar.set_postfix_str(
                f"octave {step.octave + 1}/{recipe.octaves}, "
                f"iteration {step.iteration + 1}/{recipe.iterations_of(step.octave)}"
            )
            bar.update(pixels[step.octave])
            yield step
