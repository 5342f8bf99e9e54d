"""The photos that one can dream on: what pages have brought, for an hour, and samples that are always here."""

import hashlib
import io
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from PIL import Image

from nightmare.data.canvases import SHIPPED
from nightmare.data.canvases import Photo as File
from nightmare.studio.errors import Refusal
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.photos import read_again, read_photo

__all__ = ["Library", "Original"]


@dataclass(frozen=True)
class Original:
    """The bytes of a photo's file under a `key` that nobody guesses, or for a sample that is its name.

    `name` is that of the file without suffix, `remark` a word about it, mostly none; `width` and `height` are those of
    the upright picture at most `largest_side` long.
    """

    key: str
    name: str
    content: bytes
    width: int
    height: int
    remark: str = ""
    licence: str = ""
    credit: str = ""

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class _Entry:
    original: Original
    asked: float
    pictures: dict[int, Image.Image] = field(default_factory=dict)  # the last one, by its longer side


class Library:
    """Photos by key; the ones that were longest not asked for make room for new ones."""

    def __init__(
        self,
        *,
        samples: Sequence[File] = SHIPPED,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._clock = limits, clock
        self._lock = threading.Lock()
        self._files = {file.name: file for file in samples if file.path.is_file()}
        self._samples: dict[str, _Entry] = {}
        self._brought: OrderedDict[str, _Entry] = OrderedDict()

    @property
    def samples(self) -> Mapping[str, File]:
        """The files of the samples by key."""
        return self._files

    def bring(self, content: bytes, name: str) -> Original:
        """Keep the photo in `content`. Raises `Refusal` for what is none."""
        photo = read_photo(content, pixels=self._limits.largest_side, limits=self._limits)
        original = Original(
            secrets.token_urlsafe(16),
            _stem(name),
            content,
            *photo.image.size,
            remark=photo.remark,
        )
        with self._lock:
            self._brought[original.key] = _Entry(original, self._clock(), {self._limits.largest_side: photo.image})
            self._sweep()
        return original

    def knows(self, key: str) -> bool:
        """Whether the photo is here."""
        with self._lock:
            self._sweep()
            return key in self._files or key in self._brought

    def original(self, key: str) -> Original:
        """The photo under `key`. Raises `Refusal` when it is not or no longer here."""
        return self._entry(key).original

    def picture(self, key: str, *, pixels: int) -> Image.Image:
        """It, upright, with a longer side of at most `pixels`. Raises `Refusal` when it is not or no longer here."""
        entry = self._entry(key)
        picture = entry.pictures.get(pixels)
        if picture is None:
            picture = read_again(entry.original.content, pixels=pixels, limits=self._limits)
            entry.pictures = {pixels: picture}
        return picture

    def jpeg(self, key: str, *, pixels: int) -> bytes:
        """`picture` as a JPEG without metadata."""
        file = io.BytesIO()
        self.picture(key, pixels=pixels).save(file, "JPEG", quality=90)
        return file.getvalue()

    def _entry(self, key: str) -> _Entry:
        if key in self._files:
            return self._sample(key)
        with self._lock:
            self._sweep()
            entry = self._brought.get(key)
            if entry is None:
                raise Refusal(404, "That photo is no longer here: choose it again.")
            entry.asked = self._clock()
            self._brought.move_to_end(key)
            return entry

    def _sample(self, key: str) -> _Entry:
        if key not in self._samples:
            file = self._files[key]
            content = file.path.read_bytes()
            size = read_again(content, pixels=self._limits.largest_side, limits=self._limits).size
            original = Original(key, file.name, content, *size, licence=file.licence, credit=file.credit)
            self._samples[key] = _Entry(original, 0.0)
        return self._samples[key]

    def _sweep(self) -> None:
        now = self._clock()
        for key in [key for key, one in self._brought.items() if now - one.asked > self._limits.photo_seconds]:
            del self._brought[key]
        while self._brought and sum(map(_size, self._brought.values())) > self._limits.photos_bytes:
            self._brought.popitem(last=False)


def _stem(name: str) -> str:
    """Of a file, as it can stand in a header and on a page: control characters have no place in either."""
    return Path("".join(filter(str.isprintable, name))).stem[:100] or "photo"


def _size(entry: _Entry) -> int:
    pictures = sum(3 * picture.width * picture.height for picture in entry.pictures.values())
    return len(entry.original.content) + pictures
