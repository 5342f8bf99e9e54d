"""A photo that a person brings: untrusted bytes to an RGB picture, or a sentence that says why not."""

import io
import re
import threading
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps

from nightmare.data.decode import Decoded, decode
from nightmare.data.matte import on_matte
from nightmare.data.sandbox import decode_all
from nightmare.errors import ImageError
from nightmare.studio.errors import Refusal
from nightmare.studio.limits import LIMITS, Limits

__all__ = ["FORMATS", "Photo", "check_photo", "read_again", "read_photo"]

FORMATS = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "WEBP": rb"RIFF.{4}WEBP",
}
# Pillow has its limit of pixels, and Python its warnings, for the whole process; decoding moves both.
_ONE = threading.Lock()
_UNREADABLE = "That file is not a picture we can read (PNG, JPEG or WebP)."


@dataclass(frozen=True)
class Photo:
    """An upright RGB picture of eight bits in sRGB without metadata, and a word about it, mostly none."""

    image: Image.Image
    remark: str = ""


def check_photo(content: bytes, *, limits: Limits = LIMITS) -> tuple[int, int]:
    """Width and height by the header of a photo, which is not decoded. Raises `Refusal` for what will not be."""
    if len(content) > limits.upload_bytes:
        raise Refusal(413, f"That photo is over {limits.upload_bytes // 1_000_000} MB.")
    formats = [name for name, magic in FORMATS.items() if re.match(magic, content, re.DOTALL)]
    if not formats:
        raise Refusal(415, _UNREADABLE)
    try:
        # Pillow's own warning comes at more pixels than ours, its error at twice as many.
        with _ONE, warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=formats) as header:
            width, height = header.size
    except Image.DecompressionBombError:
        raise Refusal(413, f"{limits.megapixels} million pixels at most; this one has far more.") from None
    # Decoders raise whatever they stumble over when the bytes are wrong: struct.error, KeyError, SyntaxError …
    except Exception:
        raise Refusal(415, _UNREADABLE) from None
    if width * height > limits.megapixels * 1_000_000:
        millions = width * height / 1_000_000
        raise Refusal(413, f"{limits.megapixels} million pixels at most; this one has {millions:.0f}.")
    if min(width, height) < limits.smallest_side:
        raise Refusal(422, f"The photo is {width} x {height}; each side needs {limits.smallest_side} pixels.")
    return width, height


def read_photo(content: bytes, *, pixels: int, limits: Limits = LIMITS) -> Photo:
    """The photo with its longer side brought down to `pixels`. Raises `Refusal` for what is none.

    It is decoded in a process of its own, which a hostile file may take down with it.
    """
    width, height = check_photo(content, limits=limits)
    (decoded,) = decode_all([(content, "file")], pixels=pixels, megapixels=limits.megapixels)
    if isinstance(decoded, ImageError):
        raise Refusal(415, _REASONS.get(decoded.reason, _UNREADABLE))
    small = min(width, height) < limits.small_side
    remark = f"The photo is {width} x {height}: its dreams will be coarse." if small else ""
    return Photo(_contained(decoded, pixels), remark)


def read_again(content: bytes, *, pixels: int, limits: Limits = LIMITS) -> Image.Image:
    """The picture that `read_photo` finds in the same file, read without the second that
    another process costs. Raises `ImageError` for what is none.
    """
    with _ONE:
        return _contained(decode(content, media="file", pixels=pixels, megapixels=limits.megapixels), pixels)


def _contained(decoded: Decoded, pixels: int) -> Image.Image:
    # Decoding looks at the shorter side.
    image = on_matte(decoded.image)
    if max(image.size) <= pixels:
        return image
    return ImageOps.contain(image, (pixels, pixels), Image.Resampling.LANCZOS)


_REASONS = {
    "aspect": "One side of the photo is more than eight times the other.",
    "blank": "The photo is of one colour.",
    "time": "Reading the photo took too long.",
    "memory": "Reading the photo took too much memory.",
}
