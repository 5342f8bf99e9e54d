"""The pipeline's definition is true: dependencies are import closures, parameters exist, are read and documented."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from nightmare.data.taxonomy import load_taxonomy
from nightmare.dream.recipe import Recipe
from nightmare.params import JudgeParams, Params, RobustParams

ROOT = Path(__file__).parents[1]
STAGES: dict[str, dict[str, Any]] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
ORDER = ("studio", "experiments", "dream", "cull", "train", "data", "sources")


def module_path(name: str) -> Path | None:
    base = ROOT.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def imported_modules(path: Path) -> set[Path]:
    """The project's own modules that `path` names in an import, packages above them included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    own = {name for name in names if name.split(".")[0] == "nightmare"}
    return {found for name in own if (found := module_path(name)) and found.name != "__init__.py"}


def import_closure(script: Path) -> set[str]:
    """The script and every module of the project that it imports, however far away."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += imported_modules(path)
    return {str(path.relative_to(ROOT)) for path in seen}


def script_of(stage: dict[str, Any]) -> Path:
    python, option, module, *_ = stage["cmd"].split()
    assert (python, option) == ("python", "-m")
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


@pytest.mark.parametrize("name", STAGES)
def test_dependencies_are_the_import_closure(name: str) -> None:
    declared = {path for path in STAGES[name]["deps"] if path.endswith(".py")}
    expected = import_closure(script_of(STAGES[name]))
    assert declared == expected, (
        f"dvc.yaml, {name}: add {sorted(expected - declared)}, drop {sorted(declared - expected)}"
    )


def test_a_stage_runs_the_library_beside_it(tmp_path: Path) -> None:
    # Queued experiments run in a copy of the project: what is installed would be the code of the moment, not theirs.
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    (tmp_path / "nightmare").mkdir()
    (tmp_path / "nightmare" / "__init__.py").write_text('raise SystemExit("of this copy")')
    for stage in STAGES.values():
        command = [sys.executable, *stage["cmd"].split()[1:]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (1, "of this copy\n")


def test_package_files_import_nothing() -> None:
    for path in (ROOT / "nightmare").rglob("__init__.py"):
        imports = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not imports, f"{path} must import nothing: every stage would depend on it"


def test_imports_flow_downwards() -> None:
    for path in (ROOT / "nightmare").rglob("*.py"):
        room = path.relative_to(ROOT / "nightmare").parts[0]
        for imported in imported_modules(path):
            other = imported.relative_to(ROOT / "nightmare").parts[0]
            if other in ORDER:
                assert room in ORDER or room == "cli.py", f"{path} is below {imported} and imports it"
                assert room == "cli.py" or ORDER.index(room) <= ORDER.index(other), (
                    f"{path} imports upwards: {imported}"
                )


@pytest.mark.parametrize("name", STAGES)
def test_stage_is_described_and_named_alike_everywhere(name: str) -> None:
    stage = STAGES[name]
    assert stage.get("desc", "").endswith(".")
    assert script_of(stage).stem == ("train" if name in {"retrain", "control", "robust", "judge"} else name)
    metrics = [path for entry in stage["metrics"] for path in entry]
    assert metrics == [f"reports/{name}/metrics.json"]


def leaves(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found = {}
    for key, value in node.items():
        path = f"{prefix}{key}"
        found |= leaves(value, f"{path}.") if isinstance(value, dict) and path != "dream.layers" else {path: value}
    return found


PARAMETERS = leaves(YAML(typ="safe").load((ROOT / "params.yaml").read_text()))


def test_no_parameter_has_a_name_that_dvc_drops() -> None:
    # DVC leaves `size` and `nfiles` out of the run-cache key at any depth and would restore the wrong output.
    for name in PARAMETERS:
        assert not {"size", "nfiles"} & set(name.split("."))


def test_every_parameter_is_in_the_typed_form_and_the_reverse() -> None:
    assert typed_leaves(Params) == set(PARAMETERS)


def typed_leaves(kind: Any, prefix: str = "") -> set[str]:
    inner = getattr(kind, "model_fields", None)
    if inner is None:
        return {prefix}
    return {
        leaf for key, field in inner.items() for leaf in typed_leaves(field.annotation, f"{prefix}.{key}".strip("."))
    }


SECTIONS = {"Params": "", "AdversarialParams": "train.adversarial"} | {
    kind.__name__: name
    for name, field in Params.model_fields.items()
    if hasattr(kind := field.annotation, "model_fields")
}


def parameters_read(function: ast.FunctionDef) -> set[str | None]:
    """The parameters that `function` reads of `load_params()`, of arguments of its types, and of names for these."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    kinds = {argument.arg: ast.unparse(argument.annotation) for argument in arguments if argument.annotation}
    known = {name: SECTIONS[kind] for name, kind in kinds.items() if kind in SECTIONS} | {"load_params()": ""}

    def parameter(node: ast.expr) -> str | None:
        root, _, rest = ast.unparse(node).partition(".")
        return f"{known[root]}.{rest}".strip(".") if root in known else None

    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and (section := parameter(node.value)) is not None:
            known[ast.unparse(node.targets[0])] = section
    read = {parameter(node) for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    if "dream.model_dump" in read and "include=set(Recipe.model_fields)" in ast.unparse(function):
        read |= {f"dream.{name}" for name in Recipe.model_fields}
    if "dict(section)" in ast.unparse(function):
        read |= typed_leaves(RobustParams, "robust") | typed_leaves(JudgeParams, "judge")
    if "model.architecture" in read:
        read |= {"model.network", "model.depth"}
    return read


def test_every_parameter_is_read() -> None:
    read = set()
    for path in [*(ROOT / "nightmare").rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                read |= parameters_read(node)
    assert not set(PARAMETERS) - read


def test_every_parameter_is_explained() -> None:
    text = (ROOT / "params.yaml").read_text()
    for name in PARAMETERS:
        key = name.split(".")[-1]
        assert re.search(rf"^ *{key}:.* # \w", text, re.MULTILINE), f"params.yaml: say when one would change {name}"


def names_read(program: str) -> set[str]:
    """What `program` reads of `params` and `load_params()`, such as `seed`, `label.version` or a whole `scrape`."""
    nodes = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Attribute)]
    within = {node.value for node in nodes}
    whole = [ast.unparse(node) for node in nodes if node not in within]
    named = [re.fullmatch(r"(?:params|load_params\(\))\.(.+)", text) for text in whole]
    return {match[1] for match in named if match and match[1].split(".")[0] in Params.model_fields}


