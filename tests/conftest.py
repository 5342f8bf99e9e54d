"""Tiny data that every test may use: two classes of drawings that a network tells apart within seconds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from warm import warm_python

from nightmare.data.arrays import Arrays
from nightmare.params import ModelParams, Params, TrainParams, load_params


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the checkpoints of another or of the developer's own runs."""
    monkeypatch.setenv("NIGHTMARE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def programs() -> Iterator[Path]:
    """A folder with a `python` that starts stages without delay: a warm one, for all tests that run them."""
    with warm_python() as folder:
        yield folder


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params()


@pytest.fixture
def tiny_model(params: Params) -> ModelParams:
    return params.model.model_copy(update={"depth": 18, "pixels": 32})


@pytest.fixture
def tiny_train(params: Params) -> TrainParams:
    """Settings of its own, so that tuning params.yaml moves no test."""
    own = {"epochs": 2, "batch": 8, "select": "last", "learning_rate": 1e-3, "color_jitter": 0.1, "first_pixels": 32}
    return params.train.model_copy(update=own)


@pytest.fixture
def tiny_split() -> pd.DataFrame:
    """Forty images of two classes: 24 to train on, 8 to validate, 8 to test; two folds."""
    number = np.arange(40)
    return pd.DataFrame(
        {
            "id": [f"{value:016x}" for value in number],
            "label": np.where(number % 2 == 0, "disc", "bars"),
            "grade": "A",
            "group": [f"{value:016x}" for value in number],
            "side": np.where(number < 24, "train", np.where(number < 32, "val", "test")),
            "fold": np.where(number < 32, number // 2 % 2, -1),
            "keep": True,
        }
    )


@pytest.fixture
def tiny_arrays(tiny_split: pd.DataFrame) -> Arrays:
    """Discs are red and round, bars blue and striped, each a little different; every fourth is a photograph."""
    generator = np.random.default_rng(0)
    rgba = np.zeros((len(tiny_split), 4, 32, 32), dtype=np.uint8)
    down, across = np.mgrid[:32, :32]
    for row, label in enumerate(tiny_split["label"]):
        top, left = generator.integers(13, 19, size=2)
        if label == "disc":
            shape = np.hypot(down - top, across - left) < 9
            color = (220, 30, 20)
        else:
            shape = ((across + left) // 4 % 2 == 0) & (np.abs(down - top) < 10)
            color = (20, 40, 220)
        rgba[row, :3] = np.where(shape, np.array(color)[:, None, None], 0)
        rgba[row, 3] = shape * 255
    opaque = np.arange(len(tiny_split)) % 4 == 3
    rgba[opaque, 3] = 255
    return Arrays(tuple(tiny_split["id"]), rgba, opaque)


@pytest.fixture
def tiny_canvases() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
