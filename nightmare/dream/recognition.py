"""Does a dream show its class? Dreams of every class, from noise and from photos, put before a network of other images.

The dreaming network is sure of its own dreams, always; a stranger recognises only what looks like the class.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from nightmare.data.canvases import Canvas
from nightmare.dream.engine import dream, resized, to_picture, to_tensor
from nightmare.dream.recipe import Recipe
from nightmare.errors import InputError, ModelError
from nightmare.progress import progress_bar
from nightmare.seeds import derived_seed
from nightmare.sheets import contact_sheet
from nightmare.train.model import Model
from nightmare.train.network import normalise

__all__ = ["Recognition", "judged", "noise", "portrait_sheet", "portraits", "recognition", "starting_points"]

_NOISE_SIDES = (4, 8, 16, 32)
_NOISE_CONTRAST = 0.06


@dataclass(frozen=True)
class Recognition:
    """Share of dreams that the judge gives the class that was dreamt of, 0 … 1, over all and per class."""

    share: float
    classes: dict[str, float]
    n: int

    @property
    def error(self) -> float:
        """Standard error of `share` as if its classes, two or more, were a sample of classes: dreams of one class are
        alike, so that `n` of them are no `n` observations."""
        return float(np.std(list(self.classes.values()), ddof=1) / np.sqrt(len(self.classes)))


def noise(count: int, pixels: int, *, seed: int) -> Tensor:
    """Grey clouds with a little colour, RGB (count, 3, pixels, pixels) in 0 … 1: they show nothing."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "noise"))
    clouds = torch.full((count, 3, pixels, pixels), 0.5)
    for side in _NOISE_SIDES:
        coarse = torch.randn(count, 3, side, side, generator=generator)
        clouds += _NOISE_CONTRAST * F.interpolate(coarse, size=(pixels, pixels), mode="bicubic")
    return clouds.clamp(0, 1)


def starting_points(canvases: Sequence[Canvas], *, count: int, pixels: int, seed: int) -> tuple[Tensor, Tensor]:
    """`count` squares of noise, and the centre squares of the first `count` canvases; RGB batches in 0 … 1.

    Raises `InputError` where there are fewer canvases.
    """
    if len(canvases) < count:
        raise InputError(
            f"portraits ask for {count} photos and there are {len(canvases)}: bring more, or ask for fewer"
        )
    squares = [
        to_tensor(ImageOps.fit(canvas.image, (pixels, pixels), Image.Resampling.LANCZOS)) for canvas in canvases[:count]
    ]
    return noise(count, pixels, seed=seed), torch.cat(squares)


def portraits(model: Model, starts: Tensor, recipe: Recipe) -> Tensor:
    """A dream of each class of `model` from each of `starts` (n, 3, side, side): (classes, n, 3, side, side)."""
    device = next(model.network.parameters()).device
    names = [f"start {number}" for number in range(len(starts))]
    dreams = []
    with progress_bar(label="portraits", unit="class", total=len(model.card.classes)) as bar:
        for name in model.card.classes:
            of_class = recipe.model_copy(update={"objective": f"class:{name}"})
            dreams.append(dream(model, starts.to(device), of_class, names=names).cpu())
            bar.update()
    return torch.stack(dreams)


@torch.no_grad()
def recognition(judge: Model, dreams: Tensor, classes: Sequence[str]) -> Recognition:
    """What `judge` says of `dreams` (classes, n, 3, side, side), seen at the size that it was trained on.

    Raises `ModelError` for a judge of other classes.
    """
    if tuple(judge.card.classes) != tuple(classes):
        raise ModelError("the judge knows other classes than the dreaming network: train both on one data set version")
    pictures = resized(dreams.flatten(0, 1), (judge.card.pixels, judge.card.pixels))
    device = next(judge.network.parameters()).device
    seen = judge.network(normalise(pictures.to(device))).argmax(1).cpu().view(dreams.shape[:2]).numpy()
    right = seen == np.arange(len(classes))[:, None]
    shares = right.mean(axis=1)
    return Recognition(float(right.mean()), dict(zip(classes, map(float, shares), strict=True)), int(right.size))


@torch.no_grad()
def judged(judge: Model, pictures: Iterable[Image.Image]) -> list[str]:
    """The class that `judge` sees in the middle square of each of `pictures`, at the size that it was trained on."""
    side, device = judge.card.pixels, next(judge.network.parameters()).device
    seen = []
    for picture in pictures:
        square = ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
        seen.append(judge.card.classes[int(judge.network(normalise(to_tensor(square).to(device))).argmax())])
    return seen


def portrait_sheet(dreams: Tensor, recognised: Recognition, *, cell: int, title: str) -> Image.Image:
    """Each class in a row of its own, under its name and the share that the judge recognised."""
    pictures, captions = [], []
    for name, row in zip(recognised.classes, dreams, strict=True):
        pictures += [to_picture(image) for image in row]
        captions += [f"{name.replace('_', ' ')}\n{recognised.classes[name]:.0%}", *[""] * (len(row) - 1)]
    return contact_sheet(pictures, captions, columns=dreams.shape[1], cell=cell, title=title)
