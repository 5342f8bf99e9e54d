"""A dream made again is the same file, and says why when it cannot be."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nightmare.data.canvases import find_photos
from nightmare.dream.again import redream
from nightmare.dream.batch import dream_photos
from nightmare.dream.engine import to_picture
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError, ModelError
from nightmare.train.model import Model, load_model, save_model


@pytest.fixture
def picture(tmp_path: Path, photos: Tensor, model_folder: ModelFolder) -> Path:
    # In worker processes, which have another number of threads than this one: that alone changes the last bits.
    (tmp_path / "photos").mkdir()
    to_picture(photos[0]).resize((200, 150)).save(tmp_path / "photos" / "sea.png")
    recipe = Recipe(layers={"layer2": 1.0, "layer3": 0.5}, octaves=2, octave_scale=1.3, iterations=2, strength=0.7)
    found = find_photos([tmp_path / "photos"])
    (made,) = dream_photos(found, tmp_path / "dreams", folder=model_folder, recipe=recipe, pixels=96)
    assert isinstance(made, Path)
    return made


def test_it_is_the_same_file(picture: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    redream(picture, tmp_path / "again.png", folder=model_folder, places=[tmp_path / "photos"])
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()


def test_another_model_is_refused(picture: Path, model: Model, tmp_path: Path) -> None:
    with torch.no_grad():
        model.network.fc.bias.add_(1)
    save_model(tmp_path / "other", model.network, model.card)
    other = ModelFolder(tmp_path / "other", load_model(tmp_path / "other").sha256)
    with pytest.raises(ModelError, match="this one is"):
        redream(picture, tmp_path / "again.png", folder=other, places=[tmp_path / "photos"])
    assert not (tmp_path / "again.png").exists()


def test_a_photo_that_changed_or_is_absent_is_named(picture: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    (tmp_path / "photos" / "sea.png").write_bytes(b"another")
    with pytest.raises(InputError, match=r"the photo sea \([0-9a-f]{12}\) is not here: say where"):
        redream(picture, tmp_path / "again.png", folder=model_folder, places=[tmp_path / "photos", tmp_path / "absent"])
