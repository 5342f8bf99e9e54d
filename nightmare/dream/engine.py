"""The loop of DeepDream (Mordvintsev, Olah, Tyka 2015): octave by octave, step by step up the gradient.

Pictures are RGB float32 in 0 … 1. A batch equals its images dreamt one by one: moves, normalisation, masks and clip
are each image's own, and every random choice belongs to seed and name. On a CPU it is one by one: a batch gains little
there, and its kernels round otherwise, which a few steps later is another picture. On an accelerator a step is one pass
for all, equal but for that rounding.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from nightmare.dream.filters import direction, flattening
from nightmare.dream.objectives import Objective, build_objectives
from nightmare.dream.recipe import Recipe
from nightmare.dream.tiles import ascent, tile_side
from nightmare.dream.transforms import moved
from nightmare.errors import InputError
from nightmare.memory import keep_freed_memory
from nightmare.train.model import Model

__all__ = [
    "LUMINANCE",
    "Step",
    "dream",
    "dream_pictures",
    "dream_steps",
    "finished",
    "octave_sizes",
    "resized",
    "smallest_side",
    "to_picture",
    "to_tensor",
]

# The stride of a ResNet: below it the last stage sees one position and nothing has a form. A network that does not pad
# may need more.
_SMALLEST_SIDE = 32
# ITU-R BT.709, on the values as they are: what a picture keeps of its brightness when its colours change.
LUMINANCE = (0.2126, 0.7152, 0.0722)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """The state after one iteration: octave and iteration count from 0, `images` are of the octave's size.

    `scores` (batch,) are those of the objective before this step. Colours and strength are not applied yet, see
    `finished`.
    """

    octave: int
    iteration: int
    images: Tensor
    scores: Tensor


def octave_sizes(height: int, width: int, recipe: Recipe, *, smallest: int) -> list[tuple[int, int] | None]:
    """(height, width) of each octave, small to large, the last at full size; None where a side is below `smallest`."""
    sizes: list[tuple[int, int] | None] = []
    for octave in range(recipe.octaves):
        factor = recipe.octave_scale ** (octave + 1 - recipe.octaves)
        size = (round(height * factor), round(width * factor))
        sizes.append(size if min(size) >= smallest else None)
    return sizes


def smallest_side(objectives: Sequence[Objective]) -> int:
    """Shorter side in pixels of the smallest picture that all of `objectives` can be climbed on."""
    return max(_SMALLEST_SIDE, *(objective.trunk.smallest_side for objective in objectives))


def dream_steps(
    model: Model,
    images: Tensor,
    recipe: Recipe,
    *,
    names: Sequence[str] | None = None,
    guides: Sequence[Tensor] = (),
    masks: Sequence[Tensor] = (),
) -> Iterator[Step]:
    """Dream over `images` (batch, 3, height, width) and show the state after every iteration.

    `names` has one word per image, from which its random choices derive; without it they derive from its values.
    `guides` are RGB (1, 3, height, width) of any size, `masks` one (1, 1, height, width) in 0 … 1 for each entry of
    `recipe.masks`, of the images' size. Octaves whose shorter side is below `smallest_side` are left out with a
    warning in the log. Whoever stops asking for steps has cancelled the dream. The process keeps the memory that steps
    free, see `nightmare.memory`. Raises `ModelError` for an unknown layer, channel or class and `InputError` for
    pictures that do not fit each other or the recipe.
    """
    names = _names(images) if names is None else names
    _check(images, names, recipe, guides, masks)
    keep_freed_memory()
    areas = _areas(model, recipe, guides, masks)
    height, width = images.shape[2:]
    smallest = smallest_side([area.objective for area in areas])
    sizes = octave_sizes(height, width, recipe, smallest=smallest)
    for area in areas:  # what cannot be done at the full size is said before the first step
        tile_side(area.objective, recipe, batch=1, height=height, width=width)
    if skipped := sizes.count(None):
        _log.warning(
            "%d of %d octaves of a picture of %d x %d are left out: their shorter side is below %d pixels",
            skipped, recipe.octaves, width, height, smallest,
        )  # fmt: skip
    if images.device.type != "cpu" or len(images) == 1:
        yield from _steps(areas, images, recipe, names=names, sizes=sizes)
        return
    singles = [
        _steps(areas, image[None], recipe, names=[name], sizes=sizes) for image, name in zip(images, names, strict=True)
    ]
    for steps in zip(*singles, strict=True):
        together, scores = torch.cat([step.images for step in steps]), torch.cat([step.scores for step in steps])
        yield Step(steps[0].octave, steps[0].iteration, together, scores)


def dream(
    model: Model,
    images: Tensor,
    recipe: Recipe,
    *,
    names: Sequence[str] | None = None,
    guides: Sequence[Tensor] = (),
    masks: Sequence[Tensor] = (),
) -> Tensor:
    """The dreams over `images` (batch, 3, height, width) in 0 … 1, of the same shape.

    Without iterations, or with strength 0, the photos themselves. See `dream_steps` for the rest.
    """
    dreamt = images
    for step in dream_steps(model, images, recipe, names=names, guides=guides, masks=masks):
        dreamt = step.images
    return finished(images, dreamt, recipe, masks=masks)


def finished(images: Tensor, dreamt: Tensor, recipe: Recipe, *, masks: Sequence[Tensor] = ()) -> Tensor:
    """What is shown of `dreamt`: over the photos `images`, with their colours where asked for, and within `masks`.

    `dreamt` of a smaller octave is brought to the size of the photos.
    """
    dreamt = resized(dreamt, (images.shape[2], images.shape[3]))
    if recipe.keep_colors:
        weights = images.new_tensor(LUMINANCE)[:, None, None]
        change = ((dreamt - images) * weights).sum(1, keepdim=True)
        dreamt = (images + change).clamp(0, 1)
    if masks:
        # Soft edges have had their share in every step; what is black stays the photo to the last bit.
        reached = _union(_feathered(mask, recipe.feather) for mask in masks)
        dreamt = torch.where(reached > 0, dreamt, images)
    return torch.lerp(images, dreamt, recipe.strength)


def dream_pictures(
    model: Model,
    pictures: Sequence[Image.Image],
    recipe: Recipe,
    *,
    names: Sequence[str] | None = None,
    guides: Sequence[Image.Image] = (),
) -> list[Image.Image]:
    """The dreams over `pictures` of any sizes, in their order: each size is a batch of its own.

    Pictures without names get their random choices from what they show.
    """
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures):
        places[picture.size].append(place)
    dreams: dict[int, Image.Image] = {}
    device = next(model.network.parameters()).device
    shown = [to_tensor(guide).to(device) for guide in guides]
    for bucket in places.values():
        images = torch.cat([to_tensor(pictures[place]) for place in bucket]).to(device)
        named = None if names is None else [names[place] for place in bucket]
        dreams.update(
            zip(bucket, map(to_picture, dream(model, images, recipe, names=named, guides=shown)), strict=True)
        )
    return [dreams[place] for place in range(len(pictures))]


def to_tensor(picture: Image.Image) -> Tensor:
    """A picture as RGB (1, 3, height, width) in 0 … 1."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def to_picture(image: Tensor) -> Image.Image:
    """RGB (3, height, width) in 0 … 1 as a picture, each value rounded to the nearest of 256."""
    return Image.fromarray((image * 255).round().byte().permute(1, 2, 0).cpu().numpy())


