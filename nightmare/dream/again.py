"""The same picture again, from what it says of itself: bit for bit on the same machine with the same torch."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from nightmare.data.canvases import SHIPPED, Canvas, Photo, find_photos
from nightmare.dream.batch import file_hash, read_canvas
from nightmare.dream.forecast import Forecast, forecast
from nightmare.dream.gallery import GUIDE_PIXELS, Commission, measured, painted, provenance
from nightmare.dream.picture import Provenance, format_of, read_provenance, save_dream
from nightmare.dream.recipe import ENGINE
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError, ModelError

__all__ = ["redream"]

_log = logging.getLogger(__name__)


def redream(
    picture: Path,
    out: Path,
    *,
    folder: ModelFolder,
    places: Iterable[Path],
    pixels: int | None = None,
    tell: Callable[[Forecast], object] = lambda forecast: None,
) -> None:
    """Make the dream at `picture` again and save it to `out`, at another longer side when `pixels` says so.

    The photo, guides and masks are looked for by their hashes among the shipped photos and at `places`, files or
    folders. `tell` hears what the dream will take. A warning in the log says when the picture was made with another
    version of torch. Raises `ModelError` when the model in `folder` is another than the picture's, and `InputError`
    when a photo is not found or would be written over, when the picture was made by another version of the engine, and
    as `forecast`.
    """
    format_of(out)
    made = read_provenance(picture)
    if made.engine != ENGINE:
        raise InputError(f"{picture} was made by engine {made.engine}, this is {ENGINE}: install the version of then")
    if made.model != folder.sha256:
        raise ModelError(
            f"{picture} was dreamt by the model {made.model[:12]}, this one is {folder.sha256[:12]}: give its own"
        )
    if out.is_file() and file_hash(Photo(out.stem, out)) in (made.canvas, *made.guides, *made.masks):
        raise InputError(f"{out} is a picture that is dreamt from: give the output another name")
    photos = [*SHIPPED, *find_photos(place for place in places if place.exists())]
    side = pixels or made.pixels
    commission = Commission(
        _canvas(made.canvas, photos, made=made, pixels=side),
        made.recipe,
        guides=tuple(_canvas(guide, photos, made=made, pixels=GUIDE_PIXELS) for guide in made.guides),
        masks=tuple(_canvas(mask, photos, made=made, pixels=side) for mask in made.masks),
    )
    if made.torch not in ("", installed := str(torch.__version__)):
        _log.warning(
            "%s was made with torch %s, this is %s: the last bits may differ, install that version for the same ones",
            picture, made.torch, installed,
        )  # fmt: skip
    with _threads(made.threads):
        tell(forecast(folder, [made.recipe], pixels=side, guides=len(made.guides)))
        model = folder.load()
        image, _ = painted(commission, folder=folder, bar=True)
        # Of dreams that were never measured, such as the studio's, the same file comes out, too.
        measures = measured(commission, model, image) if made.measures else None
        again = provenance(commission, model, measures=measures).model_copy(
            update={"canvas_name": made.canvas_name, "licence": made.licence, "credit": made.credit}
        )
    save_dream(out, image, again, alpha=commission.canvas.alpha)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sums of floats depend on how many threads share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _canvas(sha256: str, photos: Sequence[Photo], *, made: Provenance, pixels: int) -> Canvas:
    for photo in photos:
        if file_hash(photo) == sha256:
            return read_canvas(photo, pixels)
    what = f"photo {ascii(made.canvas_name)[1:-1]}" if sha256 == made.canvas else "guide or mask"
    raise InputError(f"the {what} ({sha256[:12]}) is not here: say where it is with --photo")
