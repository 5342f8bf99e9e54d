"""The documents are true: tables, columns, dependencies and stages have their place, relative links lead somewhere."""

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from nightmare import tables
from nightmare.tables import Table

ROOT = Path(__file__).parents[1]
TABLES = [value for value in vars(tables).values() if isinstance(value, Table)]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_stands_in_its_section(table: Table) -> None:
    section = (ROOT / "docs/data.md").read_text().split(f"### {table.name}\n")[1].split("\n##")[0]
    assert re.findall(r"^\| (\w+) \| (\w+) \|$", section, re.MULTILINE)[1:] == list(table.columns.items())


def test_every_dependency_has_its_reason_and_the_reverse() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[>=<\[]", entry)[0] for entry in project["dependencies"]}
    text = (ROOT / "docs/dependencies.md").read_text()
    explained = set(re.findall(r"^\| ([\w.-]+) \| \w", text, re.MULTILINE)) - {"package"}
    assert explained == declared
    for entry in project["optional-dependencies"]["dev"]:
        assert re.split(r"[>=<]", entry)[0] in text.split("For development:")[1]


def test_every_stage_is_in_the_readme() -> None:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE) == list(stages)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name}: {target}"
