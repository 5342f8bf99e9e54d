"""What dreams will take of time and memory, told before they begin: calibrated with a few steps on a small picture."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import psutil
import torch

from nightmare.device import best_device
from nightmare.dream.engine import dream_steps, octave_sizes, smallest_side
from nightmare.dream.gallery import GUIDE_PIXELS
from nightmare.dream.objectives import Objective, unguided_objectives
from nightmare.dream.recipe import Recipe
from nightmare.dream.tiles import work
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError
from nightmare.parallel import parallel_map

__all__ = ["Forecast", "forecast"]

_SIDE = 192
# Photos are mostly oblong: 4 to 3.
_FORM = 0.75
# Interpreter, libraries and network; pictures, steps and spectra of the engine, each three float32 values per pixel.
_BASE_BYTES = 900 << 20
_PICTURES = 9


@dataclass(frozen=True)
class Forecast:
    """Seconds that so many dreams take together, and the number of processes that make them side by side."""

    dreams: int
    seconds: float
    workers: int

    def __str__(self) -> str:
        return f"{self.dreams} to make, about {self.seconds:.0f} s"


def forecast(
    folder: ModelFolder,
    recipes: Sequence[Recipe],
    *,
    pixels: int,
    photos: int = 1,
    guides: int = 0,
    workers: int | None = None,
) -> Forecast:
    """What dreams of each of `recipes` take, over so many photos with a longer side of `pixels`.

    Those that are guided look at so many `guides`. One dream has all cores for itself, several share them, by no more
    processes than `workers`; an accelerator dreams one after the other. Raises `InputError` when the memory that is
    free does not suffice for one, and what `dream_steps` raises.
    """
    model = folder.load()
    device = next(model.network.parameters()).device
    height, width = max(1, round(pixels * _FORM)), pixels
    climbs = [(recipe, unguided_objectives(model, recipe)) for recipe in recipes]
    largest = max(work(area, recipe, height=height, width=width).bytes for recipe, areas in climbs for area in areas)
    needed = _BASE_BYTES + _PICTURES * 12 * height * width + largest
    dreams, at_once = len(recipes) * photos, 1
    if device.type == "cpu":
        free = psutil.virtual_memory().available
        if needed > free:
            raise InputError(
                f"a dream of {pixels} pixels takes about {needed / 2**30:.1f} GB of memory, {free / 2**30:.1f} GB are "
                "free: choose a smaller --pixels or --tile, or an earlier layer"
            )
        at_once = max(1, min(dreams, workers or os.cpu_count() or 1, int(free / needed)))
    briefs = {_climb(recipe): recipe for recipe in recipes}
    # Timed where the dreams will be: a worker among several has one thread.
    timed = partial(_seconds_per_pixel, folder=folder, guides=guides)
    timing = parallel_map(timed, list(briefs.values()), label="timing", unit="step", workers=at_once)
    rates = dict(zip(briefs, timing, strict=True))
    seconds = sum(rates[_climb(recipe)] * _passes(recipe, areas, height, width) for recipe, areas in climbs)
    return Forecast(dreams, seconds * photos / at_once, at_once)


def _climb(recipe: Recipe) -> tuple[str, ...]:
    """What recipes share whose steps take the same time: all but what they climb comes to a tenth of it."""
    return (recipe.objective, recipe.precision, *(str(sorted(layers)) for layers in (recipe.layers, *recipe.masks)))


def _passes(recipe: Recipe, areas: Sequence[Objective], height: int, width: int) -> float:
    """Pixels of all steps of one dream, those that tiles compute twice included: the mean of what its masks need."""
    return sum(
        work(area, recipe, height=size[0], width=size[1]).pixels * recipe.iterations_of(octave) / len(areas)
        for octave, size in enumerate(octave_sizes(height, width, recipe, smallest=smallest_side(areas)))
        if size
        for area in areas
    )


def _seconds_per_pixel(recipe: Recipe, *, folder: ModelFolder, guides: int) -> float:
    """Of one step with all masks, the first one aside, which sets up what the others use."""
    brief = recipe.model_copy(update={"octaves": 1, "iterations": 4, "tile": "none"})
    # What is in the pictures does not matter, but how large they are.
    photo = torch.zeros(1, 3, _SIDE, _SIDE, device=best_device())
    guide = torch.zeros(1, 3, round(GUIDE_PIXELS * _FORM), GUIDE_PIXELS, device=photo.device)
    steps = dream_steps(
        folder.load(),
        photo,
        brief,
        names=["timing"],
        guides=[guide] * guides if recipe.is_guided else [],
        masks=[photo[:, :1]] * len(recipe.masks),
    )
    moments = []
    for _ in steps:
        moments.append(time.perf_counter())
    return (moments[-1] - moments[0]) / (len(moments) - 1) / _SIDE**2
