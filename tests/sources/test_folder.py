from pathlib import Path

import pytest

from nightmare.errors import SourceError
from nightmare.sources.candidates import Candidate, Licence
from nightmare.sources.folder import UNSTATED, FolderSource


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "frogs/a.jpg": b"jpeg",
        "frogs/pond/b.txt": b"no picture",
        "frogs/.DS_Store": b"dot",
        "clowns/empty.png": b"",
        ".git/x": b"dot",
    }
    for name, content in files.items():
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "own"


def found(root: Path, cap: int = 100) -> dict[str, Candidate]:
    return {candidate.source_id: candidate for candidate in FolderSource(root, cap).candidates()}


def metadata(root: Path, text: str) -> None:
    (root / "metadata.csv").write_text(text, encoding="utf-8")


def test_every_file_but_dotfiles_and_metadata_is_a_candidate(root: Path) -> None:
    metadata(root, "file\n")
    candidates = found(root)
    assert {name: (one.class_hint, one.content) for name, one in candidates.items()} == {
        "clowns/empty.png": ("clowns", b""),
        "frogs/a.jpg": ("frogs", b"jpeg"),
        "frogs/pond/b.txt": ("frogs", b"no picture"),
    }
    frog = candidates["frogs/a.jpg"]
    assert (frog.source, frog.media, frog.query, frog.grade_hint) == ("folder", "file", "frogs", "")
    assert frog.licence == Licence(UNSTATED, "", "")


def test_metadata_gives_licence_creator_and_grade(root: Path) -> None:
    metadata(
        root, "grade,file,licence,creator,landing_url,mood\nB,frogs/a.jpg,CC0-1.0,Ann,here,wet\n,clowns/empty.png,,,,\n"
    )
    candidates = found(root)
    frog = candidates["frogs/a.jpg"]
    assert (frog.grade_hint, frog.landing_url) == ("B", "here")
    assert frog.licence == Licence("CC0-1.0", "", "Ann")
    assert candidates["clowns/empty.png"].licence.spdx == UNSTATED


def test_the_cap_takes_graded_files_first(root: Path) -> None:
    for number in range(20):
        (root / "frogs" / f"{number}.jpg").write_bytes(b"x")
    metadata(root, "file,grade\nfrogs/7.jpg,C\nfrogs/3.jpg,A\n")
    source = FolderSource(root, 2)
    frogs = [one.source_id for one in source.candidates() if one.class_hint == "frogs"]
    assert frogs == ["frogs/3.jpg", "frogs/7.jpg"]
    assert source.left_out == {"frogs": 20}


def test_files_are_read_one_at_a_time(root: Path) -> None:
    candidates = FolderSource(root, 100).candidates()
    next(candidates)
    (root / "frogs" / "a.jpg").write_bytes(b"changed")
    assert b"changed" in [candidate.content for candidate in candidates]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\n", "no column `file`"),
        ("", "no column `file`"),
        ("file\nfrogs/gone.jpg\n", "line 2: no file 'frogs/gone.jpg'"),
        ("file\nfrogs/a.jpg\nfrogs/a.jpg\n", r"line 3: frogs/a\.jpg comes twice"),
        ("file,grade\nfrogs/a.jpg,D\n", "line 2: grade 'D' is none of A, B, C"),
    ],
)
def test_faults_of_metadata_are_named(root: Path, text: str, message: str) -> None:
    metadata(root, text)
    with pytest.raises(SourceError, match=message):
        found(root)


def test_metadata_in_another_encoding(root: Path) -> None:
    (root / "metadata.csv").write_bytes("file,creator\nfrogs/a.jpg,Zoë\n".encode("latin-1"))
    with pytest.raises(SourceError, match="UTF-8"):
        found(root)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no folder .*gone: make it, with one folder per class"):
        found(tmp_path / "gone")


def test_no_class_folders(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(SourceError, match="no class folders: put the pictures into"):
        found(tmp_path)


def test_a_file_outside_the_class_folders_is_not_dropped_silently(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"a\.jpg lies in no class folder: move it"):
        found(root)


def test_an_empty_class_folder_is_named(root: Path) -> None:
    (root / "skulls").mkdir()
    (root / "skulls" / ".keep").touch()
    with pytest.raises(SourceError, match="skulls is empty: put pictures into it or remove it"):
        found(root)


def test_all_class_folders_empty(tmp_path: Path) -> None:
    (tmp_path / "frogs").mkdir()
    with pytest.raises(SourceError, match="frogs is empty"):
        found(tmp_path)


def test_links_out_of_the_root_are_refused(root: Path) -> None:
    outside = root.parent / "secret.txt"
    outside.write_bytes(b"secret")
    (root / "frogs" / "link.jpg").symlink_to(outside)
    with pytest.raises(SourceError, match=r"link\.jpg is a link out of"):
        found(root)


@pytest.mark.parametrize("place", ["toads", "frogs/again"])
def test_links_to_folders_are_refused(root: Path, place: str) -> None:
    (root / place).symlink_to(root / "frogs", target_is_directory=True)
    with pytest.raises(SourceError, match="is a link: replace it by the folder itself"):
        found(root)


def test_links_to_files_inside_the_root_are_followed_and_dead_ones_refused(root: Path) -> None:
    (root / "clowns" / "link.jpg").symlink_to(root / "frogs" / "a.jpg")
    assert found(root)["clowns/link.jpg"].content == b"jpeg"
    (root / "clowns" / "dead.jpg").symlink_to(root / "frogs" / "gone.jpg")
    with pytest.raises(SourceError, match=r"dead\.jpg is no file that can be read"):
        found(root)
