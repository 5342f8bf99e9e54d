"""Facts about a normalised image that say how good a picture it is, and the grade that they suggest.

All are measured on the matte, at the stored size, luminance from 0 to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from nightmare.data.matte import on_matte, visible

__all__ = ["Quality", "measure_quality", "suggested_grade"]


@dataclass(frozen=True)
class Quality:
    """`sharpness`: standard deviation of the Laplacian of the luminance, 0 to about 1.

    `brightness` and `contrast`: mean and standard deviation of the luminance. `blank_share`: share of the pixels
    that have the most frequent colour, at four bits per channel. `monochrome`: the visible pixels are all but grey.
    """

    sharpness: float
    brightness: float
    contrast: float
    blank_share: float
    monochrome: bool
    has_alpha: bool


def measure_quality(image: Image.Image) -> Quality:
    """Measure an RGB or RGBA image."""
    matted = on_matte(image)
    luminance = np.asarray(matted.convert("L")).astype(np.float32) / 255
    padded = np.pad(luminance, 1, mode="edge")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * luminance
    colours = np.asarray(matted)
    coarse = (colours >> 4).astype(np.uint16) @ np.array([256, 16, 1], dtype=np.uint16)
    ink = np.asarray(image.convert("RGB"))[visible(image)]
    chroma = np.ptp(ink.astype(np.int16), axis=-1)
    return Quality(
        sharpness=float(laplacian.std()),
        brightness=float(luminance.mean()),
        contrast=float(luminance.std()),
        blank_share=float(np.bincount(coarse.ravel()).max() / coarse.size),
        # One pixel in a hundred may be coloured: JPEG tints the edges of black and white pictures.
        monochrome=bool(np.count_nonzero(chroma > 16) <= 0.01 * chroma.size),
        has_alpha=image.mode == "RGBA",
    )


def suggested_grade(facts: Mapping[str, Any]) -> str:
    """A without flaws, B with one, C with more, for an image whose source has no opinion.

    `facts` are a row of the images table. Flaws: smaller than 64 pixels, blurred (sharpness below 0.02), faint
    (contrast below 0.05), almost empty (one colour on more than 95 % of it).
    """
    flaws = [
        min(facts["original_width"], facts["original_height"]) < 64,
        facts["sharpness"] < 0.02,
        facts["contrast"] < 0.05,
        facts["blank_share"] > 0.95,
    ]
    return "ABCCC"[sum(flaws)]
