"""Ctrl-C on the real command: what is finished stays, the manifest is whole, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch import Tensor

from nightmare.dream.batch import MANIFEST
from nightmare.dream.engine import to_picture
from nightmare.dream.picture import read_provenance
from nightmare.dream.workers import ModelFolder
from nightmare.tables import DREAMS, read_table

# A process that was started in the background ignores the signal from birth. With a core for each photo all dreams
# would be done at once, and none be left to interrupt.
PROGRAM = """
import os, signal
os.cpu_count = lambda: 2
signal.signal(signal.SIGINT, signal.default_int_handler)
from nightmare.cli import app
app()
"""
NAMES = "abcdef"


@pytest.mark.parametrize("backend", ["sequential", "loky"])
def test_an_interrupted_run_goes_on(backend: str, tmp_path: Path, photos: Tensor, model_folder: ModelFolder) -> None:
    (tmp_path / "photos").mkdir()
    for number, name in enumerate(NAMES):
        to_picture(photos[number % 3].roll(number, dims=2)).resize((160, 120)).save(tmp_path / "photos" / f"{name}.png")
    arguments = ["dream", "photos", "-o", "out", "--model", str(model_folder.directory), "--pixels", "160"]
    command = [sys.executable, "-c", PROGRAM, *arguments, "--iterations", "8", "--octaves", "2", "--layers", "layer3"]
    environment = {**os.environ, "NIGHTMARE_BACKEND": backend, "OMP_NUM_THREADS": "1"}

    running = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (tmp_path / "out" / MANIFEST).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: the workers hear it too
    _, complaints = running.communicate(timeout=120)
    assert running.returncode == 130, complaints
    assert "run the same command again to go on" in complaints

    made = read_table(tmp_path / "out" / MANIFEST, DREAMS)["path"].tolist()
    assert 1 <= len(made) < len(NAMES)
    assert not list((tmp_path / "out").glob(".*"))
    times = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in made}
    for name in made:
        read_provenance(tmp_path / "out" / name)
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert f"{len(made)} there already" in again.stdout
    assert len(read_table(tmp_path / "out" / MANIFEST, DREAMS)) == len(NAMES)
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in made} == times
