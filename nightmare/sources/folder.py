"""Your own pictures: one folder per class, with licences and grades in an optional table.

Input: a folder `root/<class>/...` and, if you like, `root/metadata.csv` with the column `file` (path below root) and
any of `licence`, `licence_url`, `creator`, `grade` (A, B, C) and `landing_url`. Output: one candidate per file, bytes
untouched: whether a file is a picture is for ingest to judge. Dotfiles and metadata.csv are left alone.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nightmare.errors import SourceError
from nightmare.progress import progress
from nightmare.sources.candidates import GRADES, Candidate, Licence, capped

__all__ = ["UNSTATED", "FolderSource"]

UNSTATED = "not stated"  # the licence of a file that metadata.csv does not mention
_METADATA = "metadata.csv"
_COLUMNS = ("file", "licence", "licence_url", "creator", "grade", "landing_url")


@dataclass(frozen=True)
class FolderSource:
    """The source `folder`: at most `cap` files per class of the folder `root`, read one at a time."""

    root: Path
    cap: int
    name: str = "folder"
    left_out: Counter[str] = field(default_factory=Counter)

    def candidates(self) -> Iterator[Candidate]:
        """Yield the files, sorted by class. Raises `SourceError` for a root, class or table that cannot be used."""
        files = {path.relative_to(self.root).as_posix(): path for path in self._files()}
        rows = _metadata(self.root, files)
        kept, left_out = capped(
            files, self.cap, key=lambda name: (name.partition("/")[0], rows.get(name, {}).get("grade", ""), name)
        )
        self.left_out.update(left_out)
        for name in progress(kept, label="read own pictures", unit=" files"):
            row = rows.get(name, {})
            class_hint = name.partition("/")[0]
            yield Candidate(
                source=self.name,
                source_id=name,
                query=class_hint,
                class_hint=class_hint,
                grade_hint=row.get("grade", ""),
                media="file",
                work="",
                content=files[name].read_bytes(),
                licence=Licence(row.get("licence") or UNSTATED, row.get("licence_url", ""), row.get("creator", "")),
                landing_url=row.get("landing_url", ""),
            )

    def _files(self) -> Iterator[Path]:
        """All files below the class folders, none of them outside the root."""
        if not self.root.is_dir():
            raise SourceError(f"no folder {self.root}: make it, with one folder per class, or mend scrape.folder")
        entries = [entry for entry in sorted(self.root.iterdir()) if not entry.name.startswith(".")]
        classes = [entry for entry in entries if entry.is_dir()]
        if not classes:
            raise SourceError(f"{self.root} holds no class folders: put the pictures into {self.root}/<class>/")
        loose = [entry.name for entry in entries if not entry.is_dir() and entry.name != _METADATA]
        if loose:
            raise SourceError(f"{self.root / loose[0]} lies in no class folder: move it into {self.root}/<class>/")
        inside = self.root.resolve()
        for folder in classes:
            files = sorted(_walk(folder, inside))
            if not files:
                raise SourceError(f"{folder} is empty: put pictures into it or remove it")
            yield from files


def _walk(folder: Path, inside: Path) -> Iterator[Path]:
    """The files below `folder`. Links to folders are refused, since they may lead out or in circles."""
    if folder.is_symlink():
        raise SourceError(f"{folder} is a link: replace it by the folder itself")
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, inside)
        elif not path.resolve().is_relative_to(inside):
            raise SourceError(f"{path} is a link out of {inside}: replace it by the file itself")
        elif not path.is_file():
            raise SourceError(f"{path} is no file that can be read: remove it")
        else:
            yield path


def _metadata(root: Path, files: dict[str, Path]) -> dict[str, dict[str, str]]:
    path = root / _METADATA
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as table:
            reader = csv.DictReader(table, restval="")
            if "file" not in (reader.fieldnames or ()):
                raise SourceError(f"{path} has no column `file`: its columns are {', '.join(_COLUMNS)}")
            rows = {}
            for row in reader:
                where = f"{path} line {reader.line_num}"
                name, grade = row["file"].strip(), row.get("grade", "").strip()
                if name not in files:
                    raise SourceError(f"{where}: no file {name!r} below {root}: mend the path or remove the line")
                if name in rows:
                    raise SourceError(f"{where}: {name} comes twice: remove one line")
                if grade and grade not in GRADES:
                    raise SourceError(f"{where}: grade {grade!r} is none of A, B, C")
                rows[name] = {column: row.get(column, "").strip() for column in _COLUMNS}
            return rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} is no CSV table in UTF-8 ({error}): save it as such") from None
