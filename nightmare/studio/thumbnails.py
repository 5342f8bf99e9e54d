"""The stored pictures as a page shows them: WebP on a matte, and their perceptual hashes."""

import io
import threading
from collections import OrderedDict
from pathlib import Path

import pandas as pd
from PIL import Image

from nightmare.data.duplicates import phash, thumbnail
from nightmare.data.matte import on_matte
from nightmare.data.store import read_image

__all__ = ["Pictures", "entity_tag"]

_KEPT = 4096  # thumbnails, of about 4 KB each


def entity_tag(identity: str, *, pixels: int | None) -> str:
    """The ETag of a picture. An id is the hash of what is in it, so that nothing else can make two differ."""
    return f'"{identity}-{pixels or "whole"}"'


class Pictures:
    """The shards in `directory`; a `row` is one of the images table. `pixels` is the longer side of a thumbnail."""

    def __init__(self, directory: Path, *, pixels: int) -> None:
        self._directory, self._pixels = directory, pixels
        self._lock = threading.Lock()
        self._thumbnails: OrderedDict[str, bytes] = OrderedDict()
        self._hashes: dict[str, int] = {}

    def thumbnail(self, row: pd.Series) -> bytes:
        """At most `pixels` a side. Raises `InputError` when its shard is absent or cut short."""
        with self._lock:
            known = self._thumbnails.get(row["id"])
        if known is not None:
            return known
        image = on_matte(read_image(self._directory, row))
        image.thumbnail((self._pixels, self._pixels), Image.Resampling.LANCZOS)
        made = _webp(image, quality=85)
        with self._lock:
            self._thumbnails[row["id"]] = made
            while len(self._thumbnails) > _KEPT:
                self._thumbnails.popitem(last=False)
        return made

    def whole(self, row: pd.Series) -> bytes:
        """As it is stored, without loss. Raises as `thumbnail` does."""
        return _webp(on_matte(read_image(self._directory, row)), lossless=True)

    def perceptual_hash(self, row: pd.Series) -> int:
        """Its 64 bits. Raises as `thumbnail` does."""
        if row["id"] not in self._hashes:
            self._hashes[row["id"]] = int(phash(thumbnail(read_image(self._directory, row))))
        return self._hashes[row["id"]]


def _webp(image: Image.Image, *, quality: int = 80, lossless: bool = False) -> bytes:
    file = io.BytesIO()
    # Method 2 is twice as quick as the usual one, for thumbnails a tenth larger.
    image.save(file, "WEBP", quality=quality, lossless=lossless, method=2)
    return file.getvalue()
