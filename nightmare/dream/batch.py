"""Dreams over photos that people name: a folder of pictures with their manifest, made once and gone on with.

In: photos, a model, a recipe. Out: one PNG per photo, each with what made it inside, and `dreams.csv` with their
measures. A picture that is there and was made in just this way is not made again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nightmare.data.canvases import Photo, read_canvases, with_unique_names
from nightmare.dream.gallery import Commission, dream_filename, fulfil
from nightmare.dream.picture import read_provenance
from nightmare.dream.recipe import ENGINE, Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import ImageError, InputError, TableError
from nightmare.parallel import parallel_map
from nightmare.tables import DREAMS, read_table, write_table

__all__ = ["MANIFEST", "Refused", "dream_photos"]

MANIFEST = "dreams.csv"


@dataclass(frozen=True)
class Refused:
    """A photo that could not be dreamt on, and why."""

    path: Path
    error: ImageError


@dataclass(frozen=True)
class _Task:
    """Everything that makes one picture, small enough to be sent to a worker."""

    photo: Photo
    directory: Path
    folder: ModelFolder
    recipe: Recipe
    pixels: int

    @property
    def file(self) -> Path:
        return self.directory / dream_filename(self.photo.name, self.recipe)


def dream_photos(
    photos: Sequence[Photo], directory: Path, *, folder: ModelFolder, recipe: Recipe, pixels: int
) -> Iterator[Path | Refused]:
    """Dream `recipe` over each photo, at a longer side of `pixels`, into `directory`.

    Yields the new pictures and what was refused, in the order of the photos; what is there already is passed over.
    The manifest is valid after every picture, so that an interrupted run can be gone on with. Raises `InputError`
    when the manifest of an earlier run cannot be read, and what `dream_steps` raises.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rows = _manifest(directory / MANIFEST)
    tasks = [_Task(photo, directory.resolve(), folder, recipe, pixels) for photo in with_unique_names(photos)]
    tasks = [task for task in tasks if not (task.file.name in rows and _is_made(task))]
    for task, result in zip(tasks, parallel_map(_made, tasks, label="dreams", unit="dream"), strict=True):
        if isinstance(result, ImageError):
            yield Refused(task.photo.path, result)
        else:
            rows[task.file.name] = result
            write_table(pd.DataFrame(list(rows.values())), directory / MANIFEST, DREAMS)
            yield directory / task.file.name


def _manifest(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        return {row["path"]: row for row in read_table(path, DREAMS).to_dict("records")}
    except TableError as error:
        raise InputError(f"{error.args[0].split(':')[0]}: move {path} away, then run the same command again") from None


def _is_made(task: _Task) -> bool:
    """Whether the picture is there and would come out the same."""
    try:
        made = read_provenance(task.file)
    except InputError:
        return False
    sha256 = hashlib.sha256(task.photo.path.read_bytes()).hexdigest()
    wanted = (ENGINE, task.folder.sha256, sha256, task.recipe, task.pixels)
    return (made.engine, made.model, made.canvas, made.recipe, made.pixels) == wanted


def _made(task: _Task) -> dict[str, Any] | ImageError:
    (canvas,) = read_canvases([task.photo], pixels=task.pixels)
    if isinstance(canvas, ImageError):
        return canvas
    return fulfil(Commission(canvas, task.recipe), folder=task.folder, directory=task.directory)
