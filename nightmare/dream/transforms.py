"""Small random moves of the picture before each step, undone after it, so that no feature clings to the grid.

What an image meets derives from seed, name, octave and iteration: never from its place in a batch.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nightmare.dream.recipe import Recipe
from nightmare.seeds import derived_seed, fraction

__all__ = ["moved"]

# Takes the gradient at the moved images back to the images.
_Undo = Callable[[Tensor], Tensor]


def moved(images: Tensor, recipe: Recipe, *, names: Sequence[str], octave: int, iteration: int) -> tuple[Tensor, _Undo]:
    """`images` (batch, 3, height, width) shifted, turned and scaled as `recipe` asks, and the way back of gradients.

    Shifts wrap round; turned and scaled pictures go on as their mirror image.
    """
    moments = [(name, octave, iteration) for name in names]
    shifts = [_shift(recipe, *moment) for moment in moments]
    shifted = _rolled(images, shifts)

    def unshifted(gradient: Tensor) -> Tensor:
        return _rolled(gradient, [(-down, -across) for down, across in shifts])

    if not (recipe.rotation or recipe.zoom):
        return shifted, unshifted
    grid = _turning(images, [_turn(recipe, *moment) for moment in moments])
    sampled = F.grid_sample(_twice(shifted), grid, padding_mode="reflection", align_corners=False)

    def undone(gradient: Tensor) -> Tensor:
        # Sampling is linear in what is sampled, so that the way back does not look at a picture, and none is kept for
        # autograd: any of the right size may stand for it. 0: bilinear, 2: reflection.
        any_picture = gradient[:1].expand(len(grid), -1, -1, -1)
        back, _ = torch.ops.aten.grid_sampler_2d_backward(
            _halved(gradient), any_picture, grid, 0, 2, False, [True, False]
        )
        upper, lower = back.unflatten(0, (-1, 2)).unbind(1)
        return unshifted(upper.add_(lower))

    return _joined(sampled, height=images.shape[2]), undone


# A processor samples the pictures of a batch in parallel, and there is one: so its halves are a batch of two, which
# look at the same picture. On the way there and back that saves 2 of 60 ms (ResNet-18, 512 x 384, two cores).


def _twice(images: Tensor) -> Tensor:
    """Each image (batch, 3, height, width) two times in a row, for its upper and its lower half."""
    # One image needs no copy, which of a large one would be 150 MB.
    return images.expand(2, -1, -1, -1) if len(images) == 1 else images.repeat_interleave(2, dim=0)


def _halved(images: Tensor) -> Tensor:
    """Upper and lower half of each image in turn: (2 × batch, 3, half the height, width), an odd height filled up."""
    filled = F.pad(images, (0, 0, 0, 1)) if images.shape[2] % 2 else images
    return filled.unflatten(2, (2, -1)).transpose(1, 2).flatten(0, 1)


def _joined(halves: Tensor, *, height: int) -> Tensor:
    """The images (batch, 3, height, width) of which `_halved` made `halves`."""
    return halves.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2, 3)[:, :, :height]


def _shift(recipe: Recipe, name: str, octave: int, iteration: int) -> tuple[int, int]:
    """The jitter (down, right) of one image at one iteration, each within ±`recipe.jitter`."""
    steps = 2 * recipe.jitter + 1
    down, right = divmod(derived_seed(recipe.seed, "jitter", name, octave, iteration) % steps**2, steps)
    return down - recipe.jitter, right - recipe.jitter


def _rolled(images: Tensor, shifts: Sequence[tuple[int, int]]) -> Tensor:
    rolled = [image.roll(shift, dims=(1, 2)) for image, shift in zip(images, shifts, strict=True)]
    return rolled[0][None] if len(rolled) == 1 else torch.stack(rolled)


def _turn(recipe: Recipe, name: str, octave: int, iteration: int) -> tuple[float, float]:
    """Angle (radians) and factor of scale."""
    angle, scale = (2 * fraction(recipe.seed, kind, name, octave, iteration) - 1 for kind in ("rotation", "zoom"))
    return math.radians(angle * recipe.rotation), (1 + recipe.zoom) ** scale


def _turning(images: Tensor, turns: Sequence[tuple[float, float]]) -> Tensor:
    """Where each pixel of the turned `images` comes from, both sides from -1 to 1, for upper and lower half in turn.

    (2 × batch, half the height, width, 2).
    """
    height, width = images.shape[2:]
    matrices = []
    for angle, scale in turns:
        cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
        # Both sides run from -1 to 1: without the ratio a turn of an oblong picture would shear it.
        matrices.append([[cosine, sine * width / height], [-sine * height / width, cosine]])
    by_column, by_row = images.new_tensor(matrices)[:, :, None, None].unbind(1)  # (batch, 1, 1, 2) each
    columns, rows = (
        (2 * torch.arange(count).to(images) + 1) / length - 1
        for count, length in ((width, width), (height + height % 2, height))
    )
    grid = torch.addcmul(columns[:, None] * by_column, rows[:, None, None], by_row)
    return grid.unflatten(1, (2, -1)).flatten(0, 1)
