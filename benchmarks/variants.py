"""Trainings that `benchmarks.learning` compares: what is changed, and for how many epochs it then trains."""

import math
from dataclasses import dataclass
from typing import Any

from benchmarks.adversaries import USUAL, Adversary, others
from nightmare.params import Params, RobustParams, TrainParams, overridden

# What each step of an adversary adds to a training step, in plain ones: 0.57 to 0.69 in
# history/training-architectures.csv. A running average adds 0.03 or 0.04 and is left out of account.
ADVERSARY = 0.6
# A step of an EfficientNet at 96 pixels in those of a ResNet-18 at 64: 1.58 there, and 2.55 at 128 pixels, of which the
# area of the pictures makes 2.67.
EFFICIENTNET = 1.5


def accuracy_variants(params: Params) -> dict[str, Params]:
    """Trainings that differ from that of `params`, the first, in what their names say."""
    train, pixels = params.train, params.model.pixels
    changes: dict[str, dict[str, Any]] = {
        "default": {},
        "no colour jitter": {"color_jitter": 0.0},
        "full size throughout": {"first_pixels": pixels},
        "averaging 0.99": {"averaging": 0.99},
        "balance 0": {"balance": 0.0},
        "balance 1": {"balance": 1.0},
        "no label smoothing": {"label_smoothing": 0.0},
        "half the epochs": {"epochs": math.ceil(train.epochs / 2)},
        "usual recipe": {"color_jitter": 0.0, "first_pixels": pixels, "label_smoothing": 0.0, "balance": 0.0},
    }
    variants = {
        name: _with(params, TrainParams.model_validate({**train.model_dump(), **change}))
        for name, change in changes.items()
    }
    for pixels in (64, 96):
        starting = params.robust.model_copy(update={"pixels": pixels, "epochs": math.ceil(train.epochs / 2)})
        unmoved = RobustParams.model_validate({**starting.model_dump(), **_against("l2", 0.0)})
        variants[f"efficientnet at {pixels}, half the epochs"] = overridden(params, unmoved, pretrained="imagenet")
    return variants


@dataclass(frozen=True)
class Variant:
    """A training under `params`, whose `adversary` is the library's where none is named."""

    params: Params
    adversary: Adversary = USUAL


def dream_variants(params: Params) -> dict[str, Variant]:
    """Trainings that take as long as that of the dreaming network, the first, with another adversary or none.

    ResNets go on from one that has learnt the images already; the others begin with what ImageNet has taught.
    """
    resnet = {"network": "resnet", "pixels": params.model.pixels, "learning_rate": 1e-3}
    changes: dict[str, dict[str, Any]] = {
        "default": {},
        "last weights": {"averaging": 0.0},
        "efficientnet, plain": _against("l2", 0.0),
        "efficientnet, l2 1.0": _against("l2", 1.0),
        "efficientnet, l2 2.0": _against("l2", 2.0),
        "efficientnet, linf 4/255": _against("linf", 4 / 255),
        "efficientnet, linf 8/255": _against("linf", 8 / 255),
        "resnet, plain": {**resnet, **_against("l2", 0.0)},
        "resnet, l2 0.5": {**resnet, **_against("l2", 0.5)},
        "resnet, l2 1.0": {**resnet, **_against("l2", 1.0)},
        "resnet, linf 4/255": {**resnet, **_against("linf", 4 / 255)},
    }
    variants = {name: _equally_long(params, change) for name, change in changes.items()}
    plain = variants["resnet, plain"].params
    for name, setting in (("wild colours", {"color_jitter": 0.8}), ("even classes", {"balance": 1.0})):
        variants[f"resnet, plain, {name}"] = Variant(_with(plain, plain.train.model_copy(update=setting)))
    for adversary in others(params.seed, params.robust.epochs):
        variants[f"adversary: {adversary.name}"] = _equally_long(params, {}, adversary)
    return variants


def _equally_long(params: Params, change: dict[str, Any], adversary: Adversary = USUAL) -> Variant:
    robust = RobustParams.model_validate({**params.robust.model_dump(), **change})
    epochs = equal_epochs(robust, params.robust, adversary)
    changed = robust.model_copy(update={"epochs": epochs})
    return Variant(overridden(params, changed, pretrained="imagenet"), adversary)


def equal_epochs(robust: RobustParams, reference: RobustParams, adversary: Adversary = USUAL) -> int:
    """How many epochs of `robust` against `adversary` take as long as all of `reference` against the library's."""
    return max(1, round(reference.epochs * _cost(reference, USUAL) / _cost(robust, adversary)))


def _against(norm: str, epsilon: float) -> dict[str, Any]:
    return {"adversarial": {"norm": norm, "epsilon": epsilon, "steps": 1}}


def _cost(robust: RobustParams, adversary: Adversary) -> float:
    """Time of a step in plain ones of a ResNet-18 at 64 pixels; that it grows with the area of a picture is assumed."""
    plain = (robust.pixels / 64) ** 2 if robust.network == "resnet" else EFFICIENTNET * (robust.pixels / 96) ** 2
    searching = ADVERSARY * adversary.cost * robust.adversarial.steps if robust.adversarial.epsilon else 0.0
    return plain * (1 + searching)


def _with(params: Params, train: TrainParams) -> Params:
    return params.model_copy(update={"train": train})
