"""The log of decisions, data/decisions.jsonl: lines are added to it, and no line is ever changed.

`nightmare.cull.decisions` reads it, and the stage `cull` obeys.
"""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nightmare.cull.decisions import read_decisions

__all__ = ["DecisionLog"]


class DecisionLog:
    """The log at `path`, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: tuple[tuple[int, int], dict[str, str]] | None = None

    def current(self) -> Mapping[str, str]:
        """Image id to `keep` or `remove`. Raises `InputError` that names a line that is none."""
        with self._lock:
            try:
                found = self._path.stat()
            except FileNotFoundError:
                return {}
            stamp = found.st_mtime_ns, found.st_size
            if self._known is None or self._known[0] != stamp:
                self._known = stamp, read_decisions(self._path)
            return self._known[1]

    def append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Add `lines` at once: all of them are on the disk when this returns, or none was written."""
        content = "".join(json.dumps(dict(line), ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # One write at the end of the file: no other program's line can come between, nor be lost.
            log = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                size = os.fstat(log).st_size
                # An editor may have left the last line open.
                closed = size == 0 or os.pread(log, 1, size - 1) == b"\n"
                whole = ("" if closed else "\n").encode() + content.encode()
                written = os.write(log, whole)
                if written != len(whole):
                    os.ftruncate(log, size)
                    raise OSError(f"{self._path}: only {written} of {len(whole)} bytes could be written")
                os.fsync(log)
            finally:
                os.close(log)
