import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tarballs import FakeNpm, icons, pin

from nightmare.sources.packages import fetch_packages
from nightmare.tables import CANDIDATES, read_table

PROJECT = Path(__file__).parents[2]


def scrape(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stages.scrape"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "NIGHTMARE_BACKEND": "threading"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_stage_writes_table_shards_metrics_and_plot_data(tmp_path: Path) -> None:
    params = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    assert params.count("- iconify\n") == 1
    (tmp_path / "params.yaml").write_text(params.replace("- iconify\n", "- folder\n"), encoding="utf-8")

    refused = scrape(tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: no folder data/own")

    for name in ("frogs/a.png", "frogs/b.png", "clowns/c.png"):
        (tmp_path / "data" / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "own" / name).write_bytes(name.encode())
    (tmp_path / "data" / "own" / "metadata.csv").write_text("file,grade\nfrogs/a.png,A\n", encoding="utf-8")
    shutil.copy(tmp_path / "data/own/frogs/b.png", tmp_path / "data/own/clowns/d.png")

    done = scrape(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(read_table(tmp_path / "data" / "candidates.csv", CANDIDATES)) == 4
    assert len(list((tmp_path / "data" / "raw").iterdir())) > 1
    metrics = json.loads((tmp_path / "reports" / "scrape" / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["n"], metrics["distinct"], metrics["left_out"], metrics["packages"]) == (4, 3, 0, 0)
    assert metrics["classes"]["frogs"] == {"A": 1, "B": 0, "C": 0, "none": 1}
    classes = (tmp_path / "reports" / "scrape" / "classes.csv").read_text(encoding="utf-8")
    assert classes.splitlines()[:2] == ["concept,grade,count", "clowns,A,0"]
    assert "frogs,A,1" in classes.splitlines()


@pytest.fixture
def pond(tmp_path: Path) -> Path:
    """The project's own searches and taxonomies over one set of three drawings, which is in the cache."""
    drawings = icons({name: {"body": f"<!-- {name} -->"} for name in ("frog", "eye", "fanged-skull")})
    pins = [pin(drawings)]
    fetch_packages(pins, npm=FakeNpm({pins[0].name: drawings}))
    shutil.copytree(PROJECT / "data" / "taxonomies", tmp_path / "data" / "taxonomies")
    for name in ("search.yaml", "features.yaml"):
        shutil.copy(PROJECT / "data" / name, tmp_path / "data" / name)
    packages = json.dumps([one.model_dump() for one in pins])
    (tmp_path / "data" / "packages.json").write_text(packages, encoding="utf-8")
    return tmp_path


def found(folder: Path, version: str) -> dict[str, tuple[str, str]]:
    """Concept and grade of the candidates that the stage finds for a data set version, by drawing."""
    params = (PROJECT / "params.yaml").read_text(encoding="utf-8")
    assert params.count("  version: anf ") == 1
    (folder / "params.yaml").write_text(params.replace("  version: anf ", f"  version: {version} "), encoding="utf-8")
    done = scrape(folder)
    assert done.returncode == 0, done.stderr
    rows = read_table(folder / "data" / "candidates.csv", CANDIDATES)
    return {row.source_id: (row.class_hint, row.grade_hint) for row in rows.itertuples()}


def test_each_version_searches_for_its_own_concepts(pond: Path) -> None:
    ten_classes = {"pond:fanged-skull": ("skulls", "A"), "pond:frog": ("frogs", "A")}
    assert found(pond, "anf") == ten_classes
    assert found(pond, "impn") == {"pond:fanged-skull": ("fangs", "A"), "pond:eye": ("eyes", "B")}
    assert found(pond, "idl") == ten_classes


def test_features_change_nothing_for_the_other_versions(pond: Path) -> None:
    found(pond, "anf")
    before = (pond / "data" / "candidates.csv").read_bytes()
    (pond / "data" / "features.yaml").unlink()
    found(pond, "anf")
    assert (pond / "data" / "candidates.csv").read_bytes() == before
