"""Photos behind drawings: crops of the shipped canvases, so that a network learns shapes and not white pages."""

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from nightmare.data.canvases import SHIPPED

__all__ = ["background_canvases"]


def background_canvases(pixels: int) -> Tensor:
    """RGB (photos, 3, 2 * pixels, 2 * pixels) in 0 … 1, of which crops of `pixels` are taken.

    Only photos that installed packages bring: a picture of one's own in data/canvases must not change a training.
    """
    side = 2 * pixels
    photos = []
    for shipped in SHIPPED:
        with Image.open(shipped.path) as photo:
            fitted = ImageOps.fit(photo.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        photos.append(np.asarray(fitted, dtype=np.float32).transpose(2, 0, 1) / 255)
    return torch.from_numpy(np.stack(photos))
