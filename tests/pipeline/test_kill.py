"""A training that is killed in the middle and started again ends where one that was left alone ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from clones import Clone, make_clone

EPOCHS = 6
_PATIENCE = 120  # seconds until the first checkpoint must be there


@pytest.fixture
def clone(tmp_path: Path, programs: Path) -> Iterator[Clone]:
    """All that a training needs, and the training still to come."""
    clone = make_clone(tmp_path / "left-alone", programs)
    clone.change(train__epochs=EPOCHS)
    clone.repro("split")
    yield clone
    shutil.rmtree(tmp_path)  # half a gigabyte


def test_a_killed_training_goes_on_to_the_same_end(clone: Clone, tmp_path: Path) -> None:
    # Its own Python and no warm one, whose processes would outlive their client.
    killed = Clone(tmp_path / "killed")
    shutil.copytree(clone.folder, killed.folder)
    assert clone.repro("train") == ["train"]

    checkpoint = kill_after_the_first_epoch(killed)
    state = torch.load(checkpoint, weights_only=True)
    assert 1 <= len(state["history"]) < EPOCHS, "the training was not killed in the middle: it needs more epochs"
    assert not (killed.folder / "models" / "train").exists()
    assert not (killed.folder / "reports" / "train" / "metrics.json").exists()
    # A mark in the past, which only a training that goes on from here can know of.
    state["history"][0]["train_loss"] = 1000.0
    torch.save(state, checkpoint)

    assert killed.repro("train") == ["train"]
    for name in ("models/train/model.safetensors", "models/train/model.json", "reports/train/metrics.json"):
        assert (killed.folder / name).read_bytes() == (clone.folder / name).read_bytes()
    expected = pd.read_csv(clone.folder / "reports" / "train" / "history.csv")
    expected.loc[0, "train_loss"] = 1000.0
    pd.testing.assert_frame_equal(pd.read_csv(killed.folder / "reports" / "train" / "history.csv"), expected)


def kill_after_the_first_epoch(clone: Clone) -> Path:
    """Start `dvc repro train`, kill it and all that it started as soon as there is a checkpoint; the checkpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "train"],
        cwd=clone.folder,
        env=clone.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not (found := list(clone.cache.glob("train-*/checkpoint.pt"))):
            assert process.poll() is None, "dvc ended before the first checkpoint"
            assert time.monotonic() < deadline, f"no checkpoint within {_PATIENCE} seconds"
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return found[0]
