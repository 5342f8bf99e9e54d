"""Augmentation: drawings never vanish, colours stay in range, all randomness comes from the generator."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from nightmare.data.arrays import Arrays
from nightmare.train import augment
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
    images = Augmentation(0.0, tiny_canvases)(many, torch.zeros(64, dtype=torch.bool), generator(seed), many.shape[-1])
    # A drawing that vanished would leave a picture as smooth as its background: compare with the same, undrawn.
    empty = Augmentation(0.0, tiny_canvases)(
        many * 0, torch.zeros(64, dtype=torch.bool), generator(seed), many.shape[-1]
    )
    inked = (images - empty).abs().amax(dim=(1, 2, 3))
    assert (inked > 0.15).all()


def test_half_the_backgrounds_are_the_matte_of_evaluation(tiny_canvases: torch.Tensor) -> None:
    many = glyph(0).repeat(256, 1, 1, 1)
    images = Augmentation(0.0, tiny_canvases)(many, torch.zeros(256, dtype=torch.bool), generator(), many.shape[-1])
    corners = images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].flatten(1)
    matte = on_matte(glyph(0))[0, 0, 0, 0]
    plain = ((corners - matte).abs() < 1e-4).all(dim=1)
    assert 0.4 < plain.float().mean() < 0.6
    even = (corners.view(256, 3, 4).std(dim=2) < 1e-4).all(dim=1)
    assert 0.03 < (even & ~plain).float().mean() < 0.25, "some of the others are flat, of other colours"
    assert (~even).float().mean() > 0.2, "the rest are gradients, noise and photos"


def test_colours_stay_in_range(tiny_arrays: Arrays, tiny_canvases: torch.Tensor) -> None:
    rgba, opaque = torch.from_numpy(tiny_arrays.rgba), torch.from_numpy(tiny_arrays.opaque)
    images = Augmentation(1.0, tiny_canvases)(rgba, opaque, generator(), rgba.shape[-1])
    assert images.shape == (40, 3, 32, 32)
    assert images.min() >= -1e-5
    assert images.max() <= 1 + 1e-5


def test_no_jitter_leaves_the_colours_of_a_photograph(tiny_canvases: torch.Tensor) -> None:
    rgba = torch.full((4, 4, 16, 16), 255, dtype=torch.uint8)
    rgba[:, :3] = torch.tensor([200, 100, 50]).view(1, 3, 1, 1)
    images = Augmentation(0.0, tiny_canvases)(rgba, torch.ones(4, dtype=torch.bool), generator(), rgba.shape[-1])
    expected = (torch.tensor([200, 100, 50]) / 255).view(1, 3, 1, 1).expand_as(images)
    torch.testing.assert_close(images, expected, atol=1e-4, rtol=0)
    jittered = Augmentation(1.0, tiny_canvases)(rgba, torch.ones(4, dtype=torch.bool), generator(), rgba.shape[-1])
    assert (jittered - expected).abs().max() > 0.1


def test_jitter_varies_hue_saturation_contrast_and_brightness(tiny_canvases: torch.Tensor) -> None:
    def jittered(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> torch.Tensor:
        photos = torch.full((256, 4, 32, 32), 255, dtype=torch.uint8)
        photos[:, :3, :16] = torch.tensor(upper).view(3, 1, 1)
        photos[:, :3, 16:] = torch.tensor(lower).view(3, 1, 1)
        return Augmentation(1.0, tiny_canvases)(
            photos, torch.ones(256, dtype=torch.bool), generator(), photos.shape[-1]
        )

    orange = jittered((200, 100, 50), (200, 100, 50)).mean(dim=(2, 3))
    assert set(orange.argmax(dim=1).tolist()) == {0, 1, 2}, "hue"
    dull = jittered((140, 128, 116), (140, 128, 116)).mean(dim=(2, 3))
    assert dull.std(dim=1).min() < 0.1 * 12 / 255, "saturation: contrast alone leaves a fifth"
    greys = jittered((120, 120, 120), (135, 135, 135))
    assert (greys.amax(dim=(1, 2, 3)) - greys.amin(dim=(1, 2, 3))).std() > 0.2 * 15 / 255, "contrast"
    assert greys.mean(dim=(1, 2, 3)).std() > 0.1, "brightness"


def test_some_drawings_turn_negative_and_no_photograph(tiny_canvases: torch.Tensor) -> None:
    black = torch.zeros(256, 4, 32, 32, dtype=torch.uint8)
    black[:, 3] = 255

    def white_share(opaque: bool) -> float:
        images = Augmentation(1.0, tiny_canvases)(black, torch.full((256,), opaque), generator(), black.shape[-1])
        return float((images[:, :, 16, 16].mean(dim=1) > 0.85).float().mean())  # brightness alone brings black to 0.8

    assert 0.2 < white_share(opaque=False) < 0.6
    assert white_share(opaque=True) == 0


def centres(ink: torch.Tensor) -> torch.Tensor:
    """Centres of mass (n, channels, 2) of `ink` (n, channels, side, side): across and down, each in -1 … 1."""
    side = ink.shape[-1]
    across = (2 * torch.arange(side) + 1) / side - 1
    moments = torch.stack([(ink * across).sum(dim=(2, 3)), (ink * across[:, None]).sum(dim=(2, 3))], dim=2)
    return moments / ink.sum(dim=(2, 3)).unsqueeze(2)


@pytest.fixture
def poses(tiny_canvases: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], torch.Tensor]:
    """How a batch of drawings or photos was moved: affine maps (n, 2, 3) from what came out to what went in.

    Every picture is a red, a green and a blue dot on light paper: where three dots went tells the whole map.
    """
    monkeypatch.setattr(augment, "_BACKGROUND_SHARES", (1.0, 0.0, 0.0, 0.0, 0.0))
    down, across = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    dots = [torch.hypot(down - y, across - x) < 4 for y, x in ((24, 24), (28, 40), (40, 32))]
    paper = 230 * ~torch.stack(dots).any(dim=0)
    color = torch.stack([paper + 255 * dot for dot in dots])

    def moved(opaque: bool) -> torch.Tensor:
        alpha = torch.full_like(paper, 255) if opaque else 255 * (paper == 0)
        rgba = torch.cat([color, alpha[None]]).to(torch.uint8).repeat(512, 1, 1, 1)
        images = Augmentation(0.0, tiny_canvases)(rgba, torch.full((512,), opaque), generator(), rgba.shape[-1])
        went, came = centres((images - 230 / 255).clamp(min=0)), centres(torch.stack(dots).float()[None])
        return torch.linalg.solve(F.pad(went, (0, 1), value=1), came.expand_as(went)).mT

    return moved


def test_drawings_are_mirrored_turned_zoomed_stretched_sheared_and_shifted(
    poses: Callable[[bool], torch.Tensor],
) -> None:
    pose = poses(False)
    mirror = pose[:, 0, 0].sign()
    assert 0.4 < (mirror < 0).float().mean() < 0.6
    parts = {
        "turn": pose[:, 1, 0],
        "zoom": pose[:, :, :2].det().abs(),
        "stretch": pose[:, 1, 1] / pose[:, 0, 0].abs(),
        "shear": pose[:, 0, 1] + mirror * pose[:, 1, 0],
        "shift across": pose[:, 0, 2],
        "shift down": pose[:, 1, 2],
    }
    assert not [name for name, part in parts.items() if not 0.05 < part.std() < 0.25]


def test_photographs_are_cropped_into_and_drawings_grow_and_shrink(poses: Callable[[bool], torch.Tensor]) -> None:
    photographs, drawings = (poses(opaque)[:, :, :2].det().abs() for opaque in (True, False))
    assert photographs.min() < 0.6
    assert photographs.max() < 1.05
    assert drawings.min() < 0.85
    assert drawings.max() > 1.2


def test_same_generator_same_batch(tiny_arrays: Arrays, tiny_canvases: torch.Tensor) -> None:
    rgba, opaque = torch.from_numpy(tiny_arrays.rgba), torch.from_numpy(tiny_arrays.opaque)
    augmentation = Augmentation(0.5, tiny_canvases)
    first, second, other = (augmentation(rgba, opaque, generator(seed), rgba.shape[-1]) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_small_pictures_show_the_same_as_large_ones(tiny_canvases: torch.Tensor) -> None:
    rgba = torch.zeros(64, 4, 64, 64, dtype=torch.uint8)
    rgba[:, 3] = 255
    rgba[:, :3, :, ::4] = 255  # stripes that a smaller picture cannot hold: only grey is left
    rgba[:, :3, 48:] = 0
    augmentation, opaque = Augmentation(0.0, tiny_canvases), torch.ones(64, dtype=torch.bool)
    small, full = (augmentation(rgba, opaque, generator(), pixels) for pixels in (16, 64))
    assert small.shape == (64, 3, 16, 16)
    assert (small - F.adaptive_avg_pool2d(full, 16)).abs().mean() < 0.1


def test_a_large_batch_is_varied_part_by_part_with_nothing_lost(
    monkeypatch: pytest.MonkeyPatch, tiny_canvases: torch.Tensor
) -> None:
    monkeypatch.setattr(augment, "_PIXELS_AT_ONCE", 3 * 32**2)
    rgba = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).repeat(1, 4, 32, 32) * 25
    rgba[:, 3] = 255
    images = Augmentation(0.0, tiny_canvases)(rgba, torch.arange(10) < 10, generator(), 32)
    torch.testing.assert_close(images, rgba[:, :3] / 255)
    poses: list[int] = []
    monkeypatch.setattr(augment, "_moved", lambda images, opaque, generator: poses.append(len(images)) or images)
    Augmentation(0.0, tiny_canvases)(rgba, torch.arange(10) < 10, generator(), 32)
    assert sum(poses) == 10
    assert max(poses) <= 3


# Of a photograph one sees the pose, of a photograph of one colour that colour, of an empty drawing its background.
@pytest.mark.parametrize(("alpha", "stripes", "color_jitter"), [(255, True, 0.0), (255, False, 1.0), (0, False, 0.0)])
def test_one_picture_twice_in_a_batch_varies_each_on_its_own(
    alpha: int, stripes: bool, color_jitter: float, tiny_canvases: torch.Tensor
) -> None:
    rgba = torch.tensor([200, 100, 50, alpha], dtype=torch.uint8).view(1, 4, 1, 1).repeat(2, 1, 32, 32)
    if stripes:
        rgba[:, :3, ::8] = 0
    augmentation = Augmentation(color_jitter, tiny_canvases)
    one, other = augmentation(rgba, torch.full((2,), alpha == 255), generator(), rgba.shape[-1])
    assert (one - other).abs().mean() > 0.01


def test_photographs_and_drawings_of_one_batch_are_each_treated_as_among_their_own(
    tiny_arrays: Arrays, tiny_canvases: torch.Tensor
) -> None:
    rgba = torch.from_numpy(tiny_arrays.rgba[:12])
    rgba[:, 3] = 255  # up to their edges, where the two differ
    mixed = torch.arange(12) % 3 == 0
    augmentation = Augmentation(0.5, tiny_canvases)
    among_photographs, among_drawings, together = (
        augmentation(rgba, opaque, generator(), rgba.shape[-1])
        for opaque in (torch.ones_like(mixed), torch.zeros_like(mixed), mixed)
    )
    expected = torch.where(mixed.view(-1, 1, 1, 1), among_photographs, among_drawings)
    torch.testing.assert_close(together, expected)
    assert (among_photographs - among_drawings).abs().amax(dim=(1, 2, 3)).min() > 0.05


def test_maps_look_where_pytorch_says() -> None:
    theta = torch.randn(5, 2, 3, generator=generator())
    torch.testing.assert_close(augment._grid(theta, 12), F.affine_grid(theta, [5, 4, 12, 12], align_corners=False))


def test_photos_behind_drawings_are_crops_from_all_over_the_canvases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "_BACKGROUND_SHARES", (0.0, 0.0, 0.0, 0.0, 1.0))
    canvases = 0.6 + 0.4 * torch.rand(2, 3, 20, 20, generator=generator())  # too light to make way for a drawing
    nothing = torch.zeros(64, 4, 16, 16, dtype=torch.uint8)
    images = Augmentation(0.0, canvases)(nothing, torch.zeros(64, dtype=torch.bool), generator(), nothing.shape[-1])
    crops = canvases.unfold(2, 16, 1).unfold(3, 16, 1).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    distances = torch.cdist(images.flatten(1), crops.flatten(1))
    assert (distances.amin(dim=1) < 0.1).all(), "other crops lie 4 away"
    assert distances.argmin(dim=1).unique().numel() > 25, "of 50 places, two canvases times five rows and columns"
