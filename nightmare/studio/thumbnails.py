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
from nightmare.studio.limits import LIMITS, Limits

__all__ = ["StoredPictures", "entity_tag"]


def entity_tag(identity: str, *, pixels: int | None) -> str:
    """The ETag of a picture. An id is the hash of what is in it, so that nothing else can make two differ."""
    return f'"{identity}-{pixels or "whole"}"'


class StoredPictures:
    """The shards in `directory`; a `row` is one of the images table."""

    def __init__(self, directory: Path, *, limits: Limits = LIMITS) -> None:
        self._directory, self._limits = directory, limits
        self._lock = threading.Lock()
        self._thumbnails: OrderedDict[str, bytes] = OrderedDict()
        self._hashes: dict[str, int] = {}

    def thumbnail(self, row: pd.Series) -> bytes:
        """No larger than the limit of a side. Raises `InputError` when its shard is absent or cut short."""
        with self._lock:
            known = self._thumbnails.get(row["id"])
        if known is not None:
            return known
        image = on_matte(read_image(self._directory, row))
        image.thumbnail((self._limits.thumbnail, self._limits.thumbnail), Image.Resampling.LANCZOS)
        made = _webp(image, quality=85)
        with self._lock:
            self._thumbnails[row["id"]] = made
            while len(self._thumbnails) > self._limits.thumbnails:
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
