"""What a dream did to its photo, in numbers."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from skimage.metrics import structural_similarity
from torch import Tensor

from nightmare.dream.engine import to_tensor
from nightmare.dream.objectives import build_objective
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
]

_LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709
_SSIM_WINDOW = 7


@dataclass(frozen=True)
class Measures:
    """The measures of one dream; each is defined by the function of its name in this module.

    `dreamt_class` is the class whose probability grew most.
    """

    activation_gain: float
    darkening: float
    clipped_share: float
    distance: float
    similarity: float
    dreamt_class: str


@dataclass(frozen=True)
class ClassBias:
    """Over a batch: entropy of the classes dreamt of, 0 (always one) to 1 (evenly), and the largest share of one."""

    entropy: float
    largest_share: float


def measure_dream(model: Model, photo: Image.Image, dreamt: Image.Image, recipe: Recipe) -> Measures:
    """All measures of `dreamt`, which `recipe` made of `photo`; pictures of one size, as they are saved."""
    gains = class_probabilities(model, dreamt) - class_probabilities(model, photo)
    return Measures(
        activation_gain=activation_gain(model, photo, dreamt, recipe),
        darkening=darkening(photo, dreamt),
        clipped_share=clipped_share(dreamt),
        distance=distance(photo, dreamt),
        similarity=similarity(photo, dreamt),
        dreamt_class=model.card.classes[int(gains.argmax())],
    )


@torch.no_grad()
def activation_gain(model: Model, photo: Image.Image, dreamt: Image.Image, recipe: Recipe) -> float:
    """How often the objective after the dream holds the objective before, at full resolution; 1 is no dream.

    Of the energy it is the plain ratio, meant for positive weights. A logit has no zero to start from: of a class it
    is the ratio of its probabilities.
    """
    if recipe.target_class is not None:
        index = model.card.classes.index(recipe.target_class)
        before, after = (float(class_probabilities(model, picture)[index]) for picture in (photo, dreamt))
    else:
        energy = build_objective(model, recipe)
        before, after = (float(energy(_on_device(model, picture))) for picture in (photo, dreamt))
    return after / before if before else 1.0


@torch.no_grad()
def class_probabilities(model: Model, picture: Image.Image) -> Tensor:
    """Probability of each class of the model, for the picture at its own size."""
    return model.network(normalise(_on_device(model, picture)))[0].softmax(0).cpu()


def darkening(photo: Image.Image, dreamt: Image.Image) -> float:
    """Mean luminance of the dream minus that of the photo, -1 to 1: below zero, the dream is darker."""
    before, after = (float((_unit(picture) @ np.array(_LUMINANCE)).mean()) for picture in (photo, dreamt))
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
