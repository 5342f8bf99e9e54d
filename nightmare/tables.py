"""The schemas of every table that crosses a stage border, validated on read and on write.

A table is a CSV file: UTF-8, `\n`, floats with six places, rows sorted by key, so that equal content is equal bytes
and a stage that changed nothing stops the pipeline there. Columns beyond the schema are allowed and come last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from nightmare.atomic import atomic_path
from nightmare.errors import TableError

__all__ = [
    "CANDIDATES",
    "DREAMS",
    "DUPLICATES",
    "EVIDENCE",
    "FAULTS",
    "HARD",
    "IMAGES",
    "INJECTED",
    "LABELS",
    "PREDICTIONS",
    "REJECTS",
    "REMOVED",
    "SPLIT",
    "Table",
    "classes_of",
    "read_table",
    "write_table",
]

Kind = Literal["text", "integer", "number", "flag"]


@dataclass(frozen=True)
class Table:
    """Name, producing stage, key columns (together unique) and columns with their kinds.

    A `text` cell may be empty; every other cell must have a value.
    """

    name: str
    stage: str
    key: tuple[str, ...]
    columns: Mapping[str, Kind]


CANDIDATES = Table(
    name="candidates",
    stage="scrape",
    key=("id",),
    columns={
        "id": "text",  # hash of source, source_id and class_hint
        "source": "text",
        "source_id": "text",
        "query": "text",  # the search term that found it, or the folder it lay in
        "class_hint": "text",  # the concept that was searched for
        "grade_hint": "text",  # grade of the search term: A, B, C or empty
        "media": "text",  # `svg` for the icon source's own drawings, `file` for anything else
        "work": "text",  # maker and motif: renderings of one drawing share it; empty where unknown
        "sha256": "text",  # of the raw bytes
        "shard": "text",
        "offset": "integer",
        "length": "integer",
        "licence": "text",  # SPDX identifier, or the owner's own words
        "licence_url": "text",
        "creator": "text",
        "landing_url": "text",
    },
)
IMAGES = Table(
    name="images",
    stage="ingest",
    key=("id",),
    columns={
        "id": "text",  # hash of the normalised pixels and their shape
        "candidate": "text",  # id of the candidate that it was made from
        "shard": "text",
        "offset": "integer",
        "length": "integer",
        "width": "integer",
        "height": "integer",
        "group": "text",  # near-duplicates share it: the smallest id among them
        "has_alpha": "flag",
        "animated": "flag",
        "monochrome": "flag",
        "sharpness": "number",
        "brightness": "number",
        "contrast": "number",
        "blank_share": "number",
        "original_width": "integer",
        "original_height": "integer",
        "class_hint": "text",
        "grade_hint": "text",
        "query": "text",
        "source": "text",
        "source_id": "text",
        "licence": "text",
        "licence_url": "text",
        "creator": "text",
    },
)
DUPLICATES = Table(
    name="duplicates",
    stage="ingest",
    key=("candidate",),
    columns={
        "candidate": "text",
        "duplicate_of": "text",  # image id that was kept
        "kind": "text",  # raw: equal bytes; pixels: equal pixels
        "class_hint": "text",
        "kept_class_hint": "text",
        "conflict": "flag",  # the copies were found under different classes
    },
)
REJECTS = Table(
    name="rejects",
    stage="ingest",
    key=("candidate",),
    columns={"candidate": "text", "source": "text", "source_id": "text", "reason": "text", "detail": "text"},
)
LABELS = Table(
    name="labels",
    stage="label",
    key=("id",),
    columns={
        "id": "text",
        "label": "text",
        "grade": "text",  # A, B or C: resemblance to the class
        "origin": "text",  # source, rule or hand
        "version": "text",
    },
)
SPLIT = Table(
    name="split",
    stage="split",
    key=("id",),
    columns={
        "id": "text",
        "label": "text",
        "grade": "text",
        "group": "text",
        "side": "text",  # train, val or test
        "fold": "integer",  # 0 … folds-1 in the pool, -1 on the test side
        "keep": "flag",  # false on culled rows
    },
)
# One p_<class> column per class, in the order of the model's classes, follows the schema's columns.
PREDICTIONS = Table(
    name="predictions",
    stage="train",
    key=("id",),
    columns={"id": "text", "side": "text", "grade": "text", "label": "text", "predicted": "text"},
)
# Faults of pictures: what the columns of their probabilities are called, and each in words.
FAULTS = {"several": "several objects", "occluded": "occluded", "poor": "poor quality"}
# As PREDICTIONS: the probabilities are those of the labels, by classifiers that never saw the image.
EVIDENCE = Table(
    name="evidence",
    stage="crossval",
    key=("id",),
    columns={
        **PREDICTIONS.columns,
        "wrong": "number",  # probability of a wrong label
        **dict.fromkeys(FAULTS, "number"),  # probability of each fault of the picture
    },
)
# What is said of the labels of the same pool after some were exchanged, of which it is known that they are wrong.
INJECTED = Table(
    name="injected",
    stage="crossval",
    key=("repeat", "id"),
    columns={
        "repeat": "integer",  # 0 … crossval.repeats-1, each with other exchanges
        "id": "text",
        "label": "text",  # after the exchange
        "exchanged": "flag",
        "wrong": "number",  # probability of a wrong label, as in EVIDENCE
    },
)
REMOVED = Table(
    name="removed",
    stage="cull",
    key=("id",),
    columns={
        "id": "text",
        "label": "text",
        "reason": "text",
        "suggested": "text",
        "confidence": "number",  # out-of-sample probability of the suggested class
        "self_confidence": "number",  # out-of-sample probability of the own label
        "margin": "number",  # self_confidence minus the largest other probability, -1 … 1
        "wrong": "number",  # probability of a wrong label
        **dict.fromkeys(FAULTS, "number"),  # as in EVIDENCE
        "doubt": "number",  # probability of a wrong label or of one of these faults
        "decision": "text",  # machine or hand
    },
)
HARD = Table(
    name="hard",
    stage="cull",
    key=("id",),
    columns={name: kind for name, kind in REMOVED.columns.items() if name not in ("reason", "decision")},
)
DREAMS = Table(
    name="dreams",
    stage="dream",
    key=("path",),
    columns={
        "path": "text",
        "canvas": "text",
        "model": "text",
        "recipe": "text",
        "activation_gain": "number",
        "darkening": "number",
        "clipped_share": "number",
        "distance": "number",
        "similarity": "number",
        "structure_fine": "number",
        "structure_middle": "number",
        "structure_coarse": "number",
        "class_shift": "number",
        "class_before": "text",
        "class_after": "text",
        "dreamt_class": "text",
        "octave_gains": "text",
    },
)


def read_table(path: str | Path, table: Table) -> pd.DataFrame:
    """Read and validate the CSV at `path`. Raises `TableError` that names file, column and the stage to run."""
    path = Path(path)
    try:
        frame = pd.read_csv(path, dtype="string", keep_default_na=False)
    except FileNotFoundError:
        raise TableError(f"no {table.name} table at {path}: run `dvc repro {table.stage}` or `dvc pull`") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise TableError(f"{path} is not a table ({error}): run `dvc repro -f {table.stage}`") from None
    return _validated(frame, table, where=str(path))


def write_table(frame: pd.DataFrame, path: str | Path, table: Table) -> None:
    """Validate `frame`, sort it by key and write it to `path`, atomically. Raises `TableError`."""
    valid = _validated(frame, table, where=f"the new {table.name} table")
    with atomic_path(path) as temporary:
        valid.to_csv(temporary, index=False, lineterminator="\n", float_format="%.6f")


def classes_of(rows: pd.DataFrame) -> tuple[str, ...]:
    """The classes that the column `label` of `rows` names, in the order of logits."""
    return tuple(sorted(rows["label"].unique()))


def _validated(frame: pd.DataFrame, table: Table, *, where: str) -> pd.DataFrame:
    missing = [column for column in table.columns if column not in frame.columns]
    if missing:
        raise TableError(f"{where} lacks column {', '.join(missing)}: run `dvc repro -f {table.stage}`")
    extras = [column for column in frame.columns if column not in table.columns]
    frame = frame[[*table.columns, *extras]].copy()
    for column, kind in table.columns.items():
        frame[column] = _cast(frame[column], kind, where=f"{where}, {column}")
    duplicated = frame.duplicated(list(table.key))
    if duplicated.any():
        example = frame.loc[duplicated, list(table.key)].iloc[0].tolist()
        raise TableError(f"{where} has {int(duplicated.sum())} rows with a repeated key, such as {example}")
    return frame.sort_values(list(table.key), kind="stable").reset_index(drop=True)


def _cast(cells: pd.Series, kind: Kind, *, where: str) -> pd.Series:
    if kind == "text":
        return cells.astype("string").fillna("")
    if kind == "flag":
        words = cells.astype("string").str.lower()
        if not words.isin(["true", "false"]).all():
            raise TableError(f"{where}: a cell is neither True nor False")
        return (words == "true").astype("bool")
    numbers = pd.to_numeric(cells, errors="coerce")
    if numbers.isna().any():
        raise TableError(f"{where}: {int(numbers.isna().sum())} cells are not a number")
    if kind == "integer" and (numbers % 1 != 0).any():
        raise TableError(f"{where}: a cell is not a whole number")
    return numbers.astype("int64" if kind == "integer" else "float64")
