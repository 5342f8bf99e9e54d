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
from nightmare.errors import InputError

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
        """Add `lines` at once: all of them are on the disk when this returns.

        Raises `InputError` when they cannot be written; then none of them is there.
        """
        content = "".join(json.dumps(dict(line), ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        with self._lock:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                log = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
                try:
                    _write(log, content.encode())
                finally:
                    os.close(log)
            except OSError as error:
                reason = error.strerror or str(error)
                raise InputError(
                    f"{self._path} cannot be written ({reason}): make room and make it writable for you"
                ) from None


def _write(log: int, content: bytes) -> None:
    """Write all of `content` to the end of an open file in one go: no other program's line can come between."""
    size = os.fstat(log).st_size
    # An editor may have left the last line open.
    closed = size == 0 or os.pread(log, 1, size - 1) == b"\n"
    whole = content if closed else b"\n" + content
    written = os.write(log, whole)
    if written != len(whole):
        # Half a line would stop the stage that reads it, unless somebody has written on behind it.
        if os.fstat(log).st_size == size + written:
            os.ftruncate(log, size)
        raise OSError(f"only {written} of {len(whole)} bytes")
    os.fsync(log)
