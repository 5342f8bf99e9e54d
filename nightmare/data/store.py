"""The image store: normalised pictures as PNG in a few shards, found by their row in the images table."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from nightmare.atomic import atomic_directory
from nightmare.shards import Location, read_blob, write_shards

__all__ = ["read_image", "write_images"]


def write_images(images: pd.DataFrame, pictures: Mapping[str, bytes], directory: Path, *, shards: int) -> pd.DataFrame:
    """Write the PNG bytes of each row's `id` and return the rows with their `shard`, `offset` and `length`."""
    with atomic_directory(directory) as temporary:
        locations = write_shards(temporary, pictures.items(), count=shards)
    found = [locations[name] for name in images["id"]]
    return images.assign(
        shard=[location.shard for location in found],
        offset=[location.offset for location in found],
        length=[location.length for location in found],
    )


def read_image(directory: Path, row: Any) -> Image.Image:
    """The picture of a row of the images table (named tuple or series), RGB or RGBA as it was stored.

    Raises `InputError` when its shard is absent or cut short.
    """
    content = read_blob(directory, Location(row.shard, int(row.offset), int(row.length)))
    image = Image.open(io.BytesIO(content), formats=["PNG"])
    image.load()
    return image
