"""The adversaries of the benchmark stay within their ball, and differ in what they say."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from benchmarks.adversaries import (
    Adversary,
    Growing,
    at_half_size,
    at_rest,
    every_other_batch,
    fought_by,
    others,
)
from nightmare.params import AdversarialParams
from nightmare.seeds import derived_seed
from nightmare.train import loop
from nightmare.train.adversary import attacked

BALL = AdversarialParams(norm="linf", epsilon=0.1, steps=1)
IMAGES = torch.full((4, 3, 8, 8), 0.5)
LABELS = torch.tensor([0, 1, 0, 1])


class Watched(nn.Module):
    """Logits of pictures of any size; notes what it was shown, and whether it was training."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.fc = nn.BatchNorm2d(3), nn.Linear(3, 2)
        self.shown: list[tuple[int, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shown.append((images.shape[-1], self.training))
        logits: Tensor = self.fc(self.norm(images).square().mean(dim=(2, 3)))
        return logits


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    logits: Tensor = network(images)
    return logits


@pytest.fixture
def network() -> Watched:
    return Watched().train()


@pytest.fixture
def logits_of(network: Watched) -> Callable[[Tensor], Tensor]:
    return partial(_logits, network)


def _generator(*, epoch: int = 0, batch: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(derived_seed(7, "batch", epoch, batch))


@pytest.mark.parametrize("adversary", others(7, 8), ids=lambda adversary: adversary.name)
def test_no_value_moves_farther_than_epsilon(adversary: Adversary, logits_of: Callable[[Tensor], Tensor]) -> None:
    changes = [
        (adversary.attack(IMAGES, LABELS, logits_of, BALL, _generator(epoch=7, batch=batch)) - IMAGES).abs().max()
        for batch in range(20)
    ]
    assert max(changes) == pytest.approx(0.1, abs=1e-6)


def test_half_of_the_batches_are_left_alone(logits_of: Callable[[Tensor], Tensor]) -> None:
    moved = [
        not torch.equal(every_other_batch(IMAGES, LABELS, logits_of, BALL, _generator(batch=batch)), IMAGES)
        for batch in range(400)
    ]
    assert 0.4 < sum(moved) / len(moved) < 0.6


@pytest.mark.parametrize("attack", [at_rest, at_half_size])
def test_a_network_at_rest_learns_no_statistics_and_trains_on(
    attack: Callable[..., Tensor], network: Watched, logits_of: Callable[[Tensor], Tensor]
) -> None:
    before = network.norm.running_mean.clone()
    attack(IMAGES, LABELS, logits_of, BALL, _generator())
    assert torch.equal(network.norm.running_mean, before)
    assert network.training
    assert network.shown == [(8 if attack is at_rest else 4, False)]


def test_half_the_side_moves_blocks(logits_of: Callable[[Tensor], Tensor]) -> None:
    change = at_half_size(IMAGES, LABELS, logits_of, BALL, _generator()) - IMAGES
    blocks = change.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    assert torch.equal(blocks, blocks[..., :1].expand_as(blocks))
    assert change.std() > 0


def test_epsilon_grows_with_the_epochs_and_is_whole_from_the_middle(logits_of: Callable[[Tensor], Tensor]) -> None:
    growing = Growing(seed=7, epochs=8)
    largest = [
        float((growing(IMAGES, LABELS, logits_of, BALL, _generator(epoch=epoch, batch=3)) - IMAGES).abs().max())
        for epoch in range(8)
    ]
    assert largest == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1, 0.1], abs=1e-6)


def test_trainings_meet_another_adversary_within_and_their_own_after() -> None:
    other = others(7, 8)[0]
    with fought_by(other):
        assert loop.attacked is other.attack
    assert loop.attacked is attacked
