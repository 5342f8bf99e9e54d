"""From gradient to step: each filter against what it says of itself, in double precision where rounding would blur."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from nightmare.dream.engine import dream
from nightmare.dream.filters import direction, flattening
from nightmare.dream.recipe import Recipe
from nightmare.train.model import Model

SETTINGS = [
    {},
    {"smoothing": 1.5},
    {"laplacian": 4},
    {"parametrisation": "fourier"},
    {"headroom": 0.2},
    {"smoothing": 0.7, "laplacian": 3, "parametrisation": "fourier", "headroom": 0.1},
]


def noise(height: int = 41, width: int = 56) -> Tensor:
    """Three gradients of one kind and very different sizes."""
    values = torch.randn(3, 3, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return values * torch.tensor([1e-9, 1.0, 1e6], dtype=torch.float64)[:, None, None, None]


def step(gradient: Tensor, images: Tensor | None = None, **settings: object) -> Tensor:
    photos = torch.full_like(gradient, 0.5) if images is None else images
    return direction(gradient.clone(), photos, Recipe.checked({"smoothing": 0.0} | settings))


def ring_powers(images: Tensor) -> Tensor:
    """Mean power per frequency in octave-wide rings, the finest first: (batch, rings)."""
    height, width = images.shape[2:]
    frequency = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    power = torch.fft.rfft2(images).abs().square().sum(1)
    rings = [(frequency > 0.5 ** (ring + 1.5)) & (frequency <= 0.5 ** (ring + 0.5)) for ring in range(4)]
    return torch.stack([power[:, ring].mean(1) for ring in rings], dim=1)


def fine_share(images: Tensor) -> Tensor:
    powers = ring_powers(images)
    return powers[:, 0] / powers.sum(1)


def variation(images: Tensor) -> Tensor:
    """Smoothed total variation per image, written with plain slices and borders that go on flat."""
    down, across = torch.zeros_like(images), torch.zeros_like(images)
    down[:, :, :-1] = images[:, :, 1:] - images[:, :, :-1]
    across[:, :, :, :-1] = images[:, :, :, 1:] - images[:, :, :, :-1]
    return (down**2 + across**2 + 1 / 255**2).sqrt().sum((1, 2, 3))


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_mean_change_is_one_for_each_image(settings: dict) -> None:
    images = torch.rand(3, 3, 41, 56, dtype=torch.float64)
    means = step(noise(), images, **settings).abs().mean((1, 2, 3))
    torch.testing.assert_close(means, torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_batch_equals_its_images_one_by_one(settings: dict) -> None:
    gradient, images = noise() * torch.rand(3, 3, 41, 56), torch.rand(3, 3, 41, 56, dtype=torch.float64)
    together = step(gradient, images, **settings)
    alone = [step(gradient[i : i + 1], images[i : i + 1], **settings) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_size_of_a_gradient_does_not_matter(settings: dict) -> None:
    gradient = noise()[1:2].float()
    torch.testing.assert_close(step(gradient * 1e-15, **settings), step(gradient, **settings), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_order_of_values_in_memory_does_not_matter(settings: dict) -> None:
    gradient, images = noise(), torch.rand(3, 3, 41, 56, dtype=torch.float64)
    other = gradient.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(step(other, images, **settings), step(gradient, images, **settings))


def test_no_gradient_is_no_step() -> None:
    assert torch.equal(step(torch.zeros(1, 3, 40, 40), **SETTINGS[-1]), torch.zeros(1, 3, 40, 40))


@pytest.mark.parametrize("smoothing", [2.0, 6.0])
def test_smoothing_is_the_mean_of_three_gaussians_that_wrap_round(smoothing: float) -> None:
    gradient = noise(48, 75)[1:2]
    blurred = [
        gaussian_filter(gradient.numpy(), factor * smoothing, axes=(2, 3), mode="wrap", truncate=6)
        for factor in (0.5, 1, 2)
    ]
    expected = np.mean(blurred, axis=0)
    got = step(gradient, smoothing=smoothing).numpy()
    # A Gaussian of one pixel, sampled and cut as scipy has it, is itself a hundredth off.
    assert abs(got - expected / abs(expected).mean()).max() < (1e-4 if smoothing > 5 else 3e-2)


def test_more_smoothing_leaves_less_of_the_finest() -> None:
    shares = torch.stack([fine_share(step(noise(), smoothing=deviation)) for deviation in (0.0, 0.5, 1.0, 2.0)])
    assert (shares.diff(dim=0) < 0).all()
    assert (shares[-1] < 0.1 * shares[0]).all()


@pytest.mark.parametrize("steepness", [3.0, -3.0])
def test_laplacian_brings_the_bands_to_one_energy(steepness: float) -> None:
    frequency = torch.hypot(torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(96)[None]).clamp_min(1 / 96)
    colored = torch.fft.irfft2(torch.fft.rfft2(noise(64, 96)) * frequency**-steepness, s=(64, 96))
    before, after = (ring_powers(images) for images in (colored, step(colored, laplacian=5)))
    assert (before.amax(1) / before.amin(1) > 1e3).all()
    assert (after.amax(1) / after.amin(1) < 6).all()


@pytest.mark.parametrize("bands", [1, 6, 10])
def test_as_many_bands_as_a_recipe_may_ask_for_in_the_smallest_octave(bands: int) -> None:
    assert step(noise(32, 32), laplacian=bands).isfinite().all()


def test_fourier_goes_towards_coarse_and_grey() -> None:
    plain, fourier = step(noise()), step(noise(), parametrisation="fourier")
    grey = [(images.mean(1).square().sum((1, 2)) * 3) / images.square().sum((1, 2, 3)) for images in (plain, fourier)]
    # Of three equal axes one is grey; with deviations of 1, 0.3 and 0.15 it has 90 % of the energy.
    assert (grey[0] < 0.4).all()
    assert (grey[1] > 0.85).all()
    assert (fine_share(fourier) < 0.2 * fine_share(plain)).all()
    powers = ring_powers(fourier)
    assert (powers.diff(dim=1) > 0).all()


def test_headroom_slows_what_goes_to_black_or_white_and_nothing_that_leaves() -> None:
    images = torch.tensor([0.04, 0.5, 0.96], dtype=torch.float64).expand(1, 3, 2, 3)
    gradient = torch.tensor([1.0, -1.0], dtype=torch.float64)[:, None].expand(1, 3, 2, 3)
    (up, down), _, _ = step(gradient, images, headroom=0.2)[0].abs()
    assert up[2] < 0.25 * up[1]
    assert up[0] > up[1]
    torch.testing.assert_close(down, up.flip(0))
    torch.testing.assert_close(up[2] / up[1], torch.tensor((0.04 / 0.24) / (0.5 / 0.7), dtype=torch.float64))


def test_headroom_leaves_alone_what_lies_beyond_black_and_white() -> None:
    """Octaves end there before a step clips them; just beyond, a share of the room would have a pole."""
    images = torch.tensor([0.5, 1.199, 1.4, -0.199], dtype=torch.float64).expand(1, 3, 2, 4)
    steps = step(torch.ones(1, 3, 2, 4, dtype=torch.float64), images, headroom=0.2)[0, 0, 0]
    assert steps[1] == steps[2] == 0
    down = step(-torch.ones(1, 3, 2, 4, dtype=torch.float64), images, headroom=0.2)[0, 0, 0]
    assert down[3] == 0
    assert steps[0] > 0 > down[0]


def test_headroom_clips_less_of_a_dream(model: Model, photos: Tensor) -> None:
    recipe = Recipe(layers={"layer2": 1.0}, octaves=1, iterations=10, step_size=0.02, strength=1.0)
    inner = 0.1 + 0.8 * photos
    shares = []
    for headroom in (0.0, 0.3):
        dreamt = dream(model, inner, recipe.model_copy(update={"headroom": headroom}), names="abc")
        shares.append(((dreamt == 0) | (dreamt == 1)).double().mean((1, 2, 3)))
    assert (shares[0] > 0.02).all()
    assert (shares[1] < 0.25 * shares[0]).all()


def test_flattening_is_the_way_down_of_the_total_variation() -> None:
    images = torch.rand(2, 3, 13, 18, dtype=torch.float64).requires_grad_()
    (expected,) = torch.autograd.grad(-variation(images).sum(), images)
    torch.testing.assert_close(flattening(images.detach()), expected, rtol=1e-9, atol=1e-9)


def test_a_weight_on_the_total_variation_flattens_the_dream(model: Model, photos: Tensor) -> None:
    recipe = Recipe(layers={"layer2": 1.0}, octaves=1, iterations=6, strength=1.0, smoothing=0.0)
    plain, flat = (
        dream(model, photos, recipe.model_copy(update={"total_variation": weight}), names="abc")
        for weight in (0.0, 1.0)
    )
    assert (variation(flat) < 0.8 * variation(plain)).all()
