"""The benchmark of free dreams compares trainings that differ in one thing, by how dark and alike dreams are."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import free
from nightmare.dream.recipe import Recipe
from nightmare.params import Params
from nightmare.train.model import Model, ModelCard
from nightmare.train.network import MEAN, STD, build_network

CLASSES = ("bars", "disc", "frogs")


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    card = ModelCard(architecture="resnet18", classes=CLASSES, pixels=32, mean=MEAN, std=STD, dataset="", parameters={})
    return Model(build_network("resnet18", 3).eval().requires_grad_(False), card, sha256="")


def grey(value: int) -> Image.Image:
    return Image.new("RGB", (48, 48), (value, value, value))


def test_trainings_differ_in_one_thing(params: Params) -> None:
    train = params.train.model_copy(update={"epochs": 7})
    variants = free.trainings(params.model_copy(update={"train": train}))
    base = variants.pop("default").train
    assert base == train.model_copy(update={"epochs": 4})
    changed = {
        name: dict([pair for pair in varied.train.model_dump().items() if pair not in base.model_dump().items()])
        for name, varied in variants.items()
    }
    assert changed == {
        "no colour jitter": {"color_jitter": 0.0},
        "wild colours": {"color_jitter": 0.8},
        "balance 0": {"balance": 0.0},
        "balance 1": {"balance": 1.0},
    }
    assert all(varied.model == params.model for varied in variants.values())


@pytest.mark.parametrize("size", [(80, 60), (60, 80), (80, 30)])
def test_squares_are_of_all_corners_and_the_middle(size: tuple[int, int]) -> None:
    width, height = size
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    photo = Image.fromarray(np.stack([across, down, 0 * down], axis=2).astype(np.uint8))
    squares = [np.asarray(square) for square in free.squares_of(photo)]
    side = min(40, *size)
    assert all(square.shape == (side, side, 3) for square in squares)
    corners = [tuple(square[0, 0, :2].tolist()) for square in squares]
    right, bottom = width - side, height - side
    assert corners == [(0, 0), (right, 0), (right // 2, bottom // 2), (0, bottom), (right, bottom)]


def test_dreams_are_measured_against_their_squares(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(layers={"layer3": 1.0}, octaves=1, iterations=1)
    figures = free.measured(model, [grey(100), grey(100)], [grey(49), grey(151)], recipe)
    assert figures["n"] == 2
    assert figures["darkening"] == pytest.approx(0)
    assert figures["darkening, spread"] == pytest.approx(2**0.5 * 51 / 255)
    darker = free.measured(model, [grey(100)] * 3, [grey(49)] * 3, recipe)
    assert darker["darkening"] == pytest.approx(-51 / 255)
    assert (darker["largest class"], darker["class entropy"]) == (1, 0)
    assert darker["which"] in CLASSES


def test_every_square_is_dreamt_over(model: Model) -> None:
    recipe = Recipe(layers={"layer3": 1.0}, octaves=1, iterations=2, strength=1.0)
    squares = [grey(60), grey(200)]
    dreams = free.dreams_of(model, squares, recipe)
    assert [dreamt.size for dreamt in dreams] == [(48, 48)] * 2
    means = [np.asarray(dreamt).mean() for dreamt in dreams]
    assert means[0] < 130 < means[1], "in the order of the squares"
    assert all((np.asarray(dreamt) != np.asarray(square)).any() for dreamt, square in zip(dreams, squares, strict=True))
