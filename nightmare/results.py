"""The figures of the last run as Markdown tables, for the terminal and for the README.

In: reports/<stage>/metrics.json of the working tree. A stage that has not run yet leaves its rows out.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from nightmare.atomic import atomic_path
from nightmare.errors import InputError

__all__ = ["markdown_table", "places", "results", "write_results"]

_START, _END = "<!-- results -->", "<!-- /results -->"
_MODELS = (
    ("train", "before culling"),
    ("retrain", "after culling"),
    ("control", "culled at random"),
    ("robust", "the dreaming one"),
)


def results(root: Path = Path()) -> str:
    """The tables. Raises `InputError` when no stage has left metrics."""
    metrics = {path.parent.name: _read(path) for path in sorted(root.glob("reports/*/metrics.json"))}
    if not metrics:
        raise InputError("no reports/*/metrics.json: run `make repro` or `dvc repro` first")
    tables = []
    if evaluated := metrics.get("evaluate"):
        tables.append(_accuracies(evaluated, metrics.get("crossval")))
    sides = root / "reports" / "split" / "classes.csv"
    if sides.exists() and "cull" in metrics:
        tables.append(_classes(pd.read_csv(sides), metrics["cull"]["class"]))
    if dreamt := metrics.get("dream"):
        tables.append(markdown_table(["dreams", "value"], [[name, _figure(value)] for name, value in dreamt.items()]))
    return "\n\n".join(tables)


def places() -> str:
    """Where a run leaves what people look at."""
    return "\n".join(
        (
            "dreams          dreams/ (start with dreams/sheet.png and dreams/album.png)",
            "metrics         reports/<stage>/metrics.json, all of them: dvc metrics show",
            "contact sheets  reports/cull/removed.png, reports/cull/borderline.png, reports/train/misclassified.png",
        )
    )


def write_results(path: Path, root: Path = Path()) -> None:
    """Replace what stands between the result markers of the Markdown file `path`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        raise InputError(f"no text in UTF-8 at {path}: give a Markdown file that is there") from None
    head, _, rest = text.partition(_START)
    _, _, tail = rest.partition(_END)
    if text.count(_START) != 1 or text.count(_END) != 1 or _END in head:
        raise InputError(f"{path} needs the line {_START} and, after it, the line {_END}, once each")
    with atomic_path(path) as temporary:
        temporary.write_text(f"{head}{_START}\n{results(root)}\n{_END}{tail}", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InputError(f"{path} is not JSON: run `dvc repro -f {path.parent.name}`") from None
    return content


def _accuracies(evaluated: dict[str, Any], crossval: dict[str, Any] | None) -> str:
    rows = []
    for model, when in _MODELS:
        for side, figures in evaluated.get(model, {}).items():
            interval = _interval(figures, "balanced_accuracy")
            difference = "" if model == _MODELS[0][0] else _interval(figures, "difference")
            beyond = "" if model == "control" else _interval(figures, "beyond_control")
            grades = [_figure(figures.get("grade", {}).get(grade, "")) for grade in "ABC"]
            rows.append([when, side.replace("_", ", "), *_scores(figures), interval, difference, beyond, *grades])
    if crossval:
        grades = [_figure(crossval["grade"].get(grade, "")) for grade in "ABC"]
        rows.append(["classifier of evidence", "out of fold, whole pool", *_scores(crossval), "", "", "", *grades])
    header = ["model", "rows judged", "n", "accuracy", "balanced", "95% interval"]
    beyond_whom = ["gain over first, 95%", "gain over random, 95%"]
    return markdown_table([*header, *beyond_whom, "grade A", "grade B", "grade C"], rows)


def _interval(figures: dict[str, Any], name: str) -> str:
    ends = [figures.get(f"{name}_{end}") for end in ("low", "high")]
    return "" if None in ends else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _classes(sides: pd.DataFrame, removed: dict[str, int]) -> str:
    counts = sides.pivot_table(index="class", columns="side", values="count", fill_value=0).astype(int)
    rows = [
        [str(name), *(str(counts.at[name, side]) for side in ("train", "val", "test")), str(removed.get(str(name), 0))]
        for name in counts.index
    ]
    return markdown_table(["class", "train", "val", "test", "removed by culling"], rows)


def _scores(figures: dict[str, Any]) -> list[str]:
    return [str(figures["n"]), _figure(figures["accuracy"]), _figure(figures["balanced_accuracy"])]


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """The table as Markdown, its columns in line for those who read it as text."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
