"""What a dream did to its photo, in numbers."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from skimage.metrics import structural_similarity
from torch import Tensor

from nightmare.dream.engine import LUMINANCE, to_tensor
from nightmare.dream.objectives import build_objectives
from nightmare.dream.recipe import Recipe
from nightmare.train.model import Model
from nightmare.train.network import normalise

__all__ = [
    "ClassBias",
    "Measures",
    "activation_gain",
    "class_bias",
    "class_probabilities",
    "clipped_share",
    "darkening",
    "distance",
    "measure_dream",
    "similarity",
    "structure",
]

_SSIM_WINDOW = 7
# Longer side beyond which measures look at a smaller copy: what a network or SSIM keeps of 12 megapixels is 3 GB.
_LONGEST = 1024
# Wavelengths in pixels at which bands of structure meet.
_BANDS = (8, 32)


@dataclass(frozen=True)
class Measures:
    """The measures of one dream; each is defined by the function of its name in this module.

    `class_before` and `class_after` are the most probable classes of photo and dream, `dreamt_class` the one whose
    probability grew most.
    """

    activation_gain: float
    darkening: float
    clipped_share: float
    distance: float
    similarity: float
    structure_fine: float
    structure_middle: float
    structure_coarse: float
    class_shift: float
    class_before: str
    class_after: str
    dreamt_class: str


@dataclass(frozen=True)
class ClassBias:
    """Over a batch: entropy of the classes dreamt of, 0 (always one) to 1 (evenly), and the largest share of one."""

    entropy: float
    largest_share: float


def measure_dream(
    model: Model, photo: Image.Image, dreamt: Image.Image, recipe: Recipe, *, guides: Sequence[Image.Image] = ()
) -> Measures:
    """All measures of `dreamt`, which `recipe` made of `photo`; pictures of one size, as they are saved.

    Whatever is larger is measured at a longer side of 1,024 pixels, its clipped share aside.
    """
    clipped = clipped_share(dreamt)
    if max(photo.size) > _LONGEST:
        photo, dreamt = (ImageOps.contain(picture, (_LONGEST, _LONGEST)) for picture in (photo, dreamt))
    before, after = (class_probabilities(model, picture) for picture in (photo, dreamt))
    classes = model.card.classes
    fine, middle, coarse = structure(photo, dreamt)
    return Measures(
        activation_gain=activation_gain(model, photo, dreamt, recipe, guides=guides),
        darkening=darkening(photo, dreamt),
        clipped_share=clipped,
        distance=distance(photo, dreamt),
        similarity=similarity(photo, dreamt),
        structure_fine=fine,
        structure_middle=middle,
        structure_coarse=coarse,
        class_shift=float((after - before).abs().sum() / 2),
        class_before=classes[int(before.argmax())],
        class_after=classes[int(after.argmax())],
        dreamt_class=classes[int((after - before).argmax())],
    )


@torch.no_grad()
def activation_gain(
    model: Model, photo: Image.Image, dreamt: Image.Image, recipe: Recipe, *, guides: Sequence[Image.Image] = ()
) -> float:
    """How often the objective after the dream holds the objective before, at full resolution; 1 is no dream.

    Of the energy it is the plain ratio, meant for positive weights. A logit has no zero to start from: of a class it
    is the ratio of its probabilities. Infinite where there was nothing before.
    """
    if recipe.target_class is not None:
        index = model.card.classes.index(recipe.target_class)
        before, after = (float(class_probabilities(model, picture)[index]) for picture in (photo, dreamt))
    else:
        shown = [_on_device(model, guide) for guide in guides]
        areas = build_objectives(model, recipe, guides=shown)
        before, after = (
            sum(float(objective(_on_device(model, picture))) for objective in areas) for picture in (photo, dreamt)
        )
    if before > 0:
        return after / before
    return 1.0 if after == before else math.inf


@torch.no_grad()
def class_probabilities(model: Model, picture: Image.Image) -> Tensor:
    """Probability of each class of the model, for the picture at its own size."""
    return model.network(normalise(_on_device(model, picture)))[0].softmax(0).cpu()


def darkening(photo: Image.Image, dreamt: Image.Image) -> float:
    """Mean luminance of the dream minus that of the photo, -1 to 1: below zero, the dream is darker."""
    before, after = (float((_unit(picture) @ np.array(LUMINANCE)).mean()) for picture in (photo, dreamt))
    return after - before


def clipped_share(dreamt: Image.Image) -> float:
    """Share of the values (three per pixel) at an end of their range."""
    values = np.asarray(dreamt.convert("RGB"))
    return float(((values == 0) | (values == 255)).mean())


def distance(photo: Image.Image, dreamt: Image.Image) -> float:
    """Mean absolute difference of the values, of the range 0 to 1."""
    return float(np.abs(_unit(dreamt) - _unit(photo)).mean())


def similarity(photo: Image.Image, dreamt: Image.Image) -> float:
    """SSIM (Wang et al. 2004) of the colours, 1 for equal pictures."""
    shorter = min(photo.size)
    window = min(_SSIM_WINDOW, shorter - 1 + shorter % 2)
    similarity_of: Callable[..., float] = structural_similarity  # which has no types
    return float(similarity_of(_unit(photo), _unit(dreamt), channel_axis=2, data_range=1.0, win_size=window))


def structure(photo: Image.Image, dreamt: Image.Image) -> tuple[float, float, float]:
    """Shares of the energy of the change of luminance in details below 8, from 8 to 32 and above 32 pixels.

    Noise is nearly all in the first, forms that an eye can follow are in the other two. All 0 without a change.
    """
    change = (_unit(dreamt) - _unit(photo)) @ np.array(LUMINANCE)
    power = np.abs(np.fft.fft2(change)) ** 2
    frequency = np.hypot(np.fft.fftfreq(change.shape[0])[:, None], np.fft.fftfreq(change.shape[1])[None])
    total = float(power.sum()) or 1.0
    below, between = (float(power[frequency > 1 / wavelength].sum()) / total for wavelength in _BANDS)
    return below, between - below, float(power.sum()) / total - between


def class_bias(dreamt_classes: Sequence[str], *, class_count: int) -> ClassBias:
    """How evenly a batch spreads over the classes. Few dreams cannot reach all: as even as they can be counts as 1."""
    counts = np.array(list(Counter(dreamt_classes).values()), dtype=float)
    shares = counts / counts.sum()
    most = math.log(min(len(dreamt_classes), class_count))
    entropy = float(-(shares * np.log(shares)).sum()) / most if most else 0.0
    return ClassBias(entropy=abs(entropy), largest_share=float(shares.max()))


def _on_device(model: Model, picture: Image.Image) -> Tensor:
    return to_tensor(picture).to(next(model.network.parameters()).device)


def _unit(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"), dtype=np.float64) / 255
