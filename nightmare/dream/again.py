"""The same picture again, from what it says of itself: bit for bit on the same machine."""

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from PIL import Image

from nightmare.data.canvases import SHIPPED, Canvas, Photo, find_photos, read_canvases
from nightmare.dream.engine import dream_pictures
from nightmare.dream.picture import Provenance, read_provenance, save_dream
from nightmare.dream.recipe import ENGINE, Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import ImageError, InputError, ModelError
from nightmare.parallel import parallel_map

__all__ = ["redream"]


def redream(picture: Path, out: Path, *, folder: ModelFolder, places: Iterable[Path]) -> None:
    """Make the dream at `picture` again and save it to `out`.

    The photo is looked for by its hash among the shipped ones and at `places`, files or folders. Raises `ModelError`
    when the model in `folder` is another than the picture's, and `InputError` when its photo is not found, or when it
    was made by another version of the engine.
    """
    made = read_provenance(picture)
    if made.engine != ENGINE:
        raise InputError(f"{picture} was made by engine {made.engine}, this is {ENGINE}: install the version of then")
    if made.model != folder.sha256:
        raise ModelError(
            f"{picture} was dreamt by the model {made.model[:12]}, this one is {folder.sha256[:12]}: give its own"
        )
    canvas = _canvas(made, [*SHIPPED, *find_photos(place for place in places if place.exists())])
    # In a worker, as it was made: sums of floats depend on the number of threads, and a worker has its own.
    dreamt = parallel_map(partial(_dreamt, folder=folder, recipe=made.recipe), [canvas], label="dream", unit="dream")
    save_dream(out, next(dreamt), made)


def _dreamt(canvas: Canvas, *, folder: ModelFolder, recipe: Recipe) -> Image.Image:
    return dream_pictures(folder.load(), [canvas.image], recipe, names=[canvas.sha256])[0]


def _canvas(made: Provenance, photos: Iterable[Photo]) -> Canvas:
    for photo in photos:
        if hashlib.sha256(photo.path.read_bytes()).hexdigest() == made.canvas:
            (canvas,) = read_canvases([photo], pixels=made.pixels)
            if isinstance(canvas, ImageError):
                raise InputError(f"{photo.path} cannot be read any more: {canvas}")
            return canvas
    raise InputError(f"the photo {made.canvas_name} ({made.canvas[:12]}) is not here: say where it is with --photo")
