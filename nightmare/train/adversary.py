"""Adversarial training: each batch is first moved, within a small ball, to where the network likes it least.

The gradients of a network that was trained so point along shapes rather than along noise, and so its dreams show its
classes (Santurkar et al. 2019, "Image Synthesis with a Single (Robust) Classifier"). One step from a random start is
enough (Wong et al. 2020, "Fast is better than free").
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nightmare.params import AdversarialParams

__all__ = ["attacked"]

# Longer than the ball is wide, so that one step from a random start ends on its surface (Wong et al. 2020).
_STRIDE = 1.25


def attacked(
    images: Tensor,
    labels: Tensor,
    logits_of: Callable[[Tensor], Tensor],
    adversarial: AdversarialParams,
    generator: torch.Generator,
) -> Tensor:
    """`images` (batch, 3, height, width) in 0 … 1, each moved by at most `epsilon` to raise its cross entropy.

    `logits_of` maps such images to logits (batch, classes). The ball is of the largest change of a value (`linf`), or
    of the Euclidean length of the change of the picture (`l2`).
    """
    epsilon, steps = adversarial.epsilon, adversarial.steps
    change = _random_start(images, adversarial, generator)
    for _ in range(steps):
        change.requires_grad_()
        loss = F.cross_entropy(logits_of(images + change), labels)
        (gradient,) = torch.autograd.grad(loss, change)
        stride = _STRIDE * epsilon / steps
        if adversarial.norm == "linf":
            change = (change.detach() + stride * gradient.sign()).clamp(-epsilon, epsilon)
        else:
            change = change.detach() + stride * gradient / _lengths(gradient)
            change = change * (epsilon / _lengths(change)).clamp(max=1)
    return (images + change).clamp(0, 1)


def _random_start(images: Tensor, adversarial: AdversarialParams, generator: torch.Generator) -> Tensor:
    """Uniform in the cube of `linf`; for `l2` any direction, of a length between nothing and epsilon."""
    if adversarial.norm == "linf":
        start = torch.rand(images.shape, generator=generator) * 2 - 1
    else:
        start = torch.randn(images.shape, generator=generator)
        start = start / _lengths(start) * torch.rand(len(images), 1, 1, 1, generator=generator)
    return start.to(images.device) * adversarial.epsilon


def _lengths(changes: Tensor) -> Tensor:
    """Euclidean length of each picture's values as (batch, 1, 1, 1), never zero."""
    return changes.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
