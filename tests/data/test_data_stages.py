"""The stage scripts ingest, label and split on a small folder, as the pipeline runs them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from synthetic import drawing, make_candidates, png

from nightmare.tables import CANDIDATES, DUPLICATES, IMAGES, LABELS, REJECTS, SPLIT, read_table, write_table

ROOT = Path(__file__).parents[2]


def run(stage, folder):
    environment = os.environ | {"NIGHTMARE_BACKEND": "threading", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def project(tmp_path):
    """30 pictures of two classes, a copy, and a broken file."""
    things = [
        {"data": png(drawing(number)), "class_hint": "frogs" if number % 2 else "landscapes", "grade_hint": "A"}
        for number in range(30)
    ]
    things += [{"data": png(drawing(3)), "class_hint": "lizards", "grade_hint": "C"}, {"data": b"<html>"}]
    write_table(make_candidates(tmp_path / "data" / "raw", things), tmp_path / "data" / "candidates.csv", CANDIDATES)
    shutil.copytree(ROOT / "data" / "taxonomies", tmp_path / "data" / "taxonomies")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("version: anf ", "version: idl ").replace("smallest_class: 12", "smallest_class: 5")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_three_stages_in_a_row(project):
    data = project / "data"
    for stage in ("ingest", "label", "split"):
        done = run(stage, project)
        assert done.returncode == 0, done.stderr
    assert len(read_table(data / "images.csv", IMAGES)) == 30
    assert len(read_table(data / "duplicates.csv", DUPLICATES)) == 1
    assert len(read_table(data / "rejects.csv", REJECTS)) == 1
    assert set(read_table(data / "labels.csv", LABELS)["label"]) == {"nightmares", "landscapes"}
    assert len(read_table(data / "split.csv", SPLIT)) == 30
    metrics = {name: json.loads((project / f"reports/{name}/metrics.json").read_text()) for name in ("ingest", "split")}
    assert metrics["ingest"] == {
        "n": 30,
        "groups": 30,
        "near_duplicates": 0,
        "largest_group": 1,
        "duplicates": 1,
        "conflicts": 1,
        "rejects": {"format": 1},
    }
    assert (metrics["split"]["n"], metrics["split"]["leaks"]) == (30, 0)
    fates = pd.read_csv(project / "reports/ingest/classes.csv")
    assert list(fates.columns) == ["class", "fate", "count"]
    assert fates["count"].sum() == 32
    assert pd.read_csv(project / "reports/label/classes.csv")["count"].sum() == 30
    assert pd.read_csv(project / "reports/split/classes.csv")["count"].sum() == 30


def test_equal_input_is_equal_bytes(project):
    assert run("ingest", project).returncode == 0
    first = {path: path.read_bytes() for path in (project / "data").rglob("*") if path.is_file()}
    assert run("ingest", project).returncode == 0
    assert first == {path: path.read_bytes() for path in (project / "data").rglob("*") if path.is_file()}


def test_too_many_rejects_stop_the_stage_and_are_listed(project):
    text = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "params.yaml").write_text(text.replace("reject_limit: 0.2", "reject_limit: 0.01"), encoding="utf-8")
    done = run("ingest", project)
    assert done.returncode == 1
    assert "1 of 32 candidates are refused (format 1): read data/rejects.csv" in done.stderr
    assert len(read_table(project / "data" / "rejects.csv", REJECTS)) == 1
    assert not (project / "data" / "images").exists()


def test_unknown_corrections_are_told_and_kept(project):
    assert run("ingest", project).returncode == 0
    corrections = project / "data" / "corrections.csv"
    name = read_table(project / "data" / "images.csv", IMAGES)["id"].iloc[0]
    corrections.write_text(f"id,label,grade,note\nabsent,nightmares,,\n{name},,C,\n")
    done = run("label", project)
    assert done.returncode == 0
    assert "no image has the id absent" in done.stderr
    metrics = json.loads((project / "reports/label/metrics.json").read_text())
    assert (metrics["unknown_corrections"], metrics["by_hand"]) == (1, 1)
    assert "absent" in corrections.read_text()


def test_labels_without_their_images_are_refused(project):
    for stage in ("ingest", "label"):
        assert run(stage, project).returncode == 0
    path = project / "data" / "images.csv"
    images = read_table(path, IMAGES)
    write_table(images.iloc[5:], path, IMAGES)
    done = run("split", project)
    assert done.returncode == 1
    assert "run `dvc repro label`" in done.stderr
