"""Dreams over photos that people name: a folder of pictures with their manifest, made once and gone on with.

In: photos, a model, a recipe. Out: one PNG per photo, each with what made it inside, and `dreams.csv` with their
measures. A picture that is there and was made in just this way is not made again.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from nightmare.cache import fingerprint
from nightmare.data.canvases import Canvas, Photo, read_canvases, with_unique_names
from nightmare.dream.forecast import Forecast, forecast
from nightmare.dream.gallery import GUIDE_PIXELS, Commission, dream_filename, fulfil
from nightmare.dream.picture import format_of, read_provenance
from nightmare.dream.recipe import ENGINE, Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import ImageError, InputError, TableError
from nightmare.parallel import parallel_map
from nightmare.tables import DREAMS, read_table, write_table

__all__ = [
    "MANIFEST",
    "Order",
    "Plan",
    "Refused",
    "dream_photos",
    "file_hash",
    "plan_dreams",
    "read_canvas",
]

MANIFEST = "dreams.csv"
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Refused:
    """A photo that could not be dreamt on, and why."""

    path: Path
    error: ImageError


@dataclass(frozen=True)
class Order:
    """What is asked for over every photo, small enough to be sent to a worker.

    `pixels` is the longer side of the dreams, `suffix` says their format. Guides keep their own size, up to
    `GUIDE_PIXELS`; masks, one for each entry of `recipe.masks`, are brought to the size of each photo.
    """

    folder: ModelFolder
    recipe: Recipe
    pixels: int
    guides: tuple[Photo, ...] = ()
    masks: tuple[Photo, ...] = ()
    suffix: str = ".png"

    @cached_property
    def mark(self) -> str:
        """Six digits that dreams of one look share, so that those of another do not take their places."""
        guides, masks = self.hashes()
        return fingerprint({"recipe": self.recipe.model_dump(), "pictures": [*guides, *masks]})[:6]

    def hashes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of the files of guides, and of masks, as they are now."""
        return tuple(map(file_hash, self.guides)), tuple(map(file_hash, self.masks))


@dataclass(frozen=True)
class _Task:
    photo: Photo
    directory: Path
    order: Order

    @property
    def file(self) -> Path:
        order = self.order
        return self.directory / dream_filename(self.photo.name, order.recipe, mark=order.mark, suffix=order.suffix)


@dataclass(frozen=True)
class Plan:
    """The dreams that are still to be made in `directory`, and what they will take; None where there are none."""

    directory: Path
    tasks: list[_Task]
    forecast: Forecast | None


def plan_dreams(photos: Sequence[Photo], directory: Path, *, order: Order) -> Plan:
    """What of `order` over `photos` is not in `directory` yet.

    Raises `InputError` for an unknown format, when the manifest of an earlier run, guides or masks cannot be read, when
    the recipe does not look at them or lacks some, when there is not enough memory, and what `dream_steps` raises.
    """
    format_of(Path(f"dream{order.suffix}"))
    made = _manifest(directory / MANIFEST)
    # Unlike `Path.resolve` this passes over links that lead back to themselves, which writing then refuses in words.
    place = Path(os.path.realpath(directory))
    # Whoever dreams in the folder of the photos does not mean last time's dreams, or their manifest.
    own = {MANIFEST, *made}
    photos = [photo for photo in photos if photo.path.name not in own or photo.path.parent.resolve() != place]
    tasks = [_Task(photo, place, order) for photo in with_unique_names(photos)]
    hashes = order.hashes()
    tasks = [task for task in tasks if not (task.file.name in made and _is_made(task, hashes))]
    if not tasks:
        return Plan(directory, [], None)
    order.recipe.check_pictures(guides=len(order.guides), masks=len(order.masks))
    for photo in (*order.guides, *order.masks):
        read_canvas(photo, order.pixels)
    expected = forecast(order.folder, [order.recipe], pixels=order.pixels, photos=len(tasks), guides=len(order.guides))
    return Plan(directory, tasks, expected)


def dream_photos(plan: Plan) -> Iterator[Path | Refused]:
    """Make the dreams of `plan`.

    Yields the new pictures and what was refused as they are done. The manifest, in the order of names, is valid and
    knows all of them after each, so that an interrupted run can be gone on with.
    """
    if plan.forecast is None:
        return
    plan.directory.mkdir(parents=True, exist_ok=True)
    if plan.forecast.workers == 1:
        results: Iterator[dict[str, Any] | Refused] = (_made(task, bar=True) for task in plan.tasks)
    else:
        results = parallel_map(
            _made, plan.tasks, label="dreams", unit="dream", workers=plan.forecast.workers, ordered=False
        )
    for result in results:
        if isinstance(result, Refused):
            yield result
        else:
            # Read anew, since another run may write here too.
            rows = _manifest(plan.directory / MANIFEST) | {result["path"]: result}
            write_table(pd.DataFrame([rows[name] for name in sorted(rows)]), plan.directory / MANIFEST, DREAMS)
            yield plan.directory / result["path"]


def read_canvas(photo: Photo, pixels: int) -> Canvas:
    """The photo at a longer side of `pixels`. Raises `InputError` when it cannot be read."""
    canvas = _canvas(photo, pixels)
    if isinstance(canvas, ImageError):
        raise InputError(f"{photo.path} cannot be read: {canvas}")
    return canvas


def file_hash(photo: Photo) -> str:
    """The SHA-256 by which a picture names its photo, guides and masks; empty for a file too large to be one."""
    if photo.path.stat().st_size > _MOST_BYTES:
        return ""
    with photo.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _canvas(photo: Photo, pixels: int) -> Canvas | ImageError:
    if photo.path.stat().st_size > _MOST_BYTES:  # a film among the photos is not read into memory
        return ImageError("bytes", f"more than {_MOST_BYTES >> 20} MB")
    (canvas,) = read_canvases([photo], pixels=pixels)
    return canvas


def _manifest(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        return {row["path"]: row for row in read_table(path, DREAMS).to_dict("records")}
    except TableError as error:
        raise InputError(f"{error.args[0].split(':')[0]}: move {path} away, then run the same command again") from None


def _is_made(task: _Task, hashes: tuple[tuple[str, ...], tuple[str, ...]]) -> bool:
    """Whether the picture is there and would come out the same, with guides and masks of these `hashes`."""
    try:
        made = read_provenance(task.file)
    except InputError:
        return False
    order = task.order
    wanted = (ENGINE, order.folder.sha256, file_hash(task.photo), order.recipe, order.pixels, *hashes)
    return (made.engine, made.model, made.canvas, made.recipe, made.pixels, made.guides, made.masks) == wanted


def _made(task: _Task, *, bar: bool = False) -> dict[str, Any] | Refused:
    order, path = task.order, task.photo.path
    try:
        canvas = _canvas(task.photo, order.pixels)
    except OSError as error:
        return Refused(path, ImageError("damaged", f"cannot be opened: {error.strerror}"))
    if isinstance(canvas, ImageError):
        return Refused(path, canvas)
    commission = Commission(
        canvas,
        order.recipe,
        guides=tuple(read_canvas(guide, GUIDE_PIXELS) for guide in order.guides),
        masks=tuple(read_canvas(mask, order.pixels) for mask in order.masks),
        name=task.file.name,
    )
    try:
        commission.check()
    except InputError as error:  # the masks fit other photos
        return Refused(path, ImageError("mask", str(error)))
    return fulfil(commission, folder=order.folder, directory=task.directory, bar=bar)
