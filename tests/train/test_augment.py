"""Augmentation: drawings never vanish, colours stay in range, all randomness comes from the generator."""

import pytest
import torch

from nightmare.data.arrays import Arrays
from nightmare.train.augment import Augmentation, on_matte


def glyph(ink: int) -> torch.Tensor:
    rgba = torch.zeros(1, 4, 32, 32, dtype=torch.uint8)
    rgba[:, :3, 8:24, 8:24] = ink
    rgba[:, 3, 8:24, 8:24] = 255
    return rgba


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("ink", [0, 255])
def test_black_and_white_drawings_both_show_on_the_matte(ink: int) -> None:
    image = on_matte(glyph(ink))[0]
    assert abs(image[0, 16, 16] - image[0, 0, 0]) > 0.5


def test_photograph_on_the_matte_is_itself() -> None:
    rgba = torch.randint(0, 256, (2, 4, 16, 16), dtype=torch.uint8, generator=generator())
    rgba[:, 3] = 255
    assert torch.equal(on_matte(rgba), rgba[:, :3].float() / 255)


def test_half_transparent_pixel_is_half_matte() -> None:
    rgba = glyph(0)
    rgba[:, 3, 8:24, 8:24] = 51
    assert on_matte(rgba)[0, 0, 16, 16] == pytest.approx(0.9 * 0.8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ink", [0, 128, 255])
def test_no_background_swallows_a_drawing(ink: int, seed: int, tiny_canvases: torch.Tensor) -> None:
    many = glyph(ink).repeat(64, 1, 1, 1)
    images = Augmentation(0.0, tiny_canvases)(many, torch.zeros(64, dtype=torch.bool), generator(seed))
    # A drawing that vanished would leave a picture as smooth as its background: compare with the same, undrawn.
    empty = Augmentation(0.0, tiny_canvases)(many * 0, torch.zeros(64, dtype=torch.bool), generator(seed))
    inked = (images - empty).abs().amax(dim=(1, 2, 3))
    assert (inked > 0.15).all()


def test_half_the_backgrounds_are_the_matte_of_evaluation(tiny_canvases: torch.Tensor) -> None:
    many = glyph(0).repeat(256, 1, 1, 1)
    images = Augmentation(0.0, tiny_canvases)(many, torch.zeros(256, dtype=torch.bool), generator())
    corners = images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].flatten(1)
    matte = on_matte(glyph(0))[0, 0, 0, 0]
    plain = ((corners - matte).abs() < 1e-4).all(dim=1)
    assert 0.4 < plain.float().mean() < 0.6
    even = (corners.view(256, 3, 4).std(dim=2) < 1e-4).all(dim=1)
    assert 0.03 < (even & ~plain).float().mean() < 0.25, "some of the others are flat, of other colours"
    assert (~even).float().mean() > 0.2, "the rest are gradients, noise and photos"


def test_colours_stay_in_range(tiny_arrays: Arrays, tiny_canvases: torch.Tensor) -> None:
    rgba, opaque = torch.from_numpy(tiny_arrays.rgba), torch.from_numpy(tiny_arrays.opaque)
    images = Augmentation(1.0, tiny_canvases)(rgba, opaque, generator())
    assert images.shape == (40, 3, 32, 32)
    assert images.min() >= -1e-5
    assert images.max() <= 1 + 1e-5


def test_no_jitter_leaves_the_colours_of_a_photograph(tiny_canvases: torch.Tensor) -> None:
    rgba = torch.full((4, 4, 16, 16), 255, dtype=torch.uint8)
    rgba[:, :3] = torch.tensor([200, 100, 50]).view(1, 3, 1, 1)
    images = Augmentation(0.0, tiny_canvases)(rgba, torch.ones(4, dtype=torch.bool), generator())
    expected = (torch.tensor([200, 100, 50]) / 255).view(1, 3, 1, 1).expand_as(images)
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=0)
    jittered = Augmentation(1.0, tiny_canvases)(rgba, torch.ones(4, dtype=torch.bool), generator())
    assert (jittered - expected).abs().max() > 0.1


def test_same_generator_same_batch(tiny_arrays: Arrays, tiny_canvases: torch.Tensor) -> None:
    rgba, opaque = torch.from_numpy(tiny_arrays.rgba), torch.from_numpy(tiny_arrays.opaque)
    augmentation = Augmentation(0.5, tiny_canvases)
    first, second, other = (augmentation(rgba, opaque, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


# Of a photograph one sees the pose, of a photograph of one colour that colour, of an empty drawing its background.
@pytest.mark.parametrize(("alpha", "stripes", "color_jitter"), [(255, True, 0.0), (255, False, 1.0), (0, False, 0.0)])
def test_one_picture_twice_in_a_batch_varies_each_on_its_own(
    alpha: int, stripes: bool, color_jitter: float, tiny_canvases: torch.Tensor
) -> None:
    rgba = torch.tensor([200, 100, 50, alpha], dtype=torch.uint8).view(1, 4, 1, 1).repeat(2, 1, 32, 32)
    if stripes:
        rgba[:, :3, ::8] = 0
    augmentation = Augmentation(color_jitter, tiny_canvases)
    one, other = augmentation(rgba, torch.full((2,), alpha == 255), generator())
    assert (one - other).abs().mean() > 0.01
