import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from nightmare.tables import CANDIDATES, read_table

PROJECT = Path(__file__).parents[2]


def scrape(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stages.scrape"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
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
