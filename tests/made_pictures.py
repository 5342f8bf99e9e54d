"""Photos for tests of the studio, in memory and as files."""

import io
from typing import Any

import numpy as np
from PIL import Image


def picture(width: int, height: int) -> Image.Image:
    """A photo whose four corners differ."""
    down, across = np.mgrid[:height, :width]
    levels = np.stack([255 * across / width, 255 * down / height, np.full_like(down, 90)], axis=2)
    return Image.fromarray(levels.astype(np.uint8))


def file_of(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
