"""Nothing half-written: a failure leaves the old file, the old folder, and no temporary name."""

import json
from pathlib import Path

import pytest

from nightmare.atomic import atomic_directory, atomic_path, write_json


def test_failure_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_failure_keeps_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "images"
    target.mkdir()
    (target / "shard").write_text("old")
    with pytest.raises(RuntimeError), atomic_directory(target) as temporary:
        (temporary / "shard").write_text("half")
        raise RuntimeError
    assert (target / "shard").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_success_replaces_both(tmp_path: Path) -> None:
    for _ in range(2):
        with atomic_path(tmp_path / "deep" / "file") as temporary:
            temporary.write_text("new")
        with atomic_directory(tmp_path / "folder") as temporary:
            (temporary / "inner").write_text("new")
    assert (tmp_path / "deep" / "file").read_text() == "new"
    assert (tmp_path / "folder" / "inner").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "folder"]


def test_json_is_rounded_at_every_depth(tmp_path: Path) -> None:
    write_json(tmp_path / "metrics.json", {"a": 1 / 3, "b": {"c": [2 / 3, 1]}})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"a": 0.333333, "b": {"c": [0.666667, 1]}}
