"""Each module says in `__all__` what others may use, and all of it is its own and explained."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for path in (ROOT / "nightmare").rglob("*.py") if path.name != "__init__.py")
# Fields of a section are explained where people set them: tests/test_pipeline_definition.py asks params.yaml for it.
EXPLAINED_IN_PARAMS_YAML = "_Section"

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


def definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """What a module itself defines at its top level, by name; what it imports is not there."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {
                name.id: node for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return found


def public_names(tree: ast.Module) -> list[str]:
    statement = definitions(tree)["__all__"]
    assert isinstance(statement, ast.Assign)
    names: list[str] = ast.literal_eval(statement.value)
    return names


@every_module
def test_public_names_are_defined_here_and_explained(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = definitions(tree)
    assert "__all__" in own, f"{path} needs an __all__"
    names = public_names(tree)
    assert names
    assert len(names) == len(set(names))
    assert not set(names) - set(own), "listed and not defined in this module"
    # What is decorated, such as a command, is reached through what decorates it.
    made = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    plain = {node.name for node in made if isinstance(node, ast.ClassDef) or not node.decorator_list}
    hidden = {name for name in plain if not name.startswith("_")} - set(names)
    assert not hidden, f"{path}: list {', '.join(hidden)} in __all__ or begin the name with an underscore"
    assert ast.get_docstring(tree), f"{path} does not say what it is for"
    for name in names:
        node = own[name]
        if isinstance(node, ast.ClassDef) and EXPLAINED_IN_PARAMS_YAML in map(ast.unparse, node.bases):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            assert ast.get_docstring(node), f"{path}: {name} is public and has no docstring"


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted((ROOT / "stages").glob("*.py"))], ids=lambda path: str(path.relative_to(ROOT))
)
def test_only_public_names_are_imported(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nightmare."):
            source = ROOT.joinpath(*str(node.module).split(".")).with_suffix(".py")
            public = public_names(ast.parse(source.read_text(encoding="utf-8")))
            private = {alias.name for alias in node.names} - set(public)
            assert not private, f"{path} imports {', '.join(private)}, which {source} does not list in __all__"
