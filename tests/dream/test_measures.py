import math

import numpy as np
import pytest
import torch
from PIL import Image

from nightmare.dream import measures
from nightmare.dream.engine import dream_pictures, to_picture
from nightmare.dream.measures import (
    activation_gain,
    class_bias,
    class_probabilities,
    clipped_share,
    darkening,
    distance,
    measure_dream,
    similarity,
    structure,
)
from nightmare.dream.recipe import Recipe
from nightmare.train.model import Model


def plain(color: tuple[int, int, int], size: tuple[int, int] = (40, 40)) -> Image.Image:
    return Image.new("RGB", size, color)


def test_darkening_is_signed_and_weighs_the_colours() -> None:
    assert darkening(plain((255, 255, 255)), plain((0, 0, 0))) == pytest.approx(-1)
    assert darkening(plain((0, 0, 0)), plain((0, 255, 0))) == pytest.approx(0.7152)
    assert darkening(plain((9, 9, 9)), plain((9, 9, 9))) == 0


def test_clipped_share_counts_both_ends_of_each_value() -> None:
    assert clipped_share(plain((0, 255, 128))) == pytest.approx(2 / 3)
    assert clipped_share(plain((1, 254, 128))) == 0


def test_distance_and_similarity() -> None:
    assert distance(plain((0, 0, 0)), plain((51, 51, 51))) == pytest.approx(0.2)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    assert similarity(noise, noise) == pytest.approx(1)
    assert similarity(noise, plain((128, 128, 128))) < 0.2


def test_similarity_of_a_sliver() -> None:
    assert similarity(plain((9, 9, 9), (40, 4)), plain((9, 9, 9), (40, 4))) == pytest.approx(1)


def test_gain_is_after_over_before(model: Model, photos: torch.Tensor) -> None:
    photo, other = to_picture(photos[0]), to_picture(photos[1])
    recipe = Recipe(layers={"layer2": 1.0})
    there = activation_gain(model, photo, other, recipe)
    assert there != 1
    assert activation_gain(model, photo, photo, recipe) == 1
    assert activation_gain(model, other, photo, recipe) == pytest.approx(1 / there)
    target = Recipe(objective="class:skull")
    probabilities = [float(class_probabilities(model, picture)[1]) for picture in (photo, other)]
    assert activation_gain(model, photo, other, target) == pytest.approx(probabilities[1] / probabilities[0])


def test_probabilities_are_those_of_the_network(model: Model, photos: torch.Tensor) -> None:
    probabilities = class_probabilities(model, to_picture(photos[0]))
    assert probabilities.shape == (3,)
    assert float(probabilities.sum()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["clown", "skull", "spider"])
def test_a_dream_of_a_class_is_recognised_as_one(model: Model, photos: torch.Tensor, name: str) -> None:
    recipe = Recipe(objective=f"class:{name}", octaves=1, iterations=15, jitter=2, smoothing=0.0, strength=1.0)
    photo = to_picture(photos[0])
    (dreamt,) = dream_pictures(model, [photo], recipe, names=["a"])
    found = measure_dream(model, photo, dreamt, recipe)
    assert found.dreamt_class == name
    assert found.activation_gain > 1
    assert found.distance > 0
    assert found.similarity < 1


def test_class_bias_from_one_class_to_all() -> None:
    always = class_bias(["worm"] * 8, class_count=10)
    assert (always.entropy, always.largest_share) == (0, 1)
    evenly = class_bias(["worm", "skull", "frog"], class_count=10)
    assert evenly.entropy == pytest.approx(1)
    assert evenly.largest_share == pytest.approx(1 / 3)
    between = class_bias(["worm", "worm", "worm", "skull"], class_count=2)
    assert between.entropy == pytest.approx(-(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)))
    assert class_bias(["worm"], class_count=10).entropy == 0


@pytest.mark.parametrize(("wavelength", "band"), [(3, 0), (16, 1), (64, 2)])
def test_structure_tells_waves_apart_by_their_length(wavelength: int, band: int) -> None:
    waves = 127 + 60 * np.cos(2 * np.pi * np.arange(192) / wavelength)
    picture = Image.fromarray(np.repeat(waves[None], 192, axis=0).round().astype(np.uint8)).convert("RGB")
    shares = structure(plain((127, 127, 127), (192, 192)), picture)
    assert shares[band] > 0.98
    assert sum(shares) == pytest.approx(1)


def test_structure_without_a_change_is_nothing() -> None:
    assert structure(plain((9, 9, 9)), plain((9, 9, 9))) == (0, 0, 0)


def test_large_pictures_are_measured_small(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[tuple[int, int]] = []
    real = measures.class_probabilities

    def watched(model: Model, picture: Image.Image) -> torch.Tensor:
        looked_at.append(picture.size)
        return real(model, picture)

    monkeypatch.setattr(measures, "class_probabilities", watched)
    monkeypatch.setattr(measures, "_LONGEST", 64)
    photo = plain((200, 100, 50), (128, 96))
    found = measure_dream(model, photo, plain((0, 100, 50), (128, 96)), Recipe(layers={"layer1": 1.0}))
    assert set(looked_at) == {(64, 48)}
    assert found.clipped_share == pytest.approx(1 / 3)


def test_class_shift_is_what_the_probabilities_moved(model: Model, photos: torch.Tensor) -> None:
    photo, dreamt = (to_picture(image) for image in photos[:2])
    before, after = (class_probabilities(model, picture) for picture in (photo, dreamt))
    found = measure_dream(model, photo, dreamt, Recipe(layers={"layer1": 1.0}))
    assert found.class_shift == pytest.approx(float((after - before).clamp_min(0).sum()), abs=1e-6)
    assert found.class_before == model.card.classes[int(before.argmax())]
    assert found.class_after == model.card.classes[int(after.argmax())]
