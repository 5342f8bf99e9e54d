"""Hand-made descriptors of shape and colour: what needs no training, and tells drawings apart."""

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.feature import hog
from torch.nn.functional import interpolate

from nightmare.train.augment import on_matte

__all__ = ["describe"]

_SIDE = 64
_CELL = 16  # side of the squares whose mean colour is taken
_LAB = [(0, 100), (-80, 80), (-80, 80)]  # of CIELAB; more saturated colours count as the most saturated here


def describe(rgba: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Descriptors (n, 2212) of pictures (n, 4, height, width), each on its plain matte at 64 pixels.

    Histograms of oriented gradients (Dalal and Triggs 2005), mean colours of 4 x 4 squares, and the square roots of
    colour histograms of the quarters and of the whole, in CIELAB.
    """
    return np.stack([_describe_one(_small(picture)) for picture in rgba])


def _small(rgba: NDArray[np.uint8]) -> NDArray[np.float32]:
    image = on_matte(torch.from_numpy(rgba[None].copy()))
    small = interpolate(image, size=(_SIDE, _SIDE), mode="bilinear", antialias=True).clamp(0, 1)
    pixels: NDArray[np.float32] = small[0].permute(1, 2, 0).numpy()
    return pixels


def _describe_one(image: NDArray[np.float32]) -> NDArray[np.float64]:
    gradients = hog(image, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), channel_axis=2)
    lab = rgb2lab(image)
    squares = _SIDE // _CELL
    means = lab.reshape(squares, _CELL, squares, _CELL, 3).mean((1, 3)).ravel()
    half = _SIDE // 2
    quarters = [lab[top : top + half, left : left + half] for top in (0, half) for left in (0, half)]
    histograms = [*(_histogram(quarter, (4, 4, 4)) for quarter in quarters), _histogram(lab, (4, 6, 6))]
    return np.concatenate([gradients, means, *histograms])


def _histogram(lab: NDArray[np.float64], bins: tuple[int, int, int]) -> NDArray[np.float64]:
    low, high = np.transpose(_LAB)
    counts, _ = np.histogramdd(lab.clip(low, high).reshape(-1, 3), bins=bins, range=_LAB)
    shares: NDArray[np.float64] = np.sqrt(counts.ravel() / (lab.shape[0] * lab.shape[1]))
    return shares
