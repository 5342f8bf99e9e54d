"""What several tests of the studio make: a small network, a dreamer, and wishes."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nightmare.dream.engine import Step
from nightmare.dream.recipe import Recipe
from nightmare.studio.dreams import Dreamer
from nightmare.studio.library import Library
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.looks import Wish
from nightmare.studio.models import Catalogue, Network
from nightmare.studio.worker import DeviceWorker
from nightmare.train.model import Model, ModelCard
from nightmare.train.network import MEAN, STD, build_network


def small_model() -> Model:
    torch.manual_seed(0)
    card = ModelCard(
        architecture="resnet18", classes=("a", "b"), pixels=32, mean=MEAN, std=STD, dataset="0" * 16, parameters={}
    )
    return Model(build_network("resnet18", 2).eval().requires_grad_(False), card, "0" * 64)


def dreamer(model: Model, worker: DeviceWorker, *, steps: Any = None, limits: Limits = LIMITS) -> Dreamer:
    catalogue = Catalogue([Network("small", "small", lambda: model)])
    return Dreamer(catalogue, worker, Library(limits=limits), limits=limits, steps=steps)


def wish(photo: str, **changes: Any) -> Wish:
    settings: dict[str, Any] = {
        "photo": photo,
        "stage": 3,
        "octaves": 2,
        "iterations": 2,
        "octave_scale": 1.4,
        "step_size": 0.02,
        "jitter": 4,
        "side": 224,
    }
    return Wish.checked(settings | changes)


def brightening(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
    """Steps that cost nothing."""
    for octave in range(recipe.octaves):
        for iteration in range(recipe.iterations_of(octave)):
            images = (images + 0.01).clamp(0, 1)
            yield Step(octave, iteration, images, torch.zeros(1))
