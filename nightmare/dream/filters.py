"""How a raw gradient becomes a step: blurred, its bands balanced, its colours joined, its mean brought to 1.

All of it works on frequencies, so that it costs one Fourier transform there and one back whatever is asked for.
Borders wrap round, as they do under jitter. Each image of a batch has its own normalisation.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from nightmare.dream.recipe import Recipe

__all__ = ["direction", "flattening"]

# Rows of a picture whose colours are joined at once.
_ROWS = 256
# Deviations of the cascade, in those of `Recipe.smoothing`.
_CASCADE = (0.5, 1.0, 2.0)
# Ohta, Kanade & Sakai (1980): intensity, red against blue, green against magenta are nearly the principal axes of the
# colours of photos.
_COLOR_AXES = (
    (1 / 3**0.5, 1 / 3**0.5, 1 / 3**0.5),
    (1 / 2**0.5, 0.0, -1 / 2**0.5),
    (-1 / 6**0.5, 2 / 6**0.5, -1 / 6**0.5),
)
_COLOR_DEVIATIONS = (1.0, 0.3, 0.15)


def direction(gradient: Tensor, images: Tensor, recipe: Recipe) -> Tensor:
    """The step up `gradient` from `images`, both (batch, 3, height, width), as `recipe` asks for it.

    Its mean absolute value is 1 per image. It takes the place of `gradient`, and most of it is done plane by plane,
    since each further copy of a picture of 12 megapixels has 150 MB.
    """
    if recipe.parametrisation == "fourier":
        transfer = _color_transfer(gradient)
        for rows in gradient.split(_ROWS, dim=2):
            rows.copy_(torch.einsum("dc,bchw->bdhw", transfer, rows))
    if recipe.smoothing or recipe.laplacian or recipe.parametrisation == "fourier":
        for image in gradient:
            # The bands of an image have their energy from all its colours, so that colours are not whitened.
            for part in [image] if recipe.laplacian else image.split(1):
                part.copy_(_filtered(part, recipe))
    if recipe.headroom:
        for image, levels in zip(gradient, images, strict=True):
            for plane, level in zip(image, levels, strict=True):
                # Between octaves values lie beyond black and white: without a floor the room would have a pole there.
                room = torch.where(plane > 0, 1 - level, level).clamp_(min=0)
                plane.mul_(room.div_(room + recipe.headroom))
    mean = torch.linalg.vector_norm(gradient, ord=1, dim=(1, 2, 3), keepdim=True) / gradient[0].numel()
    return gradient.div_(mean.clamp_min(torch.finfo(gradient.dtype).tiny))


def flattening(images: Tensor) -> Tensor:
    """The direction in which the total variation of `images` (Rudin, Osher & Fatemi 1992) falls fastest."""
    down = images.diff(dim=2, append=images[:, :, -1:])
    across = images.diff(dim=3, append=images[:, :, :, -1:])
    # Smooth where neighbours are equal to a 255th.
    length = (down.square() + across.square() + 255**-2).sqrt()
    down, across = down / length, across / length
    flat = down + across
    flat[:, :, 1:] -= down[:, :, :-1]
    flat[:, :, :, 1:] -= across[:, :, :, :-1]
    return flat


def _filtered(planes: Tensor, recipe: Recipe) -> Tensor:
    """`planes` (n, height, width) of one image, blurred and balanced on their frequencies."""
    height, width = planes.shape[1:]
    spectrum = torch.fft.rfft2(planes)
    spectrum *= _transfer(height, width, recipe.smoothing, recipe.parametrisation).to(planes)
    if recipe.laplacian:
        spectrum *= _balance(spectrum, _bands(height, width, recipe.laplacian).to(planes))
    return torch.fft.irfft2(spectrum, s=(height, width))


# The sizes of all octaves of a picture and of the one before it.
@lru_cache(maxsize=16)
def _transfer(height: int, width: int, smoothing: float, parametrisation: str) -> Tensor:
    """What each frequency of the gradient is multiplied with: (height, width // 2 + 1)."""
    frequency = _frequency(height, width)
    transfer = torch.ones_like(frequency)
    if smoothing:
        exponents = -2 * (math.pi * smoothing * frequency).square()
        transfer = torch.stack([(deviation**2 * exponents).exp() for deviation in _CASCADE]).mean(0)
    if parametrisation == "fourier":
        # A photo's amplitudes fall with the frequency, so equal steps of whitened coefficients do. Olah, Mordvintsev &
        # Schubert (2017) climb on such coefficients; one linear map there and back, it can as well meet the gradient.
        transfer = transfer / frequency.clamp_min(1 / max(height, width))
    return transfer


def _frequency(height: int, width: int) -> Tensor:
    """Cycles per pixel."""
    return torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])


@lru_cache(maxsize=16)
def _bands(height: int, width: int, count: int) -> Tensor:
    """Weights (count, height, width // 2 + 1) of octave-wide bands, which fade into each other and add up to 1.

    What lies below the last band goes with it.
    """
    octave = -torch.log2(_frequency(height, width).clamp_min(1e-6)) - 1
    place = octave.clamp(0, count - 1)
    return torch.stack([(1 - (place - band).abs()).clamp_min(0) for band in range(count)])


def _balance(spectrum: Tensor, bands: Tensor) -> Tensor:
    """Factors (height, width // 2 + 1) that bring the `bands` of the `spectrum` of one image to one energy.

    The DeepDream notebook of 2015 does so with differences of blurred pictures.
    """
    power = spectrum.abs().square().sum(0)
    # A small octave has no frequency in the lowest bands.
    energy = torch.stack([(power * band).mean() / band.mean().clamp_min(1e-9) for band in bands])
    factors = energy.clamp_min(torch.finfo(power.dtype).tiny).rsqrt()
    return torch.einsum("n,nhw->hw", factors, bands)


def _color_transfer(gradient: Tensor) -> Tensor:
    axes = gradient.new_tensor(_COLOR_AXES)
    return axes.T @ (gradient.new_tensor(_COLOR_DEVIATIONS)[:, None] * axes)
