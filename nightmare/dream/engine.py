"""The loop of DeepDream (Mordvintsev, Olah, Tyka 2015): octave by octave, step by step up the gradient.

Pictures are RGB float32 in 0 … 1. A batch equals its images dreamt one by one: shift, normalisation and clip are
each image's own, and every random choice belongs to seed and name.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nightmare.dream.objectives import Objective, build_objective
from nightmare.dream.recipe import Recipe
from nightmare.errors import InputError
from nightmare.seeds import derived_seed
from nightmare.train.model import Model

__all__ = ["SMALLEST_SIDE", "Step", "dream", "dream_pictures", "dream_steps", "octave_sizes", "to_picture", "to_tensor"]

# The stride of a ResNet: below it the last stage sees one position and nothing has a form.
SMALLEST_SIDE = 32

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """The state after one iteration: octave and iteration count from 0, `images` are of the octave's size.

    `strength` is not applied yet.
    """

    octave: int
    iteration: int
    images: Tensor


def octave_sizes(height: int, width: int, recipe: Recipe) -> list[tuple[int, int] | None]:
    """(height, width) of each octave, small to large, the last at full size; None where it would be too small."""
    sizes: list[tuple[int, int] | None] = []
    for octave in range(recipe.octaves):
        factor = recipe.octave_scale ** (octave + 1 - recipe.octaves)
        size = (round(height * factor), round(width * factor))
        sizes.append(size if min(size) >= SMALLEST_SIDE else None)
    return sizes


def dream_steps(model: Model, images: Tensor, recipe: Recipe, *, names: Sequence[str]) -> Iterator[Step]:
    """Dream over `images` (batch, 3, height, width) and show the state after every iteration.

    `names` has one word per image, from which its random choices derive. Octaves whose shorter side is below
    `SMALLEST_SIDE` are left out with a warning in the log. Raises `ModelError` for an unknown layer or class and
    `InputError` for images that are no such batch.
    """
    _check(images, names)
    objective = build_objective(model, recipe)
    kernel = _smoothing_kernel(recipe.smoothing).to(images)
    height, width = images.shape[2:]
    sizes = octave_sizes(height, width, recipe)
    if skipped := sizes.count(None):
        _log.warning(
            "%d of %d octaves of a picture of %d x %d are left out: their shorter side is below %d pixels",
            skipped, recipe.octaves, width, height, SMALLEST_SIDE,
        )  # fmt: skip
    detail = torch.zeros_like(images)
    for octave, size in enumerate(sizes):
        if size is None:
            continue
        base = _resized(images, size)
        current = base + _resized(detail, size)
        for iteration in range(recipe.iterations):
            shifts = [_shift(recipe, name, octave, iteration) for name in names]
            gradient = _rolled(_gradient(objective, _rolled(current, shifts)), [(-y, -x) for y, x in shifts])
            gradient = _smoothed(gradient, kernel)
            gradient /= gradient.abs().mean(dim=(1, 2, 3), keepdim=True).clamp_min(torch.finfo(gradient.dtype).tiny)
            current = (current + recipe.step_size * gradient).clamp_(0, 1)
            yield Step(octave, iteration, current)
        detail = current - base


def dream(model: Model, images: Tensor, recipe: Recipe, *, names: Sequence[str]) -> Tensor:
    """The dreams over `images` (batch, 3, height, width) in 0 … 1, of the same shape.

    Without iterations, or with strength 0, the photos themselves. See `dream_steps` for `names` and errors.
    """
    dreamt = images
    for step in dream_steps(model, images, recipe, names=names):
        dreamt = step.images
    return torch.lerp(images, dreamt, recipe.strength)


def dream_pictures(
    model: Model, pictures: Sequence[Image.Image], recipe: Recipe, *, names: Sequence[str]
) -> list[Image.Image]:
    """The dreams over `pictures` of any sizes, in their order: each size is a batch of its own."""
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures):
        places[picture.size].append(place)
    dreams: dict[int, Image.Image] = {}
    device = next(model.network.parameters()).device
    for bucket in places.values():
        images = torch.cat([to_tensor(pictures[place]) for place in bucket]).to(device)
        dreamt = dream(model, images, recipe, names=[names[place] for place in bucket])
        dreams.update(zip(bucket, map(to_picture, dreamt), strict=True))
    return [dreams[place] for place in range(len(pictures))]


def to_tensor(picture: Image.Image) -> Tensor:
    """A picture as RGB (1, 3, height, width) in 0 … 1."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def to_picture(image: Tensor) -> Image.Image:
    """RGB (3, height, width) in 0 … 1 as a picture, each value rounded to the nearest of 256."""
    return Image.fromarray((image * 255).round().byte().permute(1, 2, 0).cpu().numpy())


def _check(images: Tensor, names: Sequence[str]) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise InputError(f"images of shape {tuple(images.shape)}: give float RGB of (batch, 3, height, width) in 0 … 1")
    if len(names) != len(images):
        raise InputError(f"{len(images)} images and {len(names)} names: give one name per image")


def _shift(recipe: Recipe, name: str, octave: int, iteration: int) -> tuple[int, int]:
    """The jitter (down, right) of one image at one iteration, each within ±`recipe.jitter`."""
    steps = 2 * recipe.jitter + 1
    down, right = divmod(derived_seed(recipe.seed, "jitter", name, octave, iteration) % steps**2, steps)
    return down - recipe.jitter, right - recipe.jitter


def _rolled(images: Tensor, shifts: Sequence[tuple[int, int]]) -> Tensor:
    return torch.stack([image.roll(shift, dims=(1, 2)) for image, shift in zip(images, shifts, strict=True)])


def _gradient(objective: Objective, images: Tensor) -> Tensor:
    with torch.enable_grad():
        images = images.requires_grad_()
        # Scores do not mix images, so the gradient of their sum is that of each.
        (gradient,) = torch.autograd.grad(objective(images).sum(), images)
    return gradient


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    if images.shape[2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


def _smoothing_kernel(deviation: float) -> Tensor:
    """A normalised Gaussian row of odd length, cut at three deviations; a single 1 for no smoothing."""
    radius = math.ceil(3 * deviation)
    if radius == 0:
        return torch.ones(1)
    places = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-((places / deviation) ** 2) / 2)
    return kernel / kernel.sum()


def _smoothed(gradient: Tensor, kernel: Tensor) -> Tensor:
    if len(kernel) == 1:
        return gradient
    radius = len(kernel) // 2
    weight = kernel.repeat(gradient.shape[1], 1)
    padded = F.pad(gradient, (radius, radius, radius, radius), mode="replicate")
    rows = F.conv2d(padded, weight[:, None, None, :], groups=gradient.shape[1])
    return F.conv2d(rows, weight[:, None, :, None], groups=gradient.shape[1])
