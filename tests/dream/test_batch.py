"""A folder of dreams: each made once, gone on with after an interruption, bad files named and passed over."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from torch import Tensor

from nightmare.data.canvases import Photo, find_photos
from nightmare.dream import batch
from nightmare.dream.batch import MANIFEST, Refused, dream_photos
from nightmare.dream.engine import dream_pictures, to_picture
from nightmare.dream.picture import read_provenance
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError
from nightmare.tables import DREAMS, read_table
from nightmare.train.model import Model

RECIPE = Recipe(layers={"layer2": 1.0}, octaves=1, iterations=1, jitter=4)


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")


@pytest.fixture
def album(tmp_path: Path, photos: Tensor) -> Path:
    for name, photo in zip(("a", "b", "c"), photos, strict=True):
        (tmp_path / "photos").mkdir(exist_ok=True)
        to_picture(photo).save(tmp_path / "photos" / f"{name}.png")
    return tmp_path / "photos"


def dreamt(album: Path, folder: ModelFolder, *, recipe: Recipe = RECIPE, pixels: int = 64) -> list[Path | Refused]:
    out = album.parent / "dreams"
    return list(dream_photos(find_photos([album]), out, folder=folder, recipe=recipe, pixels=pixels))


def test_each_photo_is_dreamt_on_once(album: Path, model_folder: ModelFolder, model: Model) -> None:
    made = dreamt(album, model_folder)
    out = album.parent / "dreams"
    assert made == [out / f"{name}-energy.png" for name in "abc"]
    assert list(read_table(out / MANIFEST, DREAMS)["path"]) == [f"{name}-energy.png" for name in "abc"]
    (expected,) = dream_pictures(
        model, [Image.open(album / "b.png").convert("RGB")], RECIPE, names=[read_provenance(made[1]).canvas]
    )
    with Image.open(made[1]) as picture:
        assert picture.tobytes() == expected.tobytes()
    assert dreamt(album, model_folder) == []


@pytest.mark.parametrize("change", ["picture", "photo", "recipe", "pixels", "manifest"])
def test_what_would_come_out_otherwise_is_made_again(album: Path, model_folder: ModelFolder, change: str) -> None:
    dreamt(album, model_folder)
    out = album.parent / "dreams"
    if change == "picture":
        (out / "b-energy.png").unlink()
    elif change == "photo":
        shutil.copy(album / "a.png", album / "b.png")
    elif change == "manifest":
        lines = (out / MANIFEST).read_text().splitlines(keepends=True)
        (out / MANIFEST).write_text("".join(line for line in lines if not line.startswith("b-")))
    recipe = RECIPE.model_copy(update={"seed": 7}) if change == "recipe" else RECIPE
    again = dreamt(album, model_folder, recipe=recipe, pixels=48 if change == "pixels" else 64)
    assert [path.name[0] for path in again if isinstance(path, Path)] == (
        ["a", "b", "c"] if change in ("recipe", "pixels") else ["b"]
    )
    assert len(read_table(out / MANIFEST, DREAMS)) == 3


def test_bad_files_are_named_and_the_rest_is_made(album: Path, model_folder: ModelFolder) -> None:
    (album / "b.png").write_bytes((album / "b.png").read_bytes()[:60])
    first, second, third = dreamt(album, model_folder)
    assert isinstance(second, Refused)
    assert (second.path.name, second.error.reason) == ("b.png", "damaged")
    assert [path.name for path in (first, third) if isinstance(path, Path)] == ["a-energy.png", "c-energy.png"]


def test_an_interruption_leaves_a_valid_manifest_to_go_on_from(
    album: Path, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = batch.fulfil, []

    def interrupted(*arguments: object, **options: object) -> object:
        made.append(1)
        if len(made) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "fulfil", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dreamt(album, model_folder)
    assert list(read_table(album.parent / "dreams" / MANIFEST, DREAMS)["path"]) == ["a-energy.png"]
    monkeypatch.setattr(batch, "fulfil", real)
    assert [path.name for path in dreamt(album, model_folder) if isinstance(path, Path)] == [
        "b-energy.png",
        "c-energy.png",
    ]


def test_a_manifest_that_cannot_be_read_is_not_written_over(album: Path, model_folder: ModelFolder) -> None:
    out = album.parent / "dreams"
    out.mkdir()
    (out / MANIFEST).write_text("my own notes\n")
    with pytest.raises(InputError, match=r"move .* away"):
        dreamt(album, model_folder)
    assert (out / MANIFEST).read_text() == "my own notes\n"


def test_photos_of_one_name_have_pictures_of_their_own(album: Path, model_folder: ModelFolder) -> None:
    twins = [Photo("sea", album / "a.png"), Photo("sea", album / "b.png")]
    made = list(dream_photos(twins, album.parent / "out", folder=model_folder, recipe=RECIPE, pixels=64))
    assert [path.name for path in made if isinstance(path, Path)] == ["sea-energy.png", "sea-2-energy.png"]
