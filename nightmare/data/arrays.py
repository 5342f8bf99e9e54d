"""Training arrays: every picture as a square of 8-bit RGBA in one memory-mapped file, derived from the image shards.

The array is keyed by its content (image ids are content hashes) and rebuilt on its own when it is absent. Drawings
with alpha are padded to a square with transparency; photographs are cropped to their centre square.
"""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL
from numpy.typing import NDArray
from PIL import Image

from nightmare.atomic import atomic_path
from nightmare.cache import cache_directory
from nightmare.data.store import read_image
from nightmare.errors import InputError
from nightmare.parallel import parallel_map

__all__ = ["Arrays", "load_arrays", "square"]

_CHUNK = 64  # images per task: enough work to hide the cost of handing it over


@dataclass(frozen=True)
class Arrays:
    """`rgba` is uint8 (n, 4, pixels, pixels), row i belonging to `ids[i]`; `opaque` tells photographs from drawings."""

    ids: tuple[str, ...]
    rgba: NDArray[np.uint8]
    opaque: NDArray[np.bool_]

    def rows(self, ids: pd.Series) -> NDArray[np.int64]:
        """The row numbers of `ids`. Raises `InputError` for an id that has no picture."""
        position = {identity: row for row, identity in enumerate(self.ids)}
        missing = [identity for identity in ids if identity not in position]
        if missing:
            raise InputError(
                f"{len(missing)} images of the split have no pixels, such as {missing[0]}: run `dvc repro`"
            )
        return np.array([position[identity] for identity in ids], dtype=np.int64)


def square(image: Image.Image, pixels: int) -> NDArray[np.uint8]:
    """One picture as uint8 (4, pixels, pixels)."""
    width, height = image.size
    if "A" in image.getbands():
        side = max(width, height)
        padded = Image.new("RGBA", (side, side))
        padded.paste(image, ((side - width) // 2, (side - height) // 2))
        # Resampling straight alpha lets the hidden colour of transparent pixels bleed into the edges.
        resized = padded.convert("RGBa").resize((pixels, pixels), Image.Resampling.BOX).convert("RGBA")
    else:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
        resized = image.resize((pixels, pixels), Image.Resampling.BOX, box=box).convert("RGBA")
    return np.asarray(resized).transpose(2, 0, 1)


def load_arrays(images: pd.DataFrame, directory: Path, *, pixels: int) -> Arrays:
    """The arrays of all rows of the `images` table whose shards lie in `directory`, from the cache where possible."""
    images = images.sort_values("id")
    ids = tuple(images["id"])
    program = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    key = {"ids": ids, "pixels": pixels, "program": program, "pillow": PIL.__version__}
    path = cache_directory("arrays", key) / "rgba.npy"
    squares = _mapped(path)
    if squares is None:
        rows = list(images.itertuples(index=False))
        chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            build = partial(_squares, directory=directory, pixels=pixels)
            parts = list(parallel_map(build, chunks, label="training arrays", unit="chunk"))
            built = np.ascontiguousarray(np.concatenate(parts))
            # What np.save writes. It does not say why it cannot write, and so nobody would learn of a full disk.
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(built))
            file.write(built.data)
        squares = np.load(path, mmap_mode="r")
    return Arrays(ids, squares, ~images["has_alpha"].to_numpy(dtype=bool))


def _mapped(path: Path) -> NDArray[np.uint8] | None:
    """The array at `path`, None where there is none or a part of one."""
    try:
        return np.load(path, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None


def _squares(rows: list[Any], *, directory: Path, pixels: int) -> NDArray[np.uint8]:
    return np.stack([square(read_image(directory, row), pixels) for row in rows])