@dataclass(frozen=True)
class _Area:
    """What is dreamt of where, without a mask everywhere, and by tiles of which side; None is the whole at once."""

    objective: Objective
    mask: Tensor | None
    tile: int | None = None


def _areas(model: Model, recipe: Recipe, guides: Sequence[Tensor], masks: Sequence[Tensor]) -> list[_Area]:
    objectives = build_objectives(model, recipe, guides=guides)
    soft: list[Tensor | None] = [_feathered(mask, recipe.feather) for mask in masks]
    return [_Area(objective, mask) for objective, mask in zip(objectives, soft or [None], strict=True)]


def _feathered(mask: Tensor, deviation: float) -> Tensor:
    """`mask` with soft edges: where no white is within four deviations it is exactly 0."""
    if not deviation:
        return mask
    return torch.from_numpy(gaussian_filter(mask.cpu().numpy(), deviation, axes=(2, 3), mode="nearest")).to(mask)


def _steps(
    areas: list[_Area],
    images: Tensor,
    recipe: Recipe,
    *,
    names: Sequence[str],
    sizes: Sequence[tuple[int, int] | None],
) -> Iterator[Step]:
    detail: Tensor | None = None
    for octave, size in enumerate(sizes):
        if size is None:
            continue
        base = resized(images, size)
        current = base if detail is None else resized(detail, size).add_(base)
        detail = None
        here = [_at_size(area, recipe, size, batch=len(images)) for area in areas]
        for iteration in range(recipe.iterations_of(octave)):
            scores, step = _upwards(here[0], current, recipe, names=names, octave=octave, iteration=iteration)
            for area in here[1:]:
                more = _upwards(area, current, recipe, names=names, octave=octave, iteration=iteration)
                scores, step = scores + more[0], step + more[1]
            if recipe.total_variation:
                flatter = recipe.total_variation * flattening(current)
                step = step + (flatter if here[0].mask is None else flatter * _union(area.mask for area in here))
            current = current.add(step, alpha=recipe.step_size_of(octave, iteration)).clamp_(0, 1)
            yield Step(octave, iteration, current, scores)
        detail = current - base


