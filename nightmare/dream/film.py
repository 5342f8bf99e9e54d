"""Films of dreams: the endless zoom into one photo, and one photo under the models of a training.

In: a photo, a recipe and one or several models. Out: an MP4 or GIF, and beside it `<film>.frames/` with its frames as
PNG and `film.json`, which says what made them. Frames that are there are not made again, so that an interrupted film
is gone on with and a longer one, or the same as GIF, takes up what there is: on the same machine bit for bit, since
each frame begins with the one before it as it was saved.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from nightmare.atomic import atomic_path, save_picture
from nightmare.dream.engine import to_picture
from nightmare.dream.forecast import Forecast, forecast
from nightmare.dream.gallery import Commission, painted
from nightmare.dream.recipe import ENGINE, Recipe
from nightmare.dream.video import check_video, write_video
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError, ModelError
from nightmare.progress import progress, progress_bar

__all__ = ["enlarged", "find_models", "timelapse_film", "zoom_film"]

_RECORD = "film.json"
# An hour at 60 per second.
_MOST_FRAMES = 216_000
# Frames per second of a timelapse, which shows each picture for several of them.
_TIMELAPSE_RATE = 25


def zoom_film(
    path: Path,
    commission: Commission,
    *,
    folder: ModelFolder,
    frames: int,
    zoom: float,
    rate: int,
    tell: Callable[[Forecast], object] = lambda forecast: None,
) -> None:
    """Write the endless zoom into the canvas of `commission` to `path`, MP4 or GIF by its suffix.

    The first of `frames` is the dream over the photo; each further one is the frame before it, enlarged by `zoom`
    (1 … 2; 1.03 are 3 % per frame) and dreamt on. Masks stay where they are while the photo grows through them. `rate`
    (1 … 60) is frames per second. `tell` hears what the frames that are not there yet will take. Raises `InputError`
    for an unknown suffix, numbers out of their range, and frames beside the film that something else made, and
    whatever `forecast` and `dream_steps` raise.
    """
    check_video(path)
    if not 1 <= frames <= _MOST_FRAMES or not 1 <= zoom <= 2 or not 1 <= rate <= 60:
        raise InputError(
            f"{frames} frames, {rate} per second, each enlarged by {zoom}: give one frame or more, no more than "
            f"{_MOST_FRAMES}, 1 to 60 per second, enlarged by 1 to 2"
        )
    files = _claimed(path, commission, folders=[folder], count=frames, zoom=zoom, tell=tell)
    canvas = commission.canvas
    for number in _missing(files):
        start = enlarged(_read(files[number - 1]), zoom) if number else canvas.image
        # Every frame has random choices of its own.
        frame = replace(canvas, image=start, sha256=f"{canvas.sha256}/{number}")
        image, _ = painted(replace(commission, canvas=frame), folder=folder)
        save_picture(files[number], to_picture(image))
    write_video(path, _shown(files), rate=rate)


def timelapse_film(
    path: Path,
    commission: Commission,
    *,
    folders: Sequence[ModelFolder],
    seconds: float,
    tell: Callable[[Forecast], object] = lambda forecast: None,
) -> None:
    """Write the dreams of `commission` by the models in `folders`, in their order, to `path`.

    All random choices are the same in every frame, so that only the models differ; each frame is shown for `seconds`
    (0.04 … 60). Models may be added at the end later. `tell` is that of `zoom_film`. Raises `InputError` for no model,
    seconds out of their range, and as `zoom_film`.
    """
    check_video(path)
    if not folders or not 0.04 <= seconds <= 60:
        raise InputError(f"{len(folders)} models, {seconds} seconds each: give one model or more, and 0.04 to 60 s")
    files = _claimed(path, commission, folders=folders, count=len(folders), zoom=None, tell=tell)
    for number in _missing(files):
        image, _ = painted(commission, folder=folders[number])
        save_picture(files[number], to_picture(image))
    write_video(path, _shown(files), rate=_TIMELAPSE_RATE, hold=round(seconds * _TIMELAPSE_RATE))


def enlarged(picture: Image.Image, zoom: float) -> Image.Image:
    """`picture` enlarged about its centre by `zoom`, 1 or more, and cropped to the size that it had."""
    width, height = picture.size
    across, down = (width - width / zoom) / 2, (height - height / zoom) / 2
    # Of a whole picture's worth of frames bilinear makes mist, and the overshoot of Lanczos adds up to rims.
    return picture.resize(picture.size, Image.Resampling.BICUBIC, box=(across, down, width - across, height - down))


def find_models(paths: Sequence[Path]) -> list[Path]:
    """The folders of models at `paths`, in their order: a model itself, or all that lie in a folder.

    Those in a folder are sorted by the numbers in their names: `epoch-2` before `epoch-10`. Raises `ModelError` for a
    path with none.
    """
    found: list[Path] = []
    for path in paths:
        here = [path] if _is_model(path) else sorted(filter(_is_model, path.glob("*")), key=_by_number)
        if not here:
            raise ModelError(f"no model in {path}: give the folder of a model, or a folder of such folders")
        found += here
    return found


class _Origin(BaseModel):
    """What made the frames of a folder. `models` has one for each frame of a timelapse, whose `zoom` is None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: int = ENGINE
    photo: str
    pixels: int
    guides: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    recipe: Recipe
    models: tuple[str, ...]
    zoom: float | None = None

    def differences(self, other: "_Origin") -> list[str]:
        """Names of what differs; of models only those of the frames that both have."""
        plain = [name for name in _Origin.model_fields if name != "models"]
        names = [name for name in plain if getattr(self, name) != getattr(other, name)]
        shared = zip(self.models, other.models, strict=False)
        return names + ["models"] * any(mine != theirs for mine, theirs in shared)


