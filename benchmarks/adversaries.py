"""Adversaries beside the library's, for `benchmarks.learning dreams`: some that cost less, and one that grows.

Each takes what `nightmare.train.adversary.attacked` takes, and gives what it gives.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nightmare.params import AdversarialParams
from nightmare.seeds import derived_seed
from nightmare.train import loop
from nightmare.train.adversary import attacked

_MOST_BATCHES = 1000  # of an epoch

Logits = Callable[[Tensor], Tensor]
Attack = Callable[[Tensor, Tensor, Logits, AdversarialParams, torch.Generator], Tensor]


@dataclass(frozen=True)
class Adversary:
    """An `attack` called `name`, whose search takes `cost` of what the library's takes."""

    name: str
    attack: Attack
    cost: float


USUAL = Adversary("usual", attacked, cost=1.0)


def fought_by(adversary: Adversary) -> AbstractContextManager[object]:
    """Within it, the library's trainings meet `adversary` instead of their own."""
    return mock.patch.object(loop, "attacked", adversary.attack)


def every_other_batch(
    images: Tensor, labels: Tensor, logits_of: Logits, adversarial: AdversarialParams, generator: torch.Generator
) -> Tensor:
    """Half of the batches, drawn by chance, are left as they are."""
    if torch.rand((), generator=generator) < 0.5:
        return images
    return attacked(images, labels, logits_of, adversarial, generator)


def at_rest(
    images: Tensor, labels: Tensor, logits_of: Logits, adversarial: AdversarialParams, generator: torch.Generator
) -> Tensor:
    """The network is met as it will be used: with running statistics, which the search leaves alone."""
    network = _network(logits_of).eval()
    try:
        return attacked(images, labels, logits_of, adversarial, generator)
    finally:
        network.train()


def at_half_size(
    images: Tensor, labels: Tensor, logits_of: Logits, adversarial: AdversarialParams, generator: torch.Generator
) -> Tensor:
    """The change is found on pictures of half the side, in blocks of two by two values, each moved alike.

    For `linf`, whose ball is as wide for blocks as for values. The network is at rest meanwhile: statistics of small
    pictures would spoil those of large ones.
    """
    small = F.avg_pool2d(images, 2)
    change = at_rest(small, labels, logits_of, adversarial, generator) - small
    return (images + F.interpolate(change, size=images.shape[-2:])).clamp(0, 1)


@dataclass(frozen=True)
class Growing:
    """An epsilon that grows over the first half of the epochs.

    `train_network` tells an attack no epoch, but draws from a generator of each batch whose seed does.
    """

    seed: int
    epochs: int

    def __call__(
        self,
        images: Tensor,
        labels: Tensor,
        logits_of: Logits,
        adversarial: AdversarialParams,
        generator: torch.Generator,
    ) -> Tensor:
        epoch = self._epochs[generator.initial_seed()]
        share = min(1.0, (epoch + 1) / (self.epochs / 2))
        weaker = adversarial.model_copy(update={"epsilon": share * adversarial.epsilon})
        return attacked(images, labels, logits_of, weaker, generator)

    @cached_property
    def _epochs(self) -> dict[int, int]:
        return {
            derived_seed(self.seed, "batch", epoch, batch): epoch
            for epoch in range(self.epochs)
            for batch in range(_MOST_BATCHES)
        }


def _network(logits_of: Logits) -> nn.Module:
    """The one that the training loop has bound to the function of its logits."""
    match logits_of:
        case partial(args=(nn.Module() as network,)):
            return network
    raise TypeError(f"the network cannot be told from {logits_of}")


def others(seed: int, epochs: int) -> tuple[Adversary, ...]:
    """All of this module, for a training of `seed` and `epochs`."""
    return (
        Adversary("every other batch", every_other_batch, cost=1 / 2),
        # A quarter of the values, each as much work.
        Adversary("half the side", at_half_size, cost=1 / 4),
        Adversary("network at rest", at_rest, cost=1.0),
        Adversary("growing epsilon", Growing(seed, epochs), cost=1.0),
    )
