"""What a source finds, and how it is kept: raw bytes in shards, one row per candidate in a table.

Inputs: any number of sources. Outputs: `data/raw/` (tar shards, a blob is named by the sha256 of its bytes) and
`data/candidates.csv` (`tables.CANDIDATES`).
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import pandas as pd

from nightmare.atomic import atomic_directory
from nightmare.errors import SourceError
from nightmare.shards import write_shards
from nightmare.tables import CANDIDATES, write_table

__all__ = ["GRADES", "SHARDS", "Candidate", "Licence", "Source", "capped", "store_candidates"]

GRADES = ("A", "B", "C")
SHARDS = 8  # files of raw bytes: a constant, so that a new picture never moves an old one

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms of one picture: SPDX identifier or the owner's own words, address of the text, who made it."""

    spdx: str
    url: str
    creator: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing found: where and by which query, the class it was found for, and its untouched bytes.

    `grade_hint` is A, B, C or empty. `media` is `svg` for drawings of pinned icon sets, `file` for anything else.
    Candidates of one `work` are renderings of one motif by one maker, which no split may part; empty means unknown.
    """

    source: str
    source_id: str
    query: str
    class_hint: str
    grade_hint: str
    media: str
    work: str
    content: bytes
    licence: Licence
    landing_url: str

    @property
    def id(self) -> str:
        """16 hexadecimal digits that depend on source, source_id and class_hint alone."""
        text = "\x1f".join((self.source, self.source_id, self.class_hint))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Source(Protocol):
    """Anything that yields candidates."""

    @property
    def name(self) -> str:
        """The word that params.yaml uses for it."""
        ...

    @property
    def left_out(self) -> Counter[str]:
        """How many finds of each class the cap kept out, complete once `candidates` is exhausted."""
        ...

    def candidates(self) -> Iterator[Candidate]:
        """Yield every candidate once. Raises `SourceError`."""
        ...


def capped(
    items: Iterable[Item], cap: int, *, key: Callable[[Item], tuple[str, str, str]]
) -> tuple[list[Item], Counter[str]]:
    """Keep at most `cap` items per class: best grades first, then by the hash of the id, whatever the order they came.

    `key` gives (class, grade, id) of an item; an empty grade ranks last. Returns the kept items, sorted by class,
    grade and hash, and how many of each class were left out.
    """
    by_class: dict[str, list[tuple[int, str, Item]]] = defaultdict(list)
    for item in items:
        class_hint, grade, item_id = key(item)
        rank = GRADES.index(grade) if grade else len(GRADES)
        by_class[class_hint].append((rank, hashlib.sha256(item_id.encode()).hexdigest(), item))
    kept: list[Item] = []
    left_out: Counter[str] = Counter()
    for class_hint, ranked in sorted(by_class.items()):
        ranked.sort(key=lambda entry: entry[:2])
        kept += [item for _, _, item in ranked[:cap]]
        if len(ranked) > cap:
            left_out[class_hint] = len(ranked) - cap
    return kept, left_out


def store_candidates(sources: Iterable[Source], *, table: str | Path, raw: str | Path) -> pd.DataFrame:
    """Write the bytes of all candidates to shards in `raw`, their rows to `table`, and return the rows.

    Bytes that come twice are stored once. Nothing is left behind when a source fails.
    Raises `SourceError` when there is no candidate at all.
    """
    rows: list[dict[str, object]] = []

    def blobs() -> Iterator[tuple[str, bytes]]:
        for source in sources:
            for candidate in source.candidates():
                digest = hashlib.sha256(candidate.content).hexdigest()
                rows.append(_row(candidate, digest))
                yield digest, candidate.content

    with atomic_directory(raw) as directory:
        locations = write_shards(directory, blobs(), count=SHARDS)
        if not rows:
            raise SourceError("the sources found nothing: look at scrape.sources in params.yaml")
        for row in rows:
            location = locations[str(row["sha256"])]
            row |= {"shard": location.shard, "offset": location.offset, "length": location.length}
        frame = pd.DataFrame(rows, columns=list(CANDIDATES.columns))
        write_table(frame, table, CANDIDATES)
    return frame


def _row(candidate: Candidate, digest: str) -> dict[str, object]:
    return {
        "id": candidate.id,
        "source": candidate.source,
        "source_id": candidate.source_id,
        "query": candidate.query,
        "class_hint": candidate.class_hint,
        "grade_hint": candidate.grade_hint,
        "media": candidate.media,
        "work": candidate.work,
        "sha256": digest,
        "licence": candidate.licence.spdx,
        "licence_url": candidate.licence.url,
        "creator": candidate.licence.creator,
        "landing_url": candidate.landing_url,
    }
