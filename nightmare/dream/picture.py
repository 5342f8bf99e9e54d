"""A dream as a PNG file that says how it was made: the recipe and all it was applied to, as JSON in a text chunk."""

from pathlib import Path
from typing import Annotated

from PIL import Image, PngImagePlugin, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nightmare.atomic import atomic_path
from nightmare.dream.recipe import ENGINE, Recipe
from nightmare.errors import InputError

__all__ = ["Provenance", "read_provenance", "save_dream"]

_CHUNK = "nightmare"
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Provenance(BaseModel):
    """What made a picture. `model` and `canvas` are the SHA-256 of the weights and of the photo's file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: int = ENGINE
    model: _Sha256
    dataset: str  # fingerprint of the rows that the model was trained on
    canvas: _Sha256
    canvas_name: str
    pixels: Annotated[int, Field(ge=1)]  # the longer side that the photo was brought to
    licence: str
    credit: str
    recipe: Recipe


def save_dream(path: Path, picture: Image.Image, provenance: Provenance) -> None:
    """Write the dream `picture` to `path` as PNG with its `provenance` inside, atomically."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(_CHUNK, provenance.model_dump_json())
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", pnginfo=chunks)


def read_provenance(path: Path) -> Provenance:
    """What made the picture at `path`. Raises `InputError` when there is none, or the file does not say it."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            picture.load()  # text may follow the pixels
            text = picture.info.get(_CHUNK)
    except FileNotFoundError:
        raise InputError(f"no picture at {path}: give the path of a dream") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path} is no readable PNG ({error}): give a dream as it was saved") from None
    if not isinstance(text, str):
        raise InputError(f"{path} does not say how it was made: give a dream as it was saved, not a converted copy")
    try:
        return Provenance.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"]) or "the text"
        raise InputError(f"{path} was made by another version: {name}: {fault['msg']}") from None
