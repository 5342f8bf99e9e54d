"""A dream made again is the same file, and says why when it cannot be."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from nightmare.data.canvases import Photo, find_photos
from nightmare.dream import again, batch
from nightmare.dream.again import redream
from nightmare.dream.batch import Order, dream_photos, plan_dreams
from nightmare.dream.engine import to_picture, to_tensor
from nightmare.dream.picture import read_provenance, save_dream
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError, ModelError
from nightmare.train.model import Model, load_model, save_model


# Made in this process, or in one of several workers, which have another number of threads: that changes last bits.
@pytest.fixture(params=[1, 2])
def picture(tmp_path: Path, photos: Tensor, model_folder: ModelFolder, request: pytest.FixtureRequest) -> Path:
    (tmp_path / "photos").mkdir()
    for name in ("sea", "sun")[: request.param]:
        to_picture(photos[0]).resize((200, 150)).save(tmp_path / "photos" / f"{name}.png")
    recipe = Recipe(layers={"layer2": 1.0, "layer3": 0.5}, octaves=2, octave_scale=1.3, iterations=2, strength=0.7)
    plan = plan_dreams(
        find_photos([tmp_path / "photos"]), tmp_path / "dreams", order=Order(model_folder, recipe, pixels=96)
    )
    made = [path for path in dream_photos(plan) if isinstance(path, Path)]
    return min(made)  # that of the sea, whoever was done first


def test_it_is_the_same_file(picture: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    redream(picture, tmp_path / "again.png", folder=model_folder, places=[tmp_path / "photos"])
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()
    assert torch.get_num_threads() == threads


def test_it_is_computed_by_as_many_threads(
    picture: Path, model_folder: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = again.painted
    monkeypatch.setattr(
        again, "painted", lambda *given, **options: seen.append(torch.get_num_threads()) or real(*given, **options)
    )
    image = Image.open(picture).convert("RGB")
    made = read_provenance(picture).model_copy(update={"threads": 3})
    save_dream(tmp_path / "by-three.png", to_tensor(image)[0], made)
    redream(tmp_path / "by-three.png", tmp_path / "again.png", folder=model_folder, places=[tmp_path / "photos"])
    assert seen == [3]
    assert read_provenance(tmp_path / "again.png").threads == 3


@pytest.mark.parametrize(("version", "warnings"), [("1.0", 1), ("", 0), (str(torch.__version__), 0)])
def test_another_torch_is_said_where_it_is_known(
    picture: Path,
    model_folder: ModelFolder,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    version: str,
    warnings: int,
) -> None:
    made = read_provenance(picture).model_copy(update={"torch": version})
    save_dream(tmp_path / "old.png", torch.zeros(3, 8, 8), made)
    redream(tmp_path / "old.png", tmp_path / "again.png", folder=model_folder, places=[tmp_path / "photos"])
    assert caplog.text.count(f"old.png was made with torch {version}, this is {torch.__version__}: ") == warnings
    assert len(caplog.records) == warnings
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()  # which names the torch that made it


def test_it_can_be_made_larger(picture: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    redream(picture, tmp_path / "large.png", folder=model_folder, places=[tmp_path / "photos"], pixels=160)
    with Image.open(tmp_path / "large.png") as large:
        assert large.size == (160, 120)
    assert read_provenance(tmp_path / "large.png").pixels == 160


def test_another_engine_is_refused(picture: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    made = read_provenance(picture).model_copy(update={"engine": 1})
    save_dream(tmp_path / "old.png", torch.zeros(3, 8, 8), made)
    with pytest.raises(InputError, match="made by engine 1, this is"):
        redream(tmp_path / "old.png", tmp_path / "again.png", folder=model_folder, places=[tmp_path / "photos"])


def test_another_model_is_refused(picture: Path, model: Model, tmp_path: Path) -> None:
    with torch.no_grad():
        model.network.fc.bias.add_(1)
    save_model(tmp_path / "other", model.network, model.card)
    other = ModelFolder(tmp_path / "other", load_model(tmp_path / "other").sha256)
    with pytest.raises(ModelError, match="this one is"):
        redream(picture, tmp_path / "again.png", folder=other, places=[tmp_path / "photos"])
    assert not (tmp_path / "again.png").exists()


def test_a_photo_that_changed_or_is_absent_is_named(picture: Path, model_folder: ModelFolder, tmp_path: Path) -> None:
    for photo in (tmp_path / "photos").iterdir():
        photo.write_bytes(b"another")
    with pytest.raises(InputError, match=r"the photo sea \([0-9a-f]{12}\) is not here: say where"):
        redream(picture, tmp_path / "again.png", folder=model_folder, places=[tmp_path / "photos", tmp_path / "absent"])


def test_a_film_is_no_photo(
    picture: Path, model_folder: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_MOST_BYTES", (tmp_path / "photos" / "sea.png").stat().st_size - 1)
    with pytest.raises(InputError, match=r"the photo sea \([0-9a-f]{12}\) is not here"):
        redream(picture, tmp_path / "again.png", folder=model_folder, places=[tmp_path / "photos"])


def test_turns_frequencies_guides_and_masks_come_back_too(
    photos: Tensor, model_folder: ModelFolder, tmp_path: Path
) -> None:
    for name, photo in zip(("sea", "guide", "mask"), photos, strict=True):
        to_picture(photo).save(tmp_path / f"{name}.png")
    sea, guide, mask = (Photo(name, tmp_path / f"{name}.png") for name in ("sea", "guide", "mask"))
    recipe = Recipe(
        layers={"layer2": 1.0}, objective="guided", octaves=2, octave_scale=1.36, iterations=2, rotation=20.0, zoom=0.1,
        parametrisation="fourier", masks=[{}, {"layer1": 1.0}], feather=2.0,
    )  # fmt: skip
    order = Order(model_folder, recipe, pixels=80, guides=(guide, sea), masks=(mask, guide))
    (picture,) = dream_photos(plan_dreams([sea], tmp_path / "dreams", order=order))
    assert isinstance(picture, Path)
    redream(picture, tmp_path / "again.png", folder=model_folder, places=[tmp_path])
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()
