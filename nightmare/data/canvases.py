"""Photos to dream on: some that installed packages bring along, and whatever lies in a folder of one's own."""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import distribution
from itertools import tee
from pathlib import Path

from PIL import Image, ImageOps

from nightmare.data.matte import on_matte
from nightmare.data.sandbox import decode_all
from nightmare.errors import ImageError, InputError

__all__ = ["SHIPPED", "Canvas", "Photo", "find_photos", "load_canvases", "read_canvases", "with_unique_names"]

_MEGAPIXELS = 128

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Canvas:
    """An RGB photo in sRGB, a name that is unique and fit for file names, and the SHA-256 of its file.

    `alpha` is the transparency, of mode L and of the size of `image`, where some pixel is not opaque.
    """

    name: str
    image: Image.Image
    sha256: str
    licence: str
    credit: str
    alpha: Image.Image | None = None


@dataclass(frozen=True)
class Photo:
    """A file to dream on. `licence` and `credit` are empty where unknown."""

    name: str
    path: Path
    licence: str = ""
    credit: str = ""


def find_photos(paths: Iterable[Path]) -> list[Photo]:
    """The photos at `paths`: files, and what lies in folders, by name; hidden files and Markdown are none.

    Names may repeat (see `with_unique_names`). Raises `InputError` for a path where nothing is.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if _may_be_photo(file))
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"no photo at {path}: give a file, or a folder of photos")
    return [Photo(path.stem, path) for path in found]


def with_unique_names(photos: Iterable[Photo]) -> list[Photo]:
    """`photos` in their order, under names that are unique and fit for file names: `my garden` as `my-garden-2`."""
    named: dict[str, Photo] = {}
    for photo in photos:
        plain = re.sub(r"[^\w-]+", "-", photo.name)
        name, number = plain, 1
        while name in named:
            number += 1
            name = f"{plain}-{number}"
        named[name] = replace(photo, name=name)
    return list(named.values())


def read_canvases(photos: Sequence[Photo], *, pixels: int) -> Iterator[Canvas | ImageError]:
    """Decode `photos` one after the other, in their order, to a longer side of `pixels`; refusals are returned."""
    contents = (photo.path.read_bytes() for photo in photos)
    first, second = tee(contents)
    decoded = decode_all(((content, "file") for content in first), pixels=pixels, megapixels=_MEGAPIXELS)
    for photo, content, result in zip(photos, second, decoded, strict=True):
        if isinstance(result, ImageError):
            yield result
        else:
            image = _contained(on_matte(result.image), pixels)
            sha256 = hashlib.sha256(content).hexdigest()
            yield Canvas(photo.name, image, sha256, photo.licence, photo.credit, _alpha(result.image, pixels))


def load_canvases(directory: Path, *, pixels: int) -> list[Canvas]:
    """The shipped photos, then those in `directory` by name, all with a longer side of `pixels`.

    A file that is no picture is reported in the log and left out. Raises `InputError` when nothing is left.
    """
    photos = with_unique_names([*SHIPPED, *(find_photos([directory]) if directory.is_dir() else [])])
    absent = [photo.path for photo in SHIPPED if not photo.path.is_file()]
    if absent:
        raise InputError(f"no {absent[0]}, which a package should bring: `pip install -e .` installs a fit version")
    canvases: list[Canvas] = []
    for photo, canvas in zip(photos, read_canvases(photos, pixels=pixels), strict=True):
        if isinstance(canvas, ImageError):
            _log.warning("canvas %s is left out: %s", photo.path, canvas)
        else:
            canvases.append(canvas)
    if not canvases:
        raise InputError(f"no photo to dream on: put one into {directory}, or install the packages anew")
    return canvases


def _contained(image: Image.Image, pixels: int) -> Image.Image:
    return ImageOps.contain(image, (pixels, pixels), Image.Resampling.LANCZOS)


def _alpha(image: Image.Image, pixels: int) -> Image.Image | None:
    if image.mode != "RGBA":
        return None
    alpha = _contained(image.getchannel("A"), pixels)
    # A pixel that is nearly opaque can vanish among its neighbours.
    return None if alpha.getextrema() == (255, 255) else alpha


def _may_be_photo(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.suffix != ".md"


def _shipped(name: str, package: str, file: str, licence: str, credit: str) -> Photo:
    """A photo inside the wheel of a package that this project needs anyway. `licence`: SPDX identifier, or PD."""
    return Photo(name, Path(str(distribution(package).locate_file(file))), licence, credit)


SHIPPED = (
    _shipped("cat", "scikit-image", "skimage/data/chelsea.png", "CC0-1.0", "Stéfan van der Walt"),
    _shipped("coffee", "scikit-image", "skimage/data/coffee.png", "CC0-1.0", "Rachel Michetti"),
    _shipped("flower", "scikit-learn", "sklearn/datasets/images/flower.jpg", "CC-BY-2.0", "vultilion, Flickr"),
    _shipped("rocket", "scikit-image", "skimage/data/rocket.jpg", "PD", "SpaceX"),
    _shipped("temple", "scikit-learn", "sklearn/datasets/images/china.jpg", "CC-BY-2.0", "danielbuechele, Flickr"),
)
