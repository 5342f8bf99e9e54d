"""The result tables: from metrics to Markdown, into the README between its markers."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nightmare.cli import app
from nightmare.errors import InputError
from nightmare.results import results, write_results

SCORES = {"accuracy": 0.5, "balanced_accuracy": 0.25, "n": 8}
TEST = {
    **SCORES,
    "balanced_accuracy_low": 0.2,
    "balanced_accuracy_high": 0.3,
    "difference_low": -0.1,
    "difference_high": 0.02,
    "beyond_control_low": -0.05,
    "beyond_control_high": 0.07,
    "grade": {"A": 0.75, "C": 0.125},
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    evaluated = {model: {"test": TEST, "validation": SCORES} for model in ("train", "retrain", "control", "robust")}
    metrics = {
        "evaluate": evaluated,
        "crossval": {**SCORES, "grade": {"A": 0.5}},
        "split": {"n": 10},
        "cull": {"class": {"frogs": 1}},
        "dream": {"n": 3, "darkening": -0.01},
    }
    for stage, content in metrics.items():
        (tmp_path / "reports" / stage).mkdir(parents=True)
        (tmp_path / "reports" / stage / "metrics.json").write_text(json.dumps(content))
    sides = "class,side,count\nfrogs,train,5\nfrogs,val,3\nfrogs,test,2\n"
    (tmp_path / "reports" / "split" / "classes.csv").write_text(sides)
    return tmp_path


def test_every_figure_is_in_the_tables(run: Path) -> None:
    text = results(run)
    for model in ("before culling", "after culling", "culled at random", "the dreaming one"):
        difference = "" if model == "before culling" else "-0.100 to 0.020"
        beyond = "" if model == "culled at random" else "-0.050 to 0.070"
        cells = f"| {model:22} | test                    | 8 | 0.500    | 0.250    | 0.200 to 0.300 | {difference:20} |"
        assert f"{cells} {beyond:21} | 0.750   |" in text
    assert "out of fold, whole pool" in text
    assert "| frogs | 5     | 3   | 2    | 1" in text
    assert "darkening | -0.010" in text


def test_only_the_marked_part_of_a_file_changes(run: Path) -> None:
    readme = run / "README.md"
    readme.write_text("before\n<!-- results -->\nstale figures\n<!-- /results -->\nafter\n")
    write_results(readme, run)
    text = readme.read_text()
    assert text.startswith("before\n<!-- results -->\n|")
    assert text.endswith("|\n<!-- /results -->\nafter\n")
    assert "stale figures" not in text
    write_results(readme, run)
    assert readme.read_text() == text


@pytest.mark.parametrize("text", ["text", "<!-- /results -->\n<!-- results -->\n"])
def test_file_without_markers_is_left_alone(run: Path, text: str) -> None:
    readme = run / "README.md"
    readme.write_text(text)
    with pytest.raises(InputError, match="needs the line <!-- results -->"):
        write_results(readme, run)
    assert readme.read_text() == text


@pytest.mark.parametrize("content", [None, b"\x89PNG\xff"])
def test_what_is_no_text_is_left_alone(run: Path, content: bytes | None) -> None:
    picture = run / "dream.png"
    if content:
        picture.write_bytes(content)
    with pytest.raises(InputError, match="no text in UTF-8"):
        write_results(picture, run)
    assert (picture.read_bytes() if picture.exists() else None) == content


def test_command_without_a_run_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(app, ["results"])
    assert answer.exit_code == 1
    assert "run `make repro`" in answer.output
