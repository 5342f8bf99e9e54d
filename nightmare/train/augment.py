"""Turn stored RGBA squares into what the network sees, on whole batches of tensors.

Training: random pose, colour and background, so that a few hundred drawings teach shapes instead of one white page.
Evaluation: one fixed matte per picture, no randomness. A drawing never vanishes: a background too like it is
lightened or darkened.
"""

import math
from dataclasses import dataclass
from itertools import repeat

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Augmentation", "on_matte", "premultiplied"]

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
_MATTE = 0.9  # the light grey that pictures are judged on
_BACKGROUND_SHARES = (0.5, 0.125, 0.125, 0.125, 0.125)  # matte, flat, gradient, noise, photo
_LEAST_CONTRAST = 0.3  # between mean luminance of a drawing and its background; below it outlines get lost
# Every pass over more pixels than this fetches them from main memory instead of the cache, at half the speed.
_PIXELS_AT_ONCE = 1 << 19


@dataclass(frozen=True)
class Augmentation:
    """How wildly training pictures vary. `color_jitter` in 0 … 1; `canvases` are photos (n, 3, height, width), 0 … 1.

    Called with uint8 `rgba` (batch, 4, side, side), a bool per picture that tells photographs, a generator that all
    randomness comes from and a size in `pixels` up to `side`, it returns float RGB (batch, 3, pixels, pixels) in 0 … 1.
    """

    color_jitter: float
    canvases: Tensor

    def __call__(self, rgba: Tensor, opaque: Tensor, generator: torch.Generator, pixels: int) -> Tensor:
        parts = -(-len(rgba) * pixels**2 // _PIXELS_AT_ONCE)
        varied = map(self._varied, rgba.chunk(parts), opaque.chunk(parts), repeat(generator), repeat(pixels))
        return torch.cat(list(varied))

    def _varied(self, rgba: Tensor, opaque: Tensor, generator: torch.Generator, pixels: int) -> Tensor:
        images = premultiplied(rgba)
        if pixels < images.shape[-1]:
            images = F.interpolate(images, size=(pixels, pixels), mode="bilinear", antialias=True, align_corners=False)
        images = _moved(images, opaque, generator)
        if self.color_jitter:
            images = _recoloured(images, opaque, self.color_jitter, generator)
        return _composited(images, _backgrounds(images, self.canvases, generator))


def on_matte(rgba: Tensor) -> Tensor:
    """uint8 RGBA (batch, 4, side, side) over a light plain matte, or a dark one under light ink: RGB in 0 … 1."""
    images = premultiplied(rgba)
    matte = torch.full_like(images[:, :3], _MATTE)
    return _composited(images, matte)


def _uniform(low: float, high: float, count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def premultiplied(rgba: Tensor) -> Tensor:
    """uint8 RGBA (batch, 4, height, width) as floats in 0 … 1, colours times alpha.

    In this form shifting, scaling and blending leave no fringes (Porter and Duff 1984).
    """
    images = rgba / 255
    images[:, :3] *= images[:, 3:]
    return images


def _moved(images: Tensor, opaque: Tensor, generator: torch.Generator) -> Tensor:
    """Random flip, rotation, zoom, shear and shift. A drawing may move off the middle; a photo is cropped into.

    Gentle on purpose: with twice the range a short training ended at a third less balanced accuracy.
    """
    count = len(images)
    angle = _uniform(-1, 1, count, generator) * math.radians(10)
    zoom = torch.where(
        opaque,
        _uniform(1.0, 1.5, count, generator),
        _uniform(0.85, 1.15, count, generator),
    )
    stretch = torch.exp(_uniform(-0.15, 0.15, count, generator))
    shear = _uniform(-0.15, 0.15, count, generator)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    shift = (torch.rand(count, 2, generator=generator) - 0.5) * 0.2
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.empty(count, 2, 3)
    theta[:, 0, 0] = flip * cos / (zoom * stretch)
    theta[:, 0, 1] = (shear - sin) / zoom
    theta[:, 1, 0] = flip * sin / zoom
    theta[:, 1, 1] = cos * stretch / zoom
    theta[:, :, 2] = shift
    grid = _grid(theta, images.shape[-1])
    # Outside a drawing is nothing; outside a photo is its mirror image. Most batches are of one kind: taking a batch
    # apart and putting it together again costs as much as half of the sampling.
    outside = "reflection" if opaque.all() else "zeros"
    moved = F.grid_sample(images, grid, padding_mode=outside, align_corners=False)
    if opaque.any() and not opaque.all():
        moved[opaque] = F.grid_sample(images[opaque], grid[opaque], padding_mode="reflection", align_corners=False)
    return moved


def _grid(theta: Tensor, side: int) -> Tensor:
    """Where maps `theta` (n, 2, 3) look, as `F.affine_grid` says for squares of `side`, in a quarter of its time."""
    centres = (2 * torch.arange(side) + 1) / side - 1
    across, down, shift = theta.permute(2, 0, 1)[:, :, None, None]
    return torch.addcmul(centres.view(-1, 1, 1) * down + shift, centres.view(-1, 1), across)


def _recoloured(images: Tensor, opaque: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Random hue, saturation, contrast and brightness; drawings may turn negative, as black ink becomes white."""
    count = len(images)
    negative = (torch.rand(count, generator=generator) < 0.6 * amount) & ~opaque
    hue = _hue_rotation(_uniform(-math.pi, math.pi, count, generator) * amount)
    saturation, contrast, brightness = (
        1 + _uniform(-amount, amount, count, generator).view(-1, 1, 1) * share for share in (1, 0.8, 0.4)
    )
    # Each of these is linear in colour and alpha, so one matrix per picture does them all in one pass over memory.
    grey = torch.tensor(_LUMINANCE).expand(3, 3)
    mixing = contrast * (grey + saturation * (torch.eye(3) - grey)) @ hue
    sign = torch.where(negative, -1.0, 1.0).view(-1, 1, 1)
    # A negative is alpha minus colour, and `mixing` takes grey to grey times contrast.
    lift = brightness - 0.5 - 0.5 * sign * contrast
    matrix = torch.eye(4).repeat(count, 1, 1)
    matrix[:, :3, :3], matrix[:, :3, 3:] = sign * mixing, lift
    images = torch.bmm(matrix, images.flatten(2)).view_as(images)
    color, alpha = images[:, :3], images[:, 3:]
    torch.minimum(color.clamp_(min=0), alpha, out=color)
    return images


def _hue_rotation(angle: Tensor) -> Tensor:
    """Matrices (n, 3, 3) that turn colours by `angle` (radians) about the grey axis (Rodrigues' formula)."""
    third = 1 / 3
    cos, sin = torch.cos(angle).view(-1, 1, 1), torch.sin(angle).view(-1, 1, 1)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    return cos * torch.eye(3) + sin * cross + (1 - cos) * torch.full((3, 3), third)


def _backgrounds(images: Tensor, canvases: Tensor, generator: torch.Generator) -> Tensor:
    """A background for each picture: half the time the plain matte, else flat colour, gradient, noise or a photo.

    Plain paper half the time raises balanced accuracy out of fold after a short training (.47 to .51 after 18
    epochs); the other half teaches that paper is not part of a frog.
    """
    count, _, side, _ = images.shape
    first, second = torch.rand(2, count, 3, 1, 1, generator=generator)
    direction = _uniform(0, 2 * math.pi, count, generator).view(-1, 1, 1, 1)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    corners = _canvas_corners(canvases, count, side, generator)
    choice = torch.multinomial(torch.tensor(_BACKGROUND_SHARES), count, replacement=True, generator=generator)
    # Random numbers are drawn for all, so that a choice shifts none of them; pictures are made of the chosen alone.
    _, flat, gradient, noise, photo = (torch.nonzero(choice == kind).flatten() for kind in range(5))
    backgrounds = torch.full((count, 3, side, side), _MATTE)
    backgrounds[flat] = first[flat]
    backgrounds[gradient] = _gradients(first[gradient], second[gradient], direction[gradient], side)
    clouds = F.interpolate(coarse[noise], size=(side, side), mode="bicubic", align_corners=False)
    backgrounds[noise] = clouds.clamp(0, 1)
    for row in photo:
        which, top, left = corners[row]
        backgrounds[row] = canvases[which, :, top : top + side, left : left + side]
    return backgrounds


def _gradients(first: Tensor, second: Tensor, direction: Tensor, side: int) -> Tensor:
    """Pictures that go from the colours `first` to `second` (n, 3, 1, 1) in a `direction` (n, 1, 1, 1) in radians."""
    across = torch.linspace(-0.7, 0.7, side)
    ramp = across.view(1, 1, 1, -1) * torch.cos(direction) + across.view(1, 1, -1, 1) * torch.sin(direction)
    return first + (second - first) * (ramp + 0.5).clamp(0, 1)


def _canvas_corners(canvases: Tensor, count: int, side: int, generator: torch.Generator) -> Tensor:
    """Where to crop squares of `side`: (count, 3) numbers of a canvas, a row and a column."""
    ends = len(canvases), canvases.shape[2] - side + 1, canvases.shape[3] - side + 1
    return torch.stack([torch.randint(0, end, (count,), generator=generator) for end in ends], dim=1)


def _composited(images: Tensor, background: Tensor) -> Tensor:
    """Premultiplied `images` over `background`, which makes way where the two would be too alike to see."""
    color, alpha = images[:, :3], images[:, 3:]
    luminance = torch.tensor(_LUMINANCE)
    ink = color.sum(dim=(2, 3)) @ luminance / alpha.sum(dim=(1, 2, 3)).clamp(min=1e-3)
    paper = background.mean(dim=(2, 3)) @ luminance
    alike = (ink - paper).abs() < _LEAST_CONTRAST
    scale = torch.where(alike, 0.4, 1.0).view(-1, 1, 1, 1)
    lift = torch.where(alike & (ink < 0.5), 0.6, 0.0).view(-1, 1, 1, 1)
    return torch.addcmul(color, torch.addcmul(lift, background, scale), 1 - alpha)
