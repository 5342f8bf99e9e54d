"""Checkpoints: whole or absent, one process at a time, a full disk told by its number."""

import errno
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch

from nightmare.errors import InputError
from nightmare.params import Params
from nightmare.train.checkpoint import load_checkpoint, only_one, save_checkpoint
from nightmare.train.model import model_card, save_model
from nightmare.train.network import build_network

STATE = {"history": [{"epoch": 1, "train_loss": 0.5}], "network": {"weight": torch.arange(4.0)}}


@contextmanager
def files_of_at_most(limit: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_state_comes_back(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint.pt", STATE)
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert state is not None
    assert state["history"] == STATE["history"]
    assert torch.equal(state["network"]["weight"], torch.arange(4.0))
    assert load_checkpoint(tmp_path / "none.pt") is None


def test_a_file_without_its_end_or_with_other_bytes_is_none(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, STATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert load_checkpoint(path) is None
    start = content.index(b"data.pkl") + len(b"data.pkl")
    loaded = []
    for place in range(start, start + 120, 3):  # among the names and the pickle, where any error may come of it
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        loaded.append(load_checkpoint(path))
    assert sum(state is None for state in loaded) > 20, "most bytes matter"


def test_a_second_training_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    refused = pytest.raises(InputError, match=r"same training \(train\): wait until it ends or stop it")
    with only_one(path, "train"), refused, only_one(path, "train"):
        pass
    with only_one(path, "train"):
        pass


@pytest.mark.parametrize("file", ["checkpoint", "model"])
def test_a_file_that_cannot_be_written_has_its_reason_and_is_not_left_behind(
    file: str, tmp_path: Path, params: Params, tiny_split: pd.DataFrame
) -> None:
    network, card = build_network("resnet18", 2), model_card(params, tiny_split)
    write: Callable[[], None] = {
        "checkpoint": lambda: save_checkpoint(tmp_path / "checkpoint.pt", {"network": network.state_dict()}),
        "model": lambda: save_model(tmp_path, network, card),
    }[file]
    with files_of_at_most(1024), pytest.raises(OSError) as caught:
        write()
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []
