"""Photos to dream on: some that installed packages bring along, and whatever lies in a folder of one's own."""

import hashlib
import logging
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from PIL import Image, ImageOps

from nightmare.data.matte import on_matte
from nightmare.data.sandbox import decode_all
from nightmare.errors import ImageError, InputError

__all__ = ["SHIPPED", "Canvas", "ShippedPhoto", "load_canvases"]

_MEGAPIXELS = 128

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Canvas:
    """An RGB photo, a name that is unique and fit for file names, and the SHA-256 of its file."""

    name: str
    image: Image.Image
    sha256: str
    licence: str
    credit: str


@dataclass(frozen=True)
class ShippedPhoto:
    """A photo inside the wheel of a package that this project needs anyway. `licence` is an SPDX identifier or PD."""

    name: str
    package: str
    file: str
    licence: str
    credit: str

    @property
    def path(self) -> Path:
        """Where the installed package has it."""
        return Path(str(distribution(self.package).locate_file(self.file)))


SHIPPED = (
    ShippedPhoto("cat", "scikit-image", "skimage/data/chelsea.png", "CC0-1.0", "Stéfan van der Walt"),
    ShippedPhoto("coffee", "scikit-image", "skimage/data/coffee.png", "CC0-1.0", "Rachel Michetti"),
    ShippedPhoto("flower", "scikit-learn", "sklearn/datasets/images/flower.jpg", "CC-BY-2.0", "vultilion, Flickr"),
    ShippedPhoto("rocket", "scikit-image", "skimage/data/rocket.jpg", "PD", "SpaceX"),
    ShippedPhoto("temple", "scikit-learn", "sklearn/datasets/images/china.jpg", "CC-BY-2.0", "danielbuechele, Flickr"),
)


def load_canvases(directory: Path, *, pixels: int) -> list[Canvas]:
    """The shipped photos, then the pictures in `directory` by name, all with a longer side of `pixels`.

    A file that is no picture is reported in the log and left out; hidden files and Markdown are no canvases. Raises
    `InputError` when nothing is left.
    """
    canvases: list[Canvas] = []
    sources = [(photo.name, photo.path, photo.licence, photo.credit) for photo in SHIPPED]
    sources += [(path.stem, path, "", "") for path in _own_files(directory)]
    absent = [photo for photo in SHIPPED if not photo.path.is_file()]
    if absent:
        raise InputError(
            f"{absent[0].package} does not bring {absent[0].file}: `pip install -e .` installs a fit version"
        )
    contents = [path.read_bytes() for _, path, _, _ in sources]
    decoded = decode_all(((content, "file") for content in contents), pixels=pixels, megapixels=_MEGAPIXELS)
    for (name, path, licence, credit), content, result in zip(sources, contents, decoded, strict=True):
        if isinstance(result, ImageError):
            _log.warning("canvas %s is left out: %s", path, result)
            continue
        image = ImageOps.contain(on_matte(result.image), (pixels, pixels), Image.Resampling.LANCZOS)
        unique = _unique(name, {canvas.name for canvas in canvases})
        canvases.append(Canvas(unique, image, hashlib.sha256(content).hexdigest(), licence, credit))
    if not canvases:
        raise InputError(f"no photo to dream on: put one into {directory}, or install the packages anew")
    return canvases


def _own_files(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        for path in sorted(directory.iterdir()):
            if path.is_file() and not path.name.startswith(".") and path.suffix != ".md":
                yield path


def _unique(name: str, taken: Collection[str]) -> str:
    plain = re.sub(r"[^\w-]+", "-", name)
    candidate, number = plain, 1
    while candidate in taken:
        number += 1
        candidate = f"{plain}-{number}"
    return candidate
