"""A dream as a picture file that says how it was made: the recipe and all it was applied to, as JSON inside the file.

PNG has it in the text chunk `nightmare`; JPEG, WebP and TIFF in the tag ImageDescription, which programs that show
pictures know. Nothing else is said: no place, no camera and no time of the photo.
"""

import io
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image, PngImagePlugin
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from nightmare.atomic import atomic_path
from nightmare.dream.engine import to_picture
from nightmare.dream.measures import Measures
from nightmare.dream.recipe import ENGINE, Recipe
from nightmare.errors import InputError, ParameterError

__all__ = ["FORMATS", "Provenance", "format_of", "png_bytes", "provenance_within", "read_provenance", "save_dream"]

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_CHUNK = "nightmare"
_DESCRIPTION = 0x010E
# JPEG has one segment of 65,533 bytes for all tags together; more than this is nothing that we have written.
_MOST_TEXT = 60_000
# 128 megapixels, the largest photo that is decoded, are 1,024,000,000 bytes as TIFF with alpha.
_MOST_BYTES = 1 << 30
_WEBP_SIDE = 16383
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z.+_-]*$", max_length=64)]


class Provenance(BaseModel):
    """What made a picture. `model` and `canvas` are the SHA-256 of the weights and of the photo's file.

    `guides` and `masks` are those of their files, in the order in which they were given. `measures` are of what came
    out, where it was measured.
    """

    # A gain may be infinite, for which JSON has no number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    engine: int = ENGINE
    model: _Sha256
    dataset: str  # fingerprint of the rows that the model was trained on
    canvas: _Sha256
    canvas_name: str
    pixels: Annotated[int, Field(ge=1, le=8192)]  # the longer side that the photo was brought to
    guides: tuple[_Sha256, ...] = ()
    masks: tuple[_Sha256, ...] = ()
    threads: Annotated[int, Field(ge=1, le=1024)]  # of the processor: sums of floats depend on how they are shared out
    torch: _Version = ""  # its version, whose kernels round; unknown in dreams from before it was noted
    licence: str
    credit: str
    recipe: Recipe
    measures: Measures | None = None


def format_of(path: Path) -> str:
    """PNG, JPEG, WEBP or TIFF, by the suffix of `path`. Raises `InputError` for any other suffix."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise InputError(f"{path} has no suffix of a known format: end the name with {', '.join(FORMATS)}") from None


def save_dream(path: Path, image: Tensor, provenance: Provenance, *, alpha: Image.Image | None = None) -> None:
    """Write the dream `image` to `path` with its `provenance` inside, atomically, in the format of the suffix.

    `image` is RGB (3, height, width) in 0 … 1 on any device; each value is rounded to the nearest that the format has:
    16 bits in TIFF, 8 in all others. `alpha`, an image of mode L and of the same size, is the transparency; JPEG leaves
    it out. PNG and TIFF are exact, JPEG and WebP are not. Raises `InputError` for an unknown suffix, an `alpha` that
    does not fit, a side that WebP cannot hold, and a provenance too long to be read back.
    """
    kind = format_of(path)
    height, width = image.shape[1:]
    text = provenance.model_dump_json(ensure_ascii=True)  # the tag ImageDescription is ASCII by its definition
    if alpha is not None and (alpha.mode, alpha.size) != ("L", (width, height)):
        raise InputError(f"alpha of {alpha.mode} {alpha.size} for a dream of {(width, height)}: give L of its size")
    if kind == "WEBP" and max(height, width) > _WEBP_SIDE:
        raise InputError(f"{width} x {height}: WebP holds {_WEBP_SIDE} pixels a side, save {path.stem} as PNG or TIFF")
    if len(text) > _MOST_TEXT:
        raise InputError(f"{path} would say {len(text)} characters of itself, {_MOST_TEXT} fit: give fewer masks")
    with atomic_path(path) as temporary:
        if kind == "TIFF":
            _save_tiff(temporary, image, text, alpha=alpha)
        else:
            _save_eight_bits(temporary, to_picture(image), text, kind=kind, alpha=alpha)


def read_provenance(path: Path) -> Provenance:
    """What made the picture at `path`. Raises `InputError` when there is none, or the file does not say it.

    Of PNG, whose text may follow the pixels, all is decoded; of the others only the beginning is looked at, so that
    damage to the pixels of a JPEG or TIFF goes unnoticed.
    """
    text = _text(path)
    # What cameras and programs write into ImageDescription is no JSON object.
    if not isinstance(text, str) or not text.startswith("{"):
        raise InputError(f"{path} does not say how it was made: give a dream as it was saved, not a converted copy")
    if len(text) > _MOST_TEXT:
        raise InputError(
            f"{path} says {len(text)} characters of itself, {_MOST_TEXT} are allowed: give a dream as it was saved"
        )
    try:
        return Provenance.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        # Names come from the file: long ones are cut, and quoted so that they cannot command a terminal.
        name = ascii(".".join(str(part) for part in fault["loc"])[:80] or "the text")
        raise InputError(f"{path} was made by another version: {name}: {fault['msg']}") from None


def png_bytes(image: Tensor, provenance: Provenance | None) -> bytes:
    """The file that `save_dream` would write as PNG; without a `provenance` it says nothing of itself."""
    file = io.BytesIO()
    _save_png(file, to_picture(image), provenance.model_dump_json(ensure_ascii=True) if provenance else None)
    return file.getvalue()


def provenance_within(png: bytes) -> Provenance | None:
    """What made the picture in the file `png`, as `png_bytes` says it; None where it does not. Pixels are left alone.

    Raises `ParameterError` for a recipe of another version.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            text = picture.info.get(_CHUNK)
    except Exception:  # decoders raise whatever they stumble over
        return None
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        return None
    try:
        return Provenance.model_validate_json(text)
    except ValidationError:
        raise ParameterError("That dream was made by another version: its settings cannot be loaded.") from None


