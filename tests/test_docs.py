"""The documents are true: tables, columns, dependencies and stages have their place, relative links lead somewhere."""

import csv
import re
import tomllib
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from nightmare import tables
from nightmare.tables import Table

ROOT = Path(__file__).parents[1]
STAGES: dict[str, dict[str, Any]] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
TABLES = [value for value in vars(tables).values() if isinstance(value, Table)]
DOCUMENTS = [path for pattern in ("*.md", "docs/**/*.md", "data/**/*.md") for path in sorted(ROOT.glob(pattern))]

# First columns of tables that no benchmark makes: they explain, count what is in git, or tell of experiments by dvc,
# whose metrics lie in the clone that ran them.
NO_BENCHMARK = {
    "data.md": {"class", "version", "column"},
    "dependencies.md": {"package"},
    "experiments.md": {"run", "experiment"},
    "icon-sets.md": {"licence", "set"},
    "studio.md": {"where"},
}

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def section_of(table: Table) -> str:
    return (ROOT / "docs/data.md").read_text().split(f"### {table.name}\n")[1].split("\n##")[0]


def outputs(stage: dict[str, Any]) -> list[str]:
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [path for entry in entries for path in ([entry] if isinstance(entry, str) else entry)]


def test_no_table_is_described_that_does_not_exist() -> None:
    described = re.findall(r"^### (\w+)$", (ROOT / "docs/data.md").read_text(), re.MULTILINE)
    assert sorted(described) == sorted(table.name for table in TABLES)


@every_table
def test_every_column_stands_in_its_section(table: Table) -> None:
    rows = re.findall(r"^\| (\w+) \| (\w+) \| \S.* \|$", section_of(table), re.MULTILINE)
    assert rows[1:] == list(table.columns.items())
    assert re.findall(r"Key: (.+?)\.", section_of(table)) == [", ".join(f"`{column}`" for column in table.key)]


@every_table
def test_writers_and_readers_are_those_of_the_pipeline(table: Table) -> None:
    files = re.findall(r"`([\w/]+\.csv)`", section_of(table))
    assert files
    said = re.search(r"Written by (.+?); read by\s(.+?)\.", section_of(table), re.DOTALL)
    assert said
    writers = [name for name, stage in STAGES.items() if any(covers(outputs(stage), file) for file in files)]
    readers = [name for name, stage in STAGES.items() if any(covers(stage["deps"], file) for file in files)]
    assert re.findall(r"`(\w+)`", said[1]) == writers
    assert re.findall(r"`(\w+)`", said[2]) == readers


def covers(paths: list[str], file: str) -> bool:
    return any(file == path or file.startswith(f"{path}/") for path in paths)


def test_every_dependency_has_its_reason_and_the_reverse() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[>=<\[]", entry)[0] for entry in project["dependencies"]}
    text = (ROOT / "docs/dependencies.md").read_text()
    explained = set(re.findall(r"^\| ([\w.-]+) \| \w", text, re.MULTILINE)) - {"package"}
    assert explained == declared
    for_development = {re.split(r"[>=<]", entry)[0] for entry in project["optional-dependencies"]["dev"]}
    assert set(re.findall(r"([\w-]+) \(", text.split("For development:")[1])) == for_development


def test_every_stage_is_in_the_readme() -> None:
    assert re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE) == list(STAGES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name}: {target}"


def tables_under(header: tuple[str, ...], text: str) -> list[list[tuple[str, ...]]]:
    """The rows of each Markdown table in `text` with that header."""
    lines = [tuple(cell.strip() for cell in line.strip("|\n").split("|")) for line in text.splitlines()]
    starts = [number for number, cells in enumerate(lines) if cells == header]
    return [list(takewhile(lambda cells: len(cells) > 1, lines[start + 2 :])) for start in starts]


def headers_in(text: str) -> set[tuple[str, ...]]:
    tables = re.findall(r"^\|(.+)\|\n\|[ |:-]+\|$", text, re.MULTILINE)
    return {tuple(cell.strip() for cell in header.split("|")) for header in tables}


def histories_of_benchmarks() -> list[list[dict[str, str]]]:
    found = []
    for path in sorted((ROOT / "benchmarks/history").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            found.append(list(csv.DictReader(file)))
    return found


def test_figures_of_benchmarks_come_from_their_histories() -> None:
    """A table whose columns a history has is one of its runs, not a number that somebody remembered.

    Where the history knows seeds, all rows of the table are of the same ones, and of one machine.
    """
    histories = histories_of_benchmarks()
    invented: list[tuple[str, tuple[str, ...]]] = []
    mixed: list[tuple[str, tuple[str, ...]]] = []
    other: dict[str, set[str]] = {}
    for path in sorted((ROOT / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for header in headers_in(text):
            kept = [history for history in histories if set(header) <= history[0].keys()]
            if not kept:
                other.setdefault(path.name, set()).add(header[0])
                continue
            runs: dict[tuple[str, ...], set[tuple[str, str]]] = {}
            for row in (row for history in kept for row in history):
                run = (row["machine"], row.get("seeds", ""))
                runs.setdefault(tuple(row[column] for column in header), set()).add(run)
            for table in tables_under(header, text):
                invented += [(path.name, row) for row in table if row not in runs]
                if any("seeds" in history[0] for history in kept):
                    of_all = set.intersection(*(runs.get(row, set()) for row in table))
                    mixed += [] if of_all else [(path.name, header)]
    assert not invented
    assert not mixed, "rows of different machines or seeds"
    assert other == NO_BENCHMARK, "a table of another name than its history's columns would go unread"
