"""What dreams will take of time and memory, told before they begin: calibrated with a few steps on a small picture."""

import os
import time
from dataclasses import dataclass
from functools import partial

import psutil
import torch

from nightmare.device import best_device
from nightmare.dream.engine import dream_steps, octave_sizes, smallest_side
from nightmare.dream.objectives import unguided_objectives
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
_BASE_BYTES = 600 << 20
_PICTURES = 9


@dataclass(frozen=True)
class Forecast:
    """Seconds that all dreams take together, and the number of processes that make them side by side."""

    seconds: float
    workers: int


def forecast(folder: ModelFolder, recipe: Recipe, *, pixels: int, photos: int) -> Forecast:
    """What `recipe` takes over so many photos with a longer side of `pixels`.

    One photo has all cores for itself, several share them; an accelerator dreams one after the other. Raises
    `InputError` when the memory that is free does not suffice for one, and what `dream_steps` raises.
    """
    model = folder.load()
    device = next(model.network.parameters()).device
    height, width = max(1, round(pixels * _FORM)), pixels
    areas = unguided_objectives(model, recipe)
    # What a step takes does not depend on the pictures of guides and masks.
    plain = recipe.model_copy(update={"masks": [], "objective": "energy" if recipe.is_guided else recipe.objective})
    largest = max(work(area, plain, height=height, width=width).bytes for area in areas)
    needed = _BASE_BYTES + _PICTURES * 12 * height * width + largest
    workers = 1
    if device.type == "cpu":
        free = psutil.virtual_memory().available
        if needed > free:
            raise InputError(
                f"a dream of {pixels} pixels takes about {needed / 2**30:.1f} GB of memory, {free / 2**30:.1f} GB are "
                "free: choose a smaller --pixels or --tile, or an earlier layer"
            )
        workers = max(1, min(photos, os.cpu_count() or 1, int(free / needed)))
    # Timed where the dreams will be: a worker among several has one thread.
    timing = parallel_map(
        partial(_seconds_per_pixel, folder=folder), [plain], label="timing", unit="step", workers=workers
    )
    rate = next(timing)
    passes = sum(
        work(area, plain, height=size[0], width=size[1]).pixels * recipe.iterations_of(octave)
        for octave, size in enumerate(octave_sizes(height, width, recipe, smallest=smallest_side(areas)))
        if size
        for area in areas
    )
    return Forecast(rate * passes * photos / workers, workers)


def _seconds_per_pixel(recipe: Recipe, *, folder: ModelFolder) -> float:
    """Of one step, the first one aside, which sets up what the others use."""
    brief = recipe.model_copy(update={"octaves": 1, "iterations": 4, "tile": "none"})
    moments = []
    for _ in dream_steps(folder.load(), torch.zeros(1, 3, _SIDE, _SIDE, device=best_device()), brief, names=["timing"]):
        moments.append(time.perf_counter())
    return (moments[-1] - moments[0]) / (len(moments) - 1) / _SIDE**2
