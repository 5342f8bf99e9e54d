"""Dreams of several networks that differ in octaves and iterations alone: which are made, and a sheet of them.

A dream of twenty iterations does not pass through one of ten, since its steps shrink towards its end and its random
shifts are others: each cell is a dream of its own.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Any

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from nightmare.cache import fingerprint
from nightmare.dream.recipe import Recipe
from nightmare.sheets import contact_sheet
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.looks import LOOKS, Wish, base_recipe, controls_of

__all__ = ["ITERATIONS", "OCTAVES", "Album", "AlbumPictures", "base_of", "cell_key", "sheet"]

# The rows and columns of the original's album.
OCTAVES = (3, 5, 7, 9)
ITERATIONS = (1, 10, 20, 30, 40)
_MARGIN = 96  # pixels for all that is beside and around a picture of a sheet: its caption, and a share of the title
_SETTINGS = {"octaves", "iterations"}


class Album(BaseModel):
    """What all dreams of a comparison share. The ranges are those of `Wish`, which has the last word."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photo: Annotated[str, Field(max_length=100)]
    base: Annotated[str, Field(max_length=10_000)]
    side: int
    seed: int = 0

    def wish(self, model: str, *, octaves: int, iterations: int) -> Wish:
        """The dream of one cell. Raises `ParameterError` that names the setting at fault."""
        controls = {name: value for name, value in controls_of(self.base).items() if name != "strength"}
        changes = {"model": model, "octaves": octaves, "iterations": iterations}
        return Wish.checked(controls | self.model_dump() | changes)

    @property
    def strength(self) -> float:
        """With which its dreams lie over the photo, 0 … 1."""
        return base_recipe(self.base).strength


class AlbumPictures:
    """The dreams that are made, as PNG, by their keys; the oldest make room for new ones."""

    def __init__(self, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()

    def add(self, key: str, png: bytes) -> None:
        """Keep a picture."""
        with self._lock:
            self._pictures[key] = png
            while len(self._pictures) > 1 and sum(map(len, self._pictures.values())) > self._limits.compared_bytes:
                self._pictures.popitem(last=False)

    def get(self, key: str) -> bytes | None:
        """The PNG, or None where it is not or no longer there."""
        with self._lock:
            return self._pictures.get(key)

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._pictures


def cell_key(model: str, recipe: Recipe, *, photo: str, pixels: int, strength: float) -> str:
    """Of the dream of `recipe` over the photo with the hash `photo`, whose longer side is `pixels`."""
    settings: dict[str, Any] = recipe.model_dump(exclude={"strength"})
    return fingerprint({"model": model, "photo": photo, "pixels": pixels, "strength": round(strength, 2)} | settings)


def base_of(recipe: Recipe) -> str:
    """The look that `recipe` is with other octaves, iterations and seed, or else its JSON, which is a base as well."""
    own = _SETTINGS | {"seed"}
    for look in LOOKS:
        if base_recipe(look).model_dump(exclude=own) == recipe.model_dump(exclude=own):
            return look
    return recipe.model_dump_json()


def sheet(
    photo: Image.Image,
    dreams: Sequence[Sequence[Image.Image | None]],
    *,
    octaves: Sequence[int],
    iterations: Sequence[int],
    title: str,
    limits: Limits = LIMITS,
) -> Image.Image:
    """The photo, then `dreams` of one number of octaves, row by row; None for what is not made.

    No larger than the limit of megapixels: where the pictures are, they are shrunk.
    """
    columns = 1 + len(iterations)
    room = math.isqrt(limits.album_megapixels * 1_000_000 // (columns * len(octaves)))
    images: list[Image.Image | None] = []
    captions: list[str] = []
    for number, row in zip(octaves, dreams, strict=True):
        images.append(photo)
        captions.append(f"{number} octaves")
        for steps, dreamt in zip(iterations, row, strict=True):
            images.append(dreamt)
            captions.append(f"{steps} iterations" if dreamt else f"{steps} iterations: not made")
    return contact_sheet(images, captions, columns=columns, cell=min(max(photo.size), room - _MARGIN), title=title)
