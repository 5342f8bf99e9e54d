"""Photos behind drawings: of the size asked for, each another, and a function of the installed packages alone."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from nightmare.data.canvases import SHIPPED
from nightmare.train.backgrounds import background_canvases


def test_every_shipped_photo_is_there_in_twice_the_size() -> None:
    photos = background_canvases(48)
    assert photos.shape == (len(SHIPPED), 3, 96, 96)
    assert 0 <= photos.min() < 0.1
    assert 0.9 < photos.max() <= 1
    distances = torch.cdist(photos.flatten(1), photos.flatten(1))
    assert (distances + torch.eye(len(photos)) > 0.5).all(), "no photo comes twice"


def test_a_canvas_of_ones_own_changes_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = background_canvases(32)
    (tmp_path / "data" / "canvases").mkdir(parents=True)
    Image.new("RGB", (400, 300), "red").save(tmp_path / "data" / "canvases" / "own.png")
    monkeypatch.chdir(tmp_path)
    assert torch.equal(background_canvases(32), expected)
