"""Tarballs as npm makes them, and an npm that serves them: what the tests of the icon sources share."""

import base64
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nightmare.sources.packages import Pin


def tarball(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def icons(drawings: dict[str, Any], **extras: Any) -> bytes:
    return tarball({"icons.json": json.dumps({"prefix": "p", "icons": drawings, **extras}).encode()})


def pin(content: bytes, *, name: str = "@iconify-json/pond", layout: str = "iconify") -> Pin:
    return Pin.model_validate(
        {
            "name": name,
            "version": "1.0.0",
            "integrity": "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode(),
            "length": len(content),
            "layout": layout,
            "title": "Pond",
            "author": "Ann",
            "licence": "MIT",
            "licence_url": "https://example.org/mit",
            "url": "https://example.org/pond",
        }
    )


class FakeNpm:
    """Packs from memory and remembers what it was asked for."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.calls: list[list[str]] = []

    def __call__(self, arguments: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
        specs = [argument for argument in arguments[1:] if not argument.startswith("--")]
        self.calls.append(specs)
        for spec in specs:
            name, _, version = spec.rpartition("@")
            if name not in self.contents:
                return subprocess.CompletedProcess([], 1, "", f"npm error code E404\nnpm error 404 {spec}\n")
            file_name = f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
            (folder / file_name).write_bytes(self.contents[name])
        return subprocess.CompletedProcess([], 0, "", "")
