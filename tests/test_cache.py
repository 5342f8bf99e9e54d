"""The cache folder: beside dvc.yaml, shared by queued experiments, keyed by what determines a result."""

from pathlib import Path

import pytest

from nightmare.cache import cache_directory, cache_root, fingerprint


def test_queued_experiments_share_the_folder_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTMARE_CACHE")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "nightmare"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"))
    assert cache_root() == tmp_path / ".cache" / "nightmare"


def test_key_depends_on_content_not_on_order() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert cache_directory("train", {"a": 1}) != cache_directory("train", {"a": 2})
    assert cache_directory("train", {"a": 1}).is_dir()