def _save_png(file: Path | io.BytesIO, picture: Image.Image, text: str | None) -> None:
    chunks = PngImagePlugin.PngInfo()
    if text:
        chunks.add_itxt(_CHUNK, text)
    picture.save(file, format="PNG", pnginfo=chunks)


def _save_eight_bits(path: Path, picture: Image.Image, text: str, *, kind: str, alpha: Image.Image | None) -> None:
    tags = Image.Exif()
    tags[_DESCRIPTION] = text
    if alpha is not None and kind != "JPEG":
        picture.putalpha(alpha)
    if kind == "PNG":
        _save_png(path, picture, text)
    elif kind == "JPEG":
        picture.save(path, format=kind, quality=95, subsampling="4:4:4", exif=tags)
    else:
        # Lossy: who wants every bit has PNG and TIFF, and WebP is asked for where files must be small. Of alpha, whose
        # errors show as fringes on every other ground, nothing is lost: that is the default.
        picture.save(path, format=kind, quality=95, exif=tags)


def _save_tiff(path: Path, image: Tensor, text: str, *, alpha: Image.Image | None) -> None:
    import tifffile  # 0.1 s, and Pillow cannot write 16 bits of RGB

    levels = (image.float() * 65535).round().int().permute(1, 2, 0).cpu().numpy().astype(np.uint16)
    if alpha is not None:
        levels = np.dstack([levels, np.asarray(alpha).astype(np.uint16) * 257])
    tifffile.imwrite(
        path,
        levels,
        photometric="rgb",
        extrasamples=None if alpha is None else ["unassalpha"],
        compression="zlib",  # the deflate that all readers know; `deflate` is an older number of the same
        predictor=2,  # differences to the left: a photo of 16 bits shrinks by another fifth
        description=text,
        metadata=None,
        software=False,
    )


def _text(path: Path) -> object:
    """What the file at `path` has where a dream has its provenance: a text, None, or whatever was put there."""
    if not path.is_file():
        raise InputError(f"no picture at {path}: give the path of a dream")
    if (size := path.stat().st_size) > _MOST_BYTES:
        raise InputError(f"{path} has {size} bytes, {_MOST_BYTES} are allowed: give a dream as it was saved")
    try:
        # Pillow warns of odd tags and of pictures half as large as those that it refuses; what matters is raised.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=[*FORMATS.values()]) as picture:
            if picture.format != "PNG":
                return picture.getexif().get(_DESCRIPTION)
            picture.load()
            return picture.info.get(_CHUNK)
    # Decoders raise whatever they stumble over when the bytes are wrong: struct.error, KeyError, SyntaxError …
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise InputError(
            f"{path} is no readable PNG, JPEG, WebP or TIFF ({reason}): give a dream as it was saved"
        ) from None