def test_stage_declares_the_sections_that_its_script_reads() -> None:
    for name, stage in STAGES.items():
        text = script_of(stage).read_text()
        declared = set(stage.get("params", []))
        # A stage that needs one parameter of another's section declares that one, and reads no other of them.
        used = {path if path in declared else path.split(".")[0] for path in names_read(text)}
        if "model_card" in text:
            used |= {"seed", "model", "train"}  # what nightmare.train.model.model_card reads of the parameters
        if "judge_params" in text:
            used |= {"judge"}  # what nightmare.train.judge.judge_params reads
        # A program of several stages reads the section named after a stage for that one; `train` is for all of them.
        alike = {other for other, its in STAGES.items() if script_of(its) == script_of(stage)}
        used -= alike - {name, "train"}
        assert used == declared, f"dvc.yaml, {name}"


def test_the_search_of_every_version_is_a_dependency_of_scrape() -> None:
    taxonomies = ROOT / "data" / "taxonomies"
    searches = {str(load_taxonomy(taxonomies, file.stem).search) for file in taxonomies.glob("*.yaml")}
    assert searches == {"data/search.yaml", "data/features.yaml"}
    assert searches <= set(STAGES["scrape"]["deps"])


def output_paths(stage: dict[str, Any]) -> list[str]:
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [path for entry in entries for path in ([entry] if isinstance(entry, str) else entry)]


def test_outputs_are_ours_alone() -> None:
    outputs = [path for stage in STAGES.values() for path in output_paths(stage)]
    assert len(outputs) == len(set(outputs))
    folders = [Path(path) for path in outputs]
    assert not [(inner, outer) for inner in folders for outer in folders if outer in inner.parents]


def test_every_program_is_in_git() -> None:
    # An experiment runs in a copy that dvc makes of what git knows: a module that nobody added is not there.
    command = ["git", "ls-files", "--others", "--exclude-standard", "--", "*.py"]
    missing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not missing, f"git add {' '.join(missing)}"


def test_git_tracks_no_output_that_dvc_keeps() -> None:
    # DVC refuses to run a stage whose output git tracks, which shows only in a fresh clone.
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    tracked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not tracked, f"git rm --cached {' '.join(tracked)}"


def test_dependencies_that_no_stage_makes_are_in_git() -> None:
    made = {Path(path) for stage in STAGES.values() for path in output_paths(stage)}
    for name, stage in STAGES.items():
        for path in stage["deps"]:
            if Path(path) not in made and "${" not in path:
                listed = subprocess.run(["git", "ls-files", path], cwd=ROOT, capture_output=True, text=True, check=True)
                assert listed.stdout, f"dvc.yaml, {name}: {path} is not in git, so a fresh clone lacks it"
