"""The stage as DVC starts it, on the shipped photos, small."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from PIL import Image
from ruamel.yaml import YAML

from nightmare.dream.picture import read_provenance
from nightmare.dream.workers import ModelFolder
from nightmare.tables import DREAMS, read_table
from nightmare.train.model import load_model, save_model

ROOT = Path(__file__).parents[2]
Stage: TypeAlias = Callable[[], subprocess.CompletedProcess[str]]
SMALL = {
    "pixels": 64,
    "octaves": 1,
    "iterations": 1,
    "jitter": 2,
    "portraits": 1,
    "album_octaves": [1, 2],
    "album_iterations": [0, 1],
}


@pytest.fixture
def run_stage(programs: Path, tmp_path: Path) -> Stage:
    environment = {**os.environ, "NIGHTMARE_BACKEND": "sequential", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [programs / "python", "-m", "stages.dream"]
    return lambda: subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)


def write_params(project: Path, **changes: Any) -> None:
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["dream"].update(SMALL | changes)
    yaml.dump(params, project / "params.yaml")


def test_stage(tmp_path: Path, model_folder: ModelFolder, run_stage: Stage) -> None:
    write_params(tmp_path)
    refused = run_stage()
    assert refused.returncode == 1
    assert "no model in models/robust" in refused.stderr

    for name in ("robust", "judge"):
        shutil.copytree(model_folder.directory, tmp_path / "models" / name)
    finished = run_stage()
    assert finished.returncode == 0, finished.stderr
    dreams = read_table(tmp_path / "dreams" / "dreams.csv", DREAMS)
    assert len(dreams) == 5 + 3
    for path in dreams["path"]:
        assert read_provenance(tmp_path / "dreams" / path).model == model_folder.sha256
    for sheet in ("dreams/sheet.png", "dreams/album.png", "reports/dream/sheet.png"):
        with Image.open(tmp_path / sheet) as picture:
            assert min(picture.size) > 100
    metrics = json.loads((tmp_path / "reports" / "dream" / "metrics.json").read_text())
    assert metrics["n"] == 8
    judge = load_model(tmp_path / "models" / "judge")
    assert set(dreams["judged"]) <= set(judge.card.classes)
    of_class = dreams[dreams["objective"].str.startswith("class:")]
    right = [row.objective == f"class:{row.judged}" for row in of_class.itertuples()]
    assert metrics["recognised_canvases_n"] == len(right) == 3
    assert metrics["recognised_canvases"] == pytest.approx(sum(right) / 3, abs=1e-6)
    for start in ("noise", "photos"):
        assert 0 <= metrics[f"recognised_{start}_error"] <= 0.5
        assert metrics[f"recognised_{start}"] * 3 == pytest.approx(round(metrics[f"recognised_{start}"] * 3), abs=1e-4)
        with Image.open(tmp_path / "reports" / "dream" / f"portraits_{start}.png") as picture:
            assert picture.height > 3 * 96, "a row for each of the three classes"

    for objective, names in (("channel:3", 5), ("class:skull", 5 + 2)):
        write_params(tmp_path, objective=objective, classes=objective != "channel:3")
        other = run_stage()
        assert other.returncode == 0, other.stderr
        assert len(read_table(tmp_path / "dreams" / "dreams.csv", DREAMS)) == names
    write_params(tmp_path, iterations=[1, 2])
    assert "iterations has 2 numbers for 1 octaves" in run_stage().stderr


def test_it_is_the_judge_that_is_asked(tmp_path: Path, model_folder: ModelFolder, run_stage: Stage) -> None:
    """It knows other classes here, and says so: a share of dreams recognised may be anybody's."""
    write_params(tmp_path, classes=False, album_octaves=[1], album_iterations=[0])
    shutil.copytree(model_folder.directory, tmp_path / "models" / "robust")
    judge = load_model(model_folder.directory)
    stranger = judge.card.model_copy(update={"classes": ("bat", "frog", "rat")})
    save_model(tmp_path / "models" / "judge", judge.network, stranger)
    refused = run_stage()
    assert refused.returncode == 1
    assert "the judge knows other classes" in refused.stderr
