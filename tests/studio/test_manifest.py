"""The tables of a project in one frame: what is joined, and when files are read anew."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from made_project import BAD_LINK, CLASSES, COUNT, REMOVED, identity, label, make_project, side
from PIL import Image

from nightmare.data.matte import on_matte
from nightmare.data.store import read_image
from nightmare.errors import TableError
from nightmare.studio import manifest as module
from nightmare.studio.manifest import Manifest, Tables
from nightmare.studio.thumbnails import StoredPictures


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the files that were read."""
    names: list[str] = []

    def counted(path: Path, table: module.Table) -> pd.DataFrame:
        names.append(path.name)
        return original(path, table)

    original = module.read_table
    monkeypatch.setattr(module, "read_table", counted)
    yield names


def found(root: Path) -> Manifest:
    manifest = Tables(root).manifest()
    assert manifest is not None
    return manifest


def test_frame_has_the_facts_of_every_table(project: Path) -> None:
    manifest = found(project)
    frame = manifest.frame
    assert len(frame) == COUNT
    for number in range(COUNT):
        row = frame.loc[identity(number)]
        assert (row["label"], row["side"]) == (label(number), side(number))
        assert row["keep"] == (number not in REMOVED)
        assert row["reason"] == REMOVED.get(number, "")
        assert row["origin"] == f"iconify:{'round' if number % 2 else 'flat'}"
    assert frame.at[identity(1), "licence_url"] == BAD_LINK
    assert frame.at[identity(3), "landing_url"] == "https://example.org/set"
    assert (manifest.threshold, manifest.culled) == (0.5, True)
    assert list(manifest.relatives(identity(0))["id"]) == [identity(1)]
    assert manifest.relatives(identity(5)).empty


def test_verdicts_come_from_classifiers_that_never_saw_the_picture(project: Path) -> None:
    frame = found(project).frame
    assert frame.at[identity(3), "predicted"] == "frogs"
    assert frame.at[identity(3), "certainty"] == 0.85
    assert frame.at[identity(3), "verdict"] == "disagrees"
    assert frame.at[identity(4), "verdict"] == "agrees"
    assert frame.at[identity(3), "doubt"] == pytest.approx(1 - 0.2 * (1 - 0.002))
    tested = frame[frame["side"] == "test"]
    assert set(tested["predicted"]) <= set(CLASSES)
    assert tested["doubt"].isna().all()


def test_tables_are_read_once_for_each_change(project: Path, reads: list[str]) -> None:
    tables = Tables(project)
    first = tables.manifest()
    assert len(reads) == 9
    assert tables.manifest() is first
    assert len(reads) == 9
    os.utime(project / "reports/cull/removed.csv")
    second = tables.manifest()
    assert second is not first
    assert reads[9:] == ["removed.csv"]


def test_without_tables_there_is_no_manifest(project: Path, tmp_path: Path) -> None:
    assert Tables(tmp_path).manifest() is None
    make_project(tmp_path)
    for name in ("data/culled.csv", "data/candidates.csv", "data/duplicates.csv", "data/rejects.csv"):
        (tmp_path / name).unlink()
    for name in ("crossval/predictions.csv", "evaluate/predictions.csv", "cull/removed.csv"):
        (tmp_path / "reports" / name).unlink()
    manifest = found(tmp_path)
    assert not manifest.culled
    assert manifest.frame["keep"].all()
    assert set(manifest.frame["verdict"]) == {"unknown"}
    assert manifest.frame["score"].isna().all()


def test_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    make_project(tmp_path)
    (tmp_path / "data/split.csv").write_text("id,label\n")
    with pytest.raises(TableError, match=r"split\.csv lacks column grade"):
        Tables(tmp_path).manifest()


def test_thumbnails_are_small_and_whole_pictures_exact(project: Path) -> None:
    frame = found(project).frame
    pictures = StoredPictures(project / "data/images")
    wide = Image.open(io.BytesIO(pictures.thumbnail(frame.loc[identity(2)])))
    assert (wide.format, wide.size) == ("WEBP", (192, 48))
    small = Image.open(io.BytesIO(pictures.thumbnail(frame.loc[identity(5)])))
    assert small.size == (64, 64), "what is small stays as it is"
    stored = on_matte(read_image(project / "data/images", frame.loc[identity(5)]))
    whole = Image.open(io.BytesIO(pictures.whole(frame.loc[identity(5)])))
    assert whole.convert("RGB").tobytes() == stored.tobytes()
    assert pictures.perceptual_hash(frame.loc[identity(5)]) != pictures.perceptual_hash(frame.loc[identity(6)])
