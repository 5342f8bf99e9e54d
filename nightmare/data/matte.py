"""What an image with transparency looks like: composited on white, or on black where white would hide it.

Input and output are Pillow images. The stored images keep their alpha; hashes and quality facts see the matte.
"""

import numpy as np
from PIL import Image

__all__ = ["on_matte", "visible"]

# Icons drawn in white ink vanish on white. Skin and pastel tones stay below this mean luminance, white ink above.
_WHITE_INK = 0.85
_TRANSPARENT = 12


def visible(image: Image.Image) -> np.ndarray:
    """A boolean array (height, width): true where the alpha of 0 to 255 is above 12, everywhere for RGB."""
    if image.mode != "RGBA":
        return np.ones((image.height, image.width), dtype=bool)
    return np.asarray(image.getchannel("A")) > _TRANSPARENT


def on_matte(image: Image.Image) -> Image.Image:
    """`image` (RGB or RGBA) as RGB, transparent parts white, or black where the ink itself is nearly white."""
    if image.mode != "RGBA":
        return image
    ink = np.asarray(image.convert("RGB").convert("L"))[visible(image)]
    shade = 0 if ink.size and ink.mean() / 255 > _WHITE_INK else 255
    matte = Image.new("RGBA", image.size, (shade, shade, shade, 255))
    return Image.alpha_composite(matte, image).convert("RGB")