def _at_size(area: _Area, recipe: Recipe, size: tuple[int, int], *, batch: int) -> _Area:
    """`area` in an octave of `size`."""
    height, width = size
    tile = tile_side(area.objective, recipe, batch=batch, height=height, width=width)
    return _Area(area.objective, None if area.mask is None else resized(area.mask, size), tile)


def _union(masks: Iterable[Tensor | None]) -> Tensor:
    """Where any of `masks`, each (1, 1, height, width), is white."""
    return torch.cat([mask for mask in masks if mask is not None], dim=1).amax(1, keepdim=True)


def _upwards(
    area: _Area, images: Tensor, recipe: Recipe, *, names: Sequence[str], octave: int, iteration: int
) -> tuple[Tensor, Tensor]:
    """Scores (batch,) of `images` and the step that raises them within the mask, of mean 1 before it."""
    there, undo = moved(images, recipe, names=names, octave=octave, iteration=iteration)
    scores, gradient = ascent(area.objective, there, tile=area.tile)
    gradient = undo(gradient)
    del there, undo  # two pictures' worth of memory
    step = direction(gradient, images, recipe)
    return scores, step if area.mask is None else step.mul_(area.mask)


def _names(images: Tensor) -> list[str]:
    return [hashlib.sha256(image.detach().cpu().float().numpy().tobytes()).hexdigest() for image in images]


def _check(
    images: Tensor, names: Sequence[str], recipe: Recipe, guides: Sequence[Tensor], masks: Sequence[Tensor]
) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise InputError(f"images of shape {tuple(images.shape)}: give float RGB of (batch, 3, height, width) in 0 … 1")
    if len(names) != len(images):
        raise InputError(f"{len(images)} images and {len(names)} names: give one name per image")
    for guide in guides:
        if guide.ndim != 4 or guide.shape[:2] != (1, 3):
            raise InputError(f"a guide of shape {tuple(guide.shape)}: give RGB of (1, 3, height, width), one by one")
    recipe.check_pictures(guides=len(guides), masks=len(masks))
    for mask in masks:
        if mask.shape != (1, 1, *images.shape[2:]):
            raise InputError(f"a mask of shape {tuple(mask.shape)} for images of {tuple(images.shape)}")


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """`images` (batch, channels, height, width) at the `size` (height, width), antialiased; unchanged at their own."""
    if images.shape[2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
