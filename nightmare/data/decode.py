"""Untrusted bytes to pixels: one function, every refusal a word of `REASONS`.

The order is: bytes, format by magic number, number of pixels (before decoding), first frame, full decode, EXIF
orientation, colour profile, eight bits, alpha, proportions, size, blankness. Metadata stays behind.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

from nightmare.data.matte import visible
from nightmare.data.svg import render_svg
from nightmare.errors import ImageError

__all__ = ["REASONS", "Decoded", "decode"]

REASONS = {
    "empty": "no bytes at all",
    "bytes": "more bytes than allowed",
    "format": "not a picture of an allowed format",
    "unsafe": "a drawing that asks for scripts or for things outside itself",
    "pixels": "more pixels than allowed",
    "damaged": "truncated or broken",
    "aspect": "one side more than eight times the other",
    "blank": "transparent or of one colour",
    "memory": "decoding took too much memory",
    "time": "decoding took too long",
    "crash": "decoding ended the process that tried it",
}
_MAX_BYTES = 64 << 20
_LARGEST_ASPECT = 8
_MAGIC = {
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "JPEG": rb"\xff\xd8\xff",
    "WEBP": rb"RIFF.{4}WEBP",
    "GIF": rb"GIF8[79]a",
    "BMP": rb"BM",
    "TIFF": rb"II[*+]\x00|MM\x00[*+]",
    "AVIF": rb".{4}ftyp(avif|avis|mif1|msf1)",
}
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow converts these to RGB; 32-bit samples say neither where black nor where white is.
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"}


@dataclass(frozen=True)
class Decoded:
    """An RGB or RGBA image of eight bits per channel, and what the file was.

    RGBA means that some pixel is not opaque; the colour of fully transparent pixels is zero. `original_width` and
    `original_height` are those of the file after its orientation, of a drawing those of its rendering.
    """

    image: Image.Image
    animated: bool
    original_width: int
    original_height: int


def decode(data: bytes, *, media: str, pixels: int, megapixels: float) -> Decoded:
    """Decode one picture and bring its shorter side down to `pixels`; smaller pictures keep their size.

    `media` is `svg` where SVG is expected and nothing else, any other word where SVG is refused. Raises
    `ImageError` with a reason of `REASONS` for all that is wrong with the data.
    """
    if not data:
        raise ImageError("empty", "the file has no bytes")
    if len(data) > _MAX_BYTES:
        raise ImageError("bytes", f"{len(data)} bytes, {_MAX_BYTES} are allowed")
    try:
        if media == "svg":
            image = render_svg(data, pixels=pixels, largest_aspect=_LARGEST_ASPECT)
            animated, size = False, image.size
        else:
            with _limits(round(megapixels * 1_000_000)):
                image, animated, size = _raster(data, pixels=pixels)
        return Decoded(_not_blank(_small(_plain(image), pixels)), animated, *size)
    except ImageError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ImageError("pixels", f"more than {megapixels:g} megapixels") from None
    except MemoryError:
        raise ImageError("memory", REASONS["memory"]) from None
    # Decoders raise whatever they stumble over when the bytes are wrong: struct.error, KeyError, SyntaxError …
    except Exception as error:
        raise ImageError("damaged", f"{type(error).__name__}: {error}"[:200]) from None


@contextmanager
def _limits(most_pixels: int) -> Iterator[None]:
    """Pillow's own guard against decompression bombs set to our limit, its warning an error, all others silent."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = most_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _raster(data: bytes, *, pixels: int) -> tuple[Image.Image, bool, tuple[int, int]]:
    """The first frame, upright and in sRGB; whether there are more; width and height before any scaling."""
    formats = [name for name, magic in _MAGIC.items() if re.match(magic, data, re.DOTALL)]
    if not formats:
        raise ImageError("format", f"none of {', '.join(_MAGIC)}: the file begins with {data[:12]!r}")
    image: Image.Image = Image.open(io.BytesIO(data), formats=formats)
    width, height = image.size
    if max(width, height) > _LARGEST_ASPECT * min(width, height):
        raise ImageError("aspect", f"the picture measures {width} by {height}")
    # The second picture of an MPO file is a thumbnail or a depth map of the first.
    animated = image.format != "MPO" and getattr(image, "is_animated", False)
    image.seek(0)
    # JPEG can leave out the detail that scaling would throw away; twice the size keeps the resampling clean.
    scale = 2 * pixels / min(width, height)
    image.draft(None, (round(width * scale), round(height * scale)))
    image.load()
    orientation = 1
    with suppress(Exception):  # a broken EXIF block is no reason to lose the picture
        orientation = image.getexif().get(_ORIENTATION, 1)
    image = _srgb(_eight_bits(image))
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
    return image, animated, (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint32)
        scaled = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
        if "transparency" in image.info:
            scaled.putalpha(Image.fromarray(np.where(levels == image.info["transparency"], 0, 255).astype(np.uint8)))
        if "icc_profile" in image.info:
            scaled.info["icc_profile"] = image.info["icc_profile"]
        return scaled
    if image.mode not in _MODES:
        raise ImageError("format", f"pixels of the kind {image.mode} have no certain colours")
    return image


def _srgb(image: Image.Image) -> Image.Image:
    """The image in sRGB where it brings a colour profile that can be used, as it is otherwise."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("L" if image.mode in ("1", "LA") else "RGB")
    with suppress(ImageCms.PyCMSError, OSError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        assert converted is not None  # noqa: S101 (None comes only from inPlace=True)
        image = converted
    if alpha is not None:
        image = image.convert("RGB")
        image.putalpha(alpha)
    return image


def _plain(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where a pixel is not opaque, without any metadata."""
    if not image.has_transparency_data:
        return _bare(image.convert("RGB"))
    pixels = np.array(image.convert("RGBA"))
    alpha = pixels[..., 3]
    if alpha.min() == 255:
        return Image.fromarray(pixels[..., :3].copy())
    pixels[alpha == 0] = 0
    return Image.fromarray(pixels)


def _bare(image: Image.Image) -> Image.Image:
    return Image.frombytes(image.mode, image.size, image.tobytes())


def _small(image: Image.Image, pixels: int) -> Image.Image:
    shorter = min(image.size)
    if shorter <= pixels:
        return image
    width, height = (round(side * pixels / shorter) for side in image.size)
    # Lanczos may leave colour behind where nothing is visible: clear it again.
    return _plain(image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3))


def _not_blank(image: Image.Image) -> Image.Image:
    if not visible(image).any():
        raise ImageError("blank", "the picture is transparent")
    channels = np.asarray(image).reshape(-1, len(image.mode))
    if np.ptp(channels, axis=0).max() <= 2:
        raise ImageError("blank", "the picture has one colour")
    return image
