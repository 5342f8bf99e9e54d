"""Blobs in a few big files: uncompressed tar shards, chosen by the hash of the name, with an index for direct reads.

Thirty shards check out a hundred times faster than thirty thousand small files, and a new blob touches one shard.
Shards are byte-stable: members sorted by name, times and owners zero.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nightmare.errors import InputError

__all__ = ["Location", "read_blob", "write_shards"]


@dataclass(frozen=True, slots=True)
class Location:
    """Where a blob lies: shard file name, byte offset of its content, length in bytes."""

    shard: str
    offset: int
    length: int


def write_shards(directory: Path, blobs: Iterable[tuple[str, bytes]], *, count: int) -> dict[str, Location]:
    """Write `blobs` (name, content) to `count` tar files in the existing `directory` and say where each lies.

    The shard of a blob depends on its name alone. A name that comes twice is written once.
    """
    members: list[dict[str, bytes]] = [{} for _ in range(count)]
    for name, content in blobs:
        members[int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % count][name] = content
    locations: dict[str, Location] = {}
    for number, content_by_name in enumerate(members):
        path = directory / f"shard-{number:03d}.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in sorted(content_by_name.items()):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
                # After addfile the archive stands behind the padded content, so the content began here.
                padded = -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                locations[name] = Location(path.name, archive.offset - padded, len(content))
    return locations


def read_blob(directory: Path, location: Location) -> bytes:
    """The content at `location`. Raises `InputError` when the shard is absent or shorter than the index says."""
    path = directory / location.shard
    try:
        with path.open("rb") as shard:
            shard.seek(location.offset)
            content = shard.read(location.length)
    except FileNotFoundError:
        raise InputError(f"no shard {path}: run `dvc repro` or `dvc pull`") from None
    if len(content) != location.length:
        raise InputError(f"{path} is shorter than its index says: remove {directory} and run `dvc repro`")
    return content
