"""Made-up pictures, and candidates for them: raw bytes in shards and the table that describes them."""

import hashlib
import io

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from nightmare.shards import write_shards
from nightmare.tables import CANDIDATES

__all__ = ["drawing", "make_candidates", "png"]


def png(image):
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def drawing(number, *, side=64):
    """A picture of a few random shapes, the same for the same number, unlike that of any other."""
    random = np.random.default_rng(number)
    image = Image.new("RGB", (side, side), tuple(random.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = np.sort(random.random((2, 2)) * side, axis=0).T.tolist()
        draw.rectangle([x[0], y[0], x[1], y[1]], fill=tuple(random.integers(0, 256, 3).tolist()))
    return image


def make_candidates(folder, things):
    """Write the `data` of each thing to shards in `folder`; its other cells override those of the table's row."""
    folder.mkdir(parents=True, exist_ok=True)
    digests = [hashlib.sha256(thing["data"]).hexdigest() for thing in things]
    blobs = ((digest, thing["data"]) for digest, thing in zip(digests, things, strict=True))
    locations = write_shards(folder, blobs, count=2)
    rows = []
    for number, (thing, digest) in enumerate(zip(things, digests, strict=True)):
        row = dict.fromkeys(CANDIDATES.columns, "")
        row |= {"id": f"c{number:03d}", "source": "folder", "source_id": f"s{number:03d}", "media": "file"}
        row |= {"class_hint": "frogs", "sha256": digest, "shard": locations[digest].shard}
        row |= {"offset": locations[digest].offset, "length": locations[digest].length}
        rows.append(row | {name: cell for name, cell in thing.items() if name != "data"})
    return pd.DataFrame(rows, columns=list(CANDIDATES.columns))
