"""Labels and grades: the source's opinion, else a rule, and above both the corrections made by hand.

`data/corrections.csv` (in git) has the columns id, label, grade, note. An empty label or grade keeps what is there;
the label `none` leaves the image out; a concept of the taxonomy stands for its class.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nightmare.data.quality import suggested_grade
from nightmare.data.taxonomy import Taxonomy
from nightmare.errors import InputError

__all__ = ["Correction", "Labelled", "assign_labels", "read_corrections"]

_GRADES = ("A", "B", "C")
_COLUMNS = ["id", "label", "grade", "note"]
_LEFT_OUT = "none"


@dataclass(frozen=True)
class Correction:
    """What a person decided about an image. `label`: a class, `none`, or empty. `grade`: A, B, C, or empty."""

    label: str
    grade: str


@dataclass(frozen=True)
class Labelled:
    """The labels table, and what it leaves out.

    `unmapped`: number of images of concepts outside the version. `excluded`: number left out by hand.
    `dropped`: size of each class that was too small. `unknown`: ids that were corrected and do not exist.
    """

    labels: pd.DataFrame
    unmapped: int
    excluded: int
    dropped: Mapping[str, int]
    unknown: list[str]


def read_corrections(path: Path, taxonomy: Taxonomy) -> dict[str, Correction]:
    """The corrections by image id; none when there is no file. Raises `InputError` with the line that is wrong."""
    if not path.exists():
        return {}
    corrections: dict[str, Correction] = {}
    try:
        reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}): save it as such") from None
    if next(reader, None) != _COLUMNS:
        raise InputError(f"{path} line 1: the header must be {','.join(_COLUMNS)}")
    for cells in reader:
        where = f"{path} line {reader.line_num}"
        if not cells:
            continue
        if len(cells) != len(_COLUMNS):
            raise InputError(f"{where} has {len(cells)} cells: write {','.join(_COLUMNS)}, quoting a note with commas")
        name, label, grade, _ = (cell.strip() for cell in cells)
        if name in corrections:
            raise InputError(f"{where}: {name} was corrected before: keep one of the lines")
        if grade not in ("", *_GRADES):
            raise InputError(f"{where}: {grade!r} is no grade: use A, B, C or leave it empty")
        if label not in ("", _LEFT_OUT, *taxonomy.classes):
            concept, label = label, taxonomy.label(label)
            if not label:
                classes = ", ".join(taxonomy.classes)
                raise InputError(f"{where}: {concept!r} is no class of {taxonomy.version}: use {classes} or none")
        corrections[name] = Correction(label, grade)
    return corrections


def assign_labels(
    images: pd.DataFrame, taxonomy: Taxonomy, corrections: Mapping[str, Correction], *, smallest_class: int
) -> Labelled:
    """Label the rows of the images table. Raises `InputError` when fewer than two classes remain."""
    rows = []
    unmapped = excluded = 0
    for image in images.to_dict("records"):
        correction = corrections.get(image["id"], Correction("", ""))
        label = correction.label or taxonomy.label(image["class_hint"])
        if correction.label == _LEFT_OUT:
            excluded += 1
        elif not label:
            unmapped += 1
        else:
            grade = correction.grade or image["grade_hint"] or suggested_grade(image)
            by_hand = bool(correction.label or correction.grade)
            origin = "hand" if by_hand else "source" if image["grade_hint"] else "rule"
            rows.append((image["id"], label, grade, origin, taxonomy.version))
    labels = pd.DataFrame(rows, columns=["id", "label", "grade", "origin", "version"])
    sizes = labels["label"].value_counts()
    dropped = {name: int(sizes.get(name, 0)) for name in taxonomy.classes if sizes.get(name, 0) < smallest_class}
    labels = labels[~labels["label"].isin(list(dropped))]
    if labels["label"].nunique() < 2:
        counts = ", ".join(f"{name} {count}" for name, count in sizes.items()) or "none"
        raise InputError(
            f"version {taxonomy.version} needs two classes of at least {smallest_class} images, there are: {counts}. "
            "Add pictures, lower label.smallest_class, or choose another label.version"
        )
    unknown = sorted(set(corrections) - set(images["id"]))
    return Labelled(labels, unmapped, excluded, dropped, unknown)
