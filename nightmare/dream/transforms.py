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

    def undone(gradient: Tensor) -> Tensor:
        # Sampling is linear in what is sampled, so that the way back does not look at a picture, and none is kept for
        # autograd: any of the right size may stand for it. 0: bilinear, 2: reflection.
        back, _ = torch.ops.aten.grid_sampler_2d_backward(gradient, gradient, grid, 0, 2, False, [True, False])
        return unshifted(back)

    return F.grid_sample(shifted, grid, padding_mode="reflection", align_corners=False), undone


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
    """Where each pixel of the turned `images` comes from: (batch, height, width, 2), both sides from -1 to 1."""
    height, width = images.shape[2:]
    matrices = []
    for angle, scale in turns:
        cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
        # Both sides run from -1 to 1: without the ratio a turn of an oblong picture would shear it.
        matrices.append([[cosine, -sine * height / width, 0.0], [sine * width / height, cosine, 0.0]])
    return F.affine_grid(images.new_tensor(matrices), list(images.shape), align_corners=False)
