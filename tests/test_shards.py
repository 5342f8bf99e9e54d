"""Shards: blobs come back, bytes are stable, a new blob touches one shard, tar can read them."""

import tarfile
import tracemalloc
from pathlib import Path

import pytest

from nightmare.errors import InputError
from nightmare.shards import read_blob, write_shards

BLOBS = {f"blob-{number}": bytes([number]) * (number * 300) for number in range(20)}


def test_blobs_come_back(tmp_path: Path) -> None:
    locations = write_shards(tmp_path, BLOBS.items(), count=4)
    assert {name: read_blob(tmp_path, location) for name, location in locations.items()} == BLOBS
    assert len(list(tmp_path.iterdir())) == 4


def test_order_does_not_matter_and_a_new_blob_touches_one_shard(tmp_path: Path) -> None:
    for folder, blobs in (
        ("first", list(BLOBS.items())),
        ("reversed", list(BLOBS.items())[::-1]),
        ("grown", [*BLOBS.items(), ("new", b"new")]),
    ):
        (tmp_path / folder).mkdir()
        write_shards(tmp_path / folder, blobs, count=4)
    first, backwards, grown = (
        {path.name: path.read_bytes() for path in sorted((tmp_path / folder).iterdir())}
        for folder in ("first", "reversed", "grown")
    )
    assert first == backwards
    assert sum(first[name] != grown[name] for name in first) == 1


def test_contents_do_not_gather_in_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        write_shards(tmp_path, ((f"blob-{number}", bytes(1 << 20)) for number in range(32)), count=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_any_tar_program_reads_them(tmp_path: Path) -> None:
    write_shards(tmp_path, BLOBS.items(), count=1)
    with tarfile.open(tmp_path / "shard-000.tar") as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == sorted(BLOBS)
        assert {member.mtime for member in members} == {0}


def test_missing_and_short_shards_say_what_to_run(tmp_path: Path) -> None:
    location = write_shards(tmp_path, [("a", b"x" * 2000)], count=1)["a"]
    shard = tmp_path / location.shard
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(InputError, match="shorter than its index"):
        read_blob(tmp_path, location)
    shard.unlink()
    with pytest.raises(InputError, match="run `dvc repro` or `dvc pull`"):
        read_blob(tmp_path, location)
