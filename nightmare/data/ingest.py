"""From candidates and their raw bytes to normalised images without duplicates: the work of the stage `ingest`.

Each candidate ends as an image, as the duplicate of one, or as a refusal with its reason; the sum is asserted.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from nightmare.data.decode import Decoded
from nightmare.data.duplicates import drawing_aspect, near_groups, thumbnail
from nightmare.data.quality import Quality, measure_quality
from nightmare.data.sandbox import decode_all
from nightmare.errors import ImageError, InputError
from nightmare.parallel import parallel_map
from nightmare.shards import Location, read_blob
from nightmare.tables import DUPLICATES, REJECTS

__all__ = ["Ingested", "content_id", "ingest"]

# Enough for the start of the decoding process (0.2 s) not to count, few enough for all cores to have work.
_CHUNK = 128
_FACTS = (
    "width",
    "height",
    "original_width",
    "original_height",
    "animated",
    *(field.name for field in fields(Quality)),
)
_CARRIED = ("class_hint", "grade_hint", "query", "source", "source_id", "licence", "licence_url", "creator")


@dataclass(frozen=True)
class Ingested:
    """The tables of the stage (`images` still without locations) and the PNG bytes of each image id."""

    images: pd.DataFrame
    duplicates: pd.DataFrame
    rejects: pd.DataFrame
    pictures: Mapping[str, bytes]


@dataclass(frozen=True)
class _Picture:
    id: str
    png: bytes
    thumbnail: np.ndarray
    aspect: float
    facts: Mapping[str, Any]


def content_id(image: Image.Image) -> str:
    """The id of a normalised image: 16 hexadecimal digits of the SHA-256 of its size, channels and pixels."""
    shape = f"{image.width}x{image.height}x{image.mode}".encode()
    return hashlib.sha256(shape + image.tobytes()).hexdigest()[:16]


def ingest(
    candidates: pd.DataFrame, raw: Path, *, pixels: int, megapixels: float, near_distance: int, workers: int = -1
) -> Ingested:
    """Decode `candidates` (table CANDIDATES) from the shards in `raw`, drop exact copies, group near ones.

    Of exact copies the one with the best grade is kept, then the one with the most pixels, then the first by
    source, source id and id. Raises `InputError` when there are no candidates or the shards do not fit the table.
    """
    if candidates.empty:
        raise InputError("no candidates in data/candidates.csv: check scrape.sources in params.yaml")
    files = candidates.drop_duplicates(["sha256", "media"]).sort_values(["sha256", "media"])
    chunks = [files.iloc[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    work = partial(_pictures, raw=raw, pixels=pixels, megapixels=megapixels)
    results = parallel_map(work, chunks, label="ingest", unit="chunk", workers=workers)
    outcomes = dict(zip(zip(files["sha256"], files["media"], strict=True), chain.from_iterable(results), strict=True))

    outcome = pd.Series([outcomes[key] for key in zip(candidates["sha256"], candidates["media"], strict=True)])
    refused = outcome.map(lambda result: isinstance(result, ImageError)).to_numpy(dtype=bool)
    rejects = _rejects(candidates[refused], outcome[refused].tolist())
    accepted = candidates[~refused]
    images, duplicates, pictures = _without_copies(accepted, outcome[~refused].tolist())
    works = accepted["work"].groupby([picture.id for picture in outcome[~refused]]).agg(list)
    images = _grouped(images, pictures, works, near_distance=near_distance)
    if len(images) + len(duplicates) + len(rejects) != len(candidates):
        raise AssertionError("a candidate is neither image nor duplicate nor reject")
    return Ingested(images, duplicates, rejects, {name: picture.png for name, picture in pictures.items()})


def _pictures(rows: pd.DataFrame, *, raw: Path, pixels: int, megapixels: float) -> list[_Picture | ImageError]:
    files = ((_raw_bytes(row, raw), row.media) for row in rows.itertuples())
    results = decode_all(files, pixels=pixels, megapixels=megapixels)
    return [_picture(result) if isinstance(result, Decoded) else result for result in results]


def _raw_bytes(row: Any, raw: Path) -> bytes:
    content = read_blob(raw, Location(row.shard, row.offset, row.length))
    if hashlib.sha256(content).hexdigest() != row.sha256:
        raise InputError(f"{raw / row.shard} holds other bytes than candidate {row.id}: run `dvc repro -f scrape`")
    return content


def _picture(decoded: Decoded) -> _Picture:
    image = decoded.image
    png = io.BytesIO()
    image.save(png, format="PNG")
    facts = {
        "width": image.width,
        "height": image.height,
        "original_width": decoded.original_width,
        "original_height": decoded.original_height,
        "animated": decoded.animated,
        **asdict(measure_quality(image)),
    }
    return _Picture(content_id(image), png.getvalue(), thumbnail(image), drawing_aspect(image), facts)


def _rejects(rows: pd.DataFrame, refusals: list[ImageError]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "candidate": rows["id"].to_numpy(),
            "source": rows["source"].to_numpy(),
            "source_id": rows["source_id"].to_numpy(),
            "reason": [refusal.reason for refusal in refusals],
            "detail": [refusal.detail for refusal in refusals],
        },
        columns=list(REJECTS.columns),
    )


def _without_copies(
    rows: pd.DataFrame, pictures: list[_Picture]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, _Picture]]:
    """The rows to keep as an images table without groups, those of their copies, and the pictures by image id."""
    facts = pd.DataFrame([picture.facts for picture in pictures], index=rows.index, columns=list(_FACTS))
    found = pd.concat([rows, facts], axis=1)
    found["image"] = [picture.id for picture in pictures]
    found["_grade"] = found["grade_hint"].replace("", "Z")
    found["_pixels"] = -found["original_width"] * found["original_height"]
    found = found.sort_values(["_grade", "_pixels", "source", "source_id", "id"])
    kept = found.drop_duplicates("image")
    images = kept[["image", "id", *_FACTS, *_CARRIED]]
    images = images.rename(columns={"id": "candidate", "image": "id"}).sort_values("id", ignore_index=True)

    copies = found[found.duplicated("image")]
    original = kept.set_index("image").loc[copies["image"]]
    hints, kept_hints = copies["class_hint"].to_numpy(), original["class_hint"].to_numpy()
    duplicates = pd.DataFrame(
        {
            "candidate": copies["id"].to_numpy(),
            "duplicate_of": copies["image"].to_numpy(),
            "kind": np.where(copies["sha256"].to_numpy() == original["sha256"].to_numpy(), "raw", "pixels"),
            "class_hint": hints,
            "kept_class_hint": kept_hints,
            "conflict": hints != kept_hints,
        },
        columns=list(DUPLICATES.columns),
    )
    return images, duplicates, {picture.id: picture for picture in pictures}


def _grouped(
    images: pd.DataFrame, pictures: Mapping[str, _Picture], works: pd.Series, *, near_distance: int
) -> pd.DataFrame:
    """The images with their `group`. They are sorted by id, so that the first member has the smallest.

    `works` lists for each image id the works of the candidates that turned out to be this picture.
    """
    ordered = [pictures[name] for name in images["id"]]
    thumbnails = np.array([picture.thumbnail for picture in ordered])
    aspects = np.array([picture.aspect for picture in ordered])
    groups = near_groups(thumbnails, aspects, works.loc[images["id"]].tolist(), distance=near_distance)
    return images.assign(group=images["id"].to_numpy()[groups])
