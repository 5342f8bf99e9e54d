"""The gradient of a picture too large for the memory, part by part, and the same as that of the whole.

Each tile is the core, whose positions it scores, and a halo as wide as the network looks. Tiles start at multiples of
the deepest stride, so that every layer sees the grid that it would see in the whole picture; halos overlap and their
gradients add up.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from nightmare.dream.objectives import Objective, Term
from nightmare.dream.recipe import Recipe
from nightmare.errors import ModelError
from nightmare.memory import give_back_freed_memory

__all__ = ["Work", "ascent", "tile_side", "work"]

# What the computation of one gradient may take at `tile: auto`. No share of the free memory: the same recipe has to
# make the same picture, and tiles move its last bits.
_BUDGET = 5 << 27
_MOST_WORK = 4
# Beyond what autograd keeps: the gradients that pass back, and the workspace of convolutions. Measured.
_TRANSIENT = 1.6
_PROBE = 256
# Bytes of a picture, of which a dream holds seven at times: two megapixels.
_LARGE = 25 << 20


@dataclass(frozen=True)
class _Span:
    """One axis of a tile in pixels: core from `start` to `stop`, with its halo from `low` to `high`."""

    low: int
    start: int
    stop: int
    high: int


@dataclass(frozen=True)
class Work:
    """Memory that one gradient takes beside the pictures, and pixels that pass the network for it, halos counted."""

    bytes: float
    pixels: int


def ascent(objective: Objective, images: Tensor, *, tile: int | None) -> tuple[Tensor, Tensor]:
    """Scores (batch,) and gradient of `objective` at `images` (batch, 3, height, width), by tiles of a core `tile`.

    None computes the whole at once. Raises `ModelError` for a network that cannot be computed by parts.
    """
    height, width = images.shape[2:]
    if tile is None or (tile >= height and tile >= width):
        return _whole(objective, images)
    stride, halo = _grid(objective)
    side = math.ceil(tile / stride) * stride
    gradient = torch.zeros_like(images)
    scores = torch.zeros(len(images), dtype=images.dtype, device=images.device)
    # Beside small pictures there is room for what is kept, and fresh pages at every tile would take their time.
    is_large = images.nbytes > _LARGE
    if is_large:
        give_back_freed_memory()
    for down in _spans(height, side, halo):
        for across in _spans(width, side, halo):
            score, back = _of_tile(objective, images, down, across)
            gradient[:, :, down.low : down.high, across.low : across.high] += back
            scores += score
            if is_large:
                give_back_freed_memory()
    return scores, gradient


def tile_side(objective: Objective, recipe: Recipe, *, batch: int, height: int, width: int) -> int | None:
    """The side of a core that `recipe` asks for, or None for the whole picture at once.

    `auto` takes tiles where the whole goes beyond a budget. Deep layers look so far that small tiles are nearly all
    halo: where no tile fits without four times the work, the next budget, of twice the size, counts. A network that
    cannot be computed by parts takes the whole at once; where the recipe gives a side, `ModelError` is raised.
    """
    if recipe.tile == "none" or (recipe.tile == "auto" and batch * height * width <= _PROBE**2):
        return None
    if isinstance(recipe.tile, int):
        if recipe.tile < max(height, width):
            _grid(objective)
        return recipe.tile
    per_pixel = batch * _bytes_per_pixel(objective)
    if _why_whole(objective):
        return None
    stride, _ = _grid(objective)
    sides = range(stride, max(height, width), stride)
    budget = _BUDGET
    while height * width * per_pixel > budget:
        for side in reversed(sides):
            largest, passing = _passes(objective, side, height, width)
            if largest * per_pixel <= budget and passing <= _MOST_WORK * height * width:
                return side
        budget *= 2
    return None


def work(objective: Objective, recipe: Recipe, *, height: int, width: int) -> Work:
    """What one gradient of a picture of `height` by `width` takes, by tiles where `recipe` asks for them."""
    tile = tile_side(objective, recipe, batch=1, height=height, width=width)
    largest, passing = (height * width,) * 2 if tile is None else _passes(objective, tile, height, width)
    return Work(largest * _bytes_per_pixel(objective), passing)


def _passes(objective: Objective, tile: int, height: int, width: int) -> tuple[int, int]:
    """Pixels of the largest tile, and of all together, halos counted."""
    stride, halo = _grid(objective)
    side = math.ceil(tile / stride) * stride
    down, across = ([span.high - span.low for span in _spans(length, side, halo)] for length in (height, width))
    return max(down) * max(across), sum(down) * sum(across)


@lru_cache(maxsize=8)
def _bytes_per_pixel(objective: Objective) -> float:
    """What the gradient takes per pixel of the picture: counted on a small one."""
    device = next(objective.trunk.network.parameters()).device
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    probe = torch.zeros(1, 3, _PROBE, _PROBE, device=device, requires_grad=True)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        score = objective(probe)  # noqa: F841 - what it keeps is alive as long as it is
        weights = {weight.untyped_storage().data_ptr() for weight in objective.trunk.network.parameters()}
        total = sum(count for place, count in kept.items() if place not in weights)
    return _TRANSIENT * total / _PROBE**2


def _whole(objective: Objective, images: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        leaf = images.detach().requires_grad_()
        scores = objective(leaf)
        # Scores do not mix images, so the gradient of their sum is that of each.
        (gradient,) = torch.autograd.grad(scores.sum(), leaf)
    return scores.detach(), gradient


def _of_tile(objective: Objective, images: Tensor, down: _Span, across: _Span) -> tuple[Tensor, Tensor]:
    """What the core of one tile adds to the scores, and to the gradient at the tile."""
    part = images[:, :, down.low : down.high, across.low : across.high].clone().requires_grad_()
    whole = (images.shape[2], images.shape[3])
    with torch.enable_grad():
        activations = objective.trunk(part)
        terms = [
            _share(term, activations[term.node], objective.trunk.reaches[term.node].stride, down, across, whole)
            for term in objective.terms
        ]
        score = torch.stack(terms).sum(0)
        (back,) = torch.autograd.grad(score.sum(), part)
    return score.detach(), back


def _grid(objective: Objective) -> tuple[int, int]:
    """Multiple at which tiles start, and width of their halo, in pixels."""
    if why := _why_whole(objective):
        raise ModelError(f"a layer of the dream {why}, so there are no tiles: set tile to none")
    reaches = [objective.trunk.reaches[term.node] for term in objective.terms]
    stride = max(reach.stride for reach in reaches)
    return stride, math.ceil((max(reach.field for reach in reaches) - 1) / 2 / stride) * stride


def _why_whole(objective: Objective) -> str:
    """What keeps the layers of `objective` from being computed by parts; nothing where they may."""
    reaches = [objective.trunk.reaches[term.node] for term in objective.terms]
    if any(math.isinf(reach.field) for reach in reaches):
        return "looks at the whole picture"
    return "" if all(reach.fits_tiles for reach in reaches) else "loses its borders"


def _spans(length: int, side: int, halo: int) -> Iterator[_Span]:
    for start in range(0, length, side):
        stop = min(start + side, length)
        yield _Span(max(0, start - halo), start, stop, min(length, stop + halo))


def _share(term: Term, activations: Tensor, stride: int, down: _Span, across: _Span, whole: tuple[int, int]) -> Tensor:
    """What the positions of the core add to `term`: (batch,)."""
    rows, columns = (
        slice(-(-(span.start - span.low) // stride), -(-(span.stop - span.low) // stride)) for span in (down, across)
    )
    scores = term.score(activations)[:, rows, columns]
    height, width = (-(-length // stride) for length in whole)
    if term.position is None:
        return term.weight * scores.flatten(1).sum(1) / (height * width)
    row, column = term.place(height, width)
    row, column = row - down.start // stride, column - across.start // stride
    inside = 0 <= row < scores.shape[1] and 0 <= column < scores.shape[2]
    return term.weight * scores[:, row, column] if inside else 0 * scores.flatten(1).sum(1)
