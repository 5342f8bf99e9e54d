"""Blobs in a few big files: uncompressed tar shards, chosen by the hash of the name, with an index for direct reads.

Thirty shards check out a hundred times faster than thirty thousand small files, and a new blob touches one shard.
Shards are byte-stable: members sorted by name, times and owners zero.
"""

import hashlib
import tarfile
import tempfile
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

    The shard of a blob depends on its name alone. Of a name that comes twice the first content is written. Contents
    wait for their place in a temporary file in `directory`, not in memory, so there must be room for them twice.
    """
    spooled: list[dict[str, tuple[int, int]]] = [{} for _ in range(count)]
    locations: dict[str, Location] = {}
    with tempfile.TemporaryFile(dir=directory) as spool:
        for name, content in blobs:
            members = spooled[int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % count]
            if name not in members:
                members[name] = (spool.tell(), len(content))
                spool.write(content)
        for number, members in enumerate(spooled):
            path = directory / f"shard-{number:03d}.tar"
            with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
                for name, (start, length) in sorted(members.items()):
                    member = tarfile.TarInfo(name)
                    member.size = length
                    spool.seek(start)
                    archive.addfile(member, spool)
                    # After addfile the archive stands behind the padded content, so the content began here.
                    padded = -(-length // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                    locations[name] = Location(path.name, archive.offset - padded, length)
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