def _claimed(
    path: Path,
    commission: Commission,
    *,
    folders: Sequence[ModelFolder],
    count: int,
    zoom: float | None,
    tell: Callable[[Forecast], object],
) -> list[Path]:
    """The files of `count` frames of the film at `path`, in their order, in a folder that says what makes them."""
    commission.check()
    canvas = commission.canvas
    pixels = max(canvas.image.size)
    origin = _Origin(
        photo=canvas.sha256,
        pixels=pixels,
        guides=tuple(guide.sha256 for guide in commission.guides),
        masks=tuple(mask.sha256 for mask in commission.masks),
        recipe=commission.recipe,
        models=tuple(folder.sha256 for folder in folders),
        zoom=zoom,
    )
    directory = path.with_suffix(".frames")
    if any(directory.glob("*.png")):
        before = _recorded(directory)
        if different := before.differences(origin):
            raise InputError(
                f"{directory} has frames of another film (different: {', '.join(different)}): move the folder away, "
                f"or give the film another name"
            )
        origin = max(before, origin, key=lambda each: len(each.models))
    files = [directory / f"{number:06}.png" for number in range(count)]
    if left := [number for number, file in enumerate(files) if not file.exists()]:
        # Models of one training are of one kind.
        folder = folders[min(left[0], len(folders) - 1)]
        guides = len(commission.guides)
        tell(forecast(folder, [commission.recipe], pixels=pixels, photos=len(left), guides=guides, workers=1))
    with atomic_path(directory / _RECORD) as temporary:
        temporary.write_text(origin.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return files


def _recorded(directory: Path) -> _Origin:
    try:
        return _Origin.model_validate_json((directory / _RECORD).read_bytes())
    except (FileNotFoundError, ValidationError):
        raise InputError(f"{directory} does not say what made its frames: move the folder away") from None


def _missing(files: Sequence[Path]) -> Iterator[int]:
    """The numbers of the frames that are not there yet, under a bar."""
    numbers = [number for number, file in enumerate(files) if not file.exists()]
    with progress_bar(label="film", unit="frame", total=len(files), done=len(files) - len(numbers)) as bar:
        for number in numbers:
            yield number
            bar.update()


def _shown(files: Sequence[Path]) -> Iterator[Image.Image]:
    return map(_read, progress(files, label="write", unit="frame"))


def _read(file: Path) -> Image.Image:
    try:
        with Image.open(file, formats=["PNG"]) as frame:
            return frame.convert("RGB")
    except (OSError, SyntaxError) as error:  # of a damaged PNG Pillow raises either
        raise InputError(f"{file} cannot be read ({error}): remove it, then run the same command again") from None


def _is_model(path: Path) -> bool:
    return (path / "model.json").is_file()


def _by_number(path: Path) -> tuple[list[str | int], str]:
    """Text and numbers take turns in what is split, so that like is compared with like."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)], path.name
