"""The adversary stays within its ball, raises the loss, and training against it makes a network hold out longer."""

from functools import partial
from typing import Any

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from narrow import build_narrow
from torch import Tensor

from nightmare.data.arrays import Arrays
from nightmare.params import AdversarialParams, ModelParams, TrainParams
from nightmare.train import loop
from nightmare.train.adversary import attacked
from nightmare.train.augment import on_matte
from nightmare.train.loop import train_network
from nightmare.train.network import normalise

CLASSES = ("bars", "disc")


def linear(weights: Tensor, images: Tensor) -> Tensor:
    return images.flatten(1) @ weights


@pytest.fixture
def images() -> Tensor:
    return torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2


@pytest.fixture
def weights() -> Tensor:
    return torch.randn(3 * 8 * 8, 4, generator=torch.Generator().manual_seed(1))


def adversary(**changes: Any) -> AdversarialParams:
    return AdversarialParams(**{"norm": "linf", "epsilon": 0.1, "steps": 1} | changes)


def length(change: Tensor, norm: str) -> Tensor:
    return change.flatten(1).abs().amax(1) if norm == "linf" else change.flatten(1).norm(dim=1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("steps", [1, 5])
def test_every_picture_ends_on_the_ball_with_a_higher_loss(
    norm: str, steps: int, images: Tensor, weights: Tensor
) -> None:
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    logits_of = partial(linear, weights)
    wish = adversary(norm=norm, steps=steps)
    worse = attacked(images, labels, logits_of, wish, torch.Generator().manual_seed(2))
    reached = length(worse - images, norm)
    assert (reached <= wish.epsilon + 1e-6).all()
    assert (reached >= 0.9 * wish.epsilon).all(), "one step from a random start reaches the surface"
    before, after = (F.cross_entropy(logits_of(shown), labels, reduction="none") for shown in (images, worse))
    assert (after > before).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_step_is_up_the_gradient_from_anywhere_in_the_ball(norm: str, weights: Tensor) -> None:
    images = torch.full((200, 3, 8, 8), 0.5)
    labels = torch.arange(200) % 4
    wish, shown = adversary(norm=norm), []

    def logits_of(changed: Tensor) -> Tensor:
        shown.append(changed.detach())
        return linear(weights, changed)

    moved = attacked(images, labels, logits_of, wish, torch.Generator().manual_seed(0)) - images
    start = shown[0] - images
    assert abs(float(start.mean())) < 0.01 * wish.epsilon, "to all sides"
    spread = (start if norm == "linf" else start.flatten(1).norm(dim=1)) / wish.epsilon
    lowest = -1 if norm == "linf" else 0
    assert spread.min() == pytest.approx(lowest, abs=0.02)
    assert spread.mean() == pytest.approx((lowest + 1) / 2, abs=0.1)
    assert spread.max() == pytest.approx(1, abs=0.02)

    missed = linear(weights, shown[0]).softmax(1) - F.one_hot(labels, 4)
    gradient = (missed @ weights.T).view_as(images)
    if norm == "linf":
        expected = (start + 1.25 * wish.epsilon * gradient.sign()).clamp(-wish.epsilon, wish.epsilon)
    else:
        unit = F.normalize(gradient.flatten(1), dim=1).view_as(images)
        expected = start + 1.25 * wish.epsilon * unit
        expected *= (wish.epsilon / expected.flatten(1).norm(dim=1)).clamp(max=1).view(-1, 1, 1, 1)
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=0)


def test_pictures_stay_pictures(weights: Tensor) -> None:
    extreme = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)])
    worse = attacked(extreme, torch.tensor([0, 1]), partial(linear, weights), adversary(), torch.Generator())
    assert worse.min() >= 0
    assert worse.max() <= 1


def test_it_draws_from_the_generator_alone(images: Tensor, weights: Tensor) -> None:
    labels = torch.zeros(6, dtype=torch.long)
    one, same, other = (
        attacked(images, labels, partial(linear, weights), adversary(), torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_weights_gather_no_gradient_from_it(images: Tensor) -> None:
    layer = torch.nn.Linear(3 * 8 * 8, 4)
    attacked(
        images, torch.zeros(6, dtype=torch.long), lambda shown: layer(shown.flatten(1)), adversary(), torch.Generator()
    )
    assert layer.weight.grad is None


def test_a_network_trained_against_it_holds_out_longer(
    tiny_split: pd.DataFrame,
    tiny_arrays: Arrays,
    tiny_model: ModelParams,
    tiny_train: TrainParams,
    tiny_canvases: Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "build_network", build_narrow)
    rows = tiny_split[tiny_split["side"] != "train"]
    shown = on_matte(torch.from_numpy(tiny_arrays.rgba[tiny_arrays.rows(rows["id"])].copy()))
    labels = torch.tensor([CLASSES.index(label) for label in rows["label"]])
    attack = adversary(norm="l2", epsilon=2.0, steps=5)
    losses = {0.0: 0.0, 2.0: 0.0}
    for seed in (1, 2):  # how one training rounds may decide it
        for epsilon in losses:
            trained = train_network(
                tiny_split,
                tiny_arrays,
                classes=CLASSES,
                model=tiny_model,
                train=tiny_train.model_copy(
                    update={"epochs": 20, "adversarial": adversary(norm="l2", epsilon=epsilon, steps=1)}
                ),
                seed=seed,
                name="test",
                canvases=tiny_canvases,
            )
            network = trained.network.requires_grad_(False)
            logits_of = lambda images, network=network: network(normalise(images))  # noqa: E731
            worse = attacked(shown, labels, logits_of, attack, torch.Generator().manual_seed(0))
            losses[epsilon] += float(F.cross_entropy(logits_of(worse), labels))
    assert losses[2.0] < 0.8 * losses[0.0]
