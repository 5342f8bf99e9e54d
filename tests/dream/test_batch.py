"""A folder of dreams: each made once, gone on with after an interruption, bad files named and passed over."""

import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from nightmare.data.canvases import Photo, find_photos
from nightmare.dream import batch, forecast
from nightmare.dream.batch import MANIFEST, Order, Refused, dream_photos, file_hash, plan_dreams
from nightmare.dream.engine import dream_pictures, to_picture
from nightmare.dream.picture import read_provenance
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError
from nightmare.tables import DREAMS, read_table
from nightmare.train.model import Model

RECIPE = Recipe(layers={"layer2": 1.0}, octaves=1, iterations=1, jitter=4)
MARK = Order(ModelFolder(Path(), ""), RECIPE, 64).mark


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
    order = Order(folder, recipe, pixels)
    return list(dream_photos(plan_dreams(find_photos([album]), album.parent / "dreams", order=order)))


def test_each_photo_is_dreamt_on_once(album: Path, model_folder: ModelFolder, model: Model) -> None:
    made = dreamt(album, model_folder)
    out = album.parent / "dreams"
    assert made == [out / f"{name}-energy-{MARK}.png" for name in "abc"]
    assert list(read_table(out / MANIFEST, DREAMS)["path"]) == [f"{name}-energy-{MARK}.png" for name in "abc"]
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
        (out / f"b-energy-{MARK}.png").unlink()
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
    assert len(read_table(out / MANIFEST, DREAMS)) == (6 if change == "recipe" else 3)


def test_bad_files_are_named_and_the_rest_is_made(album: Path, model_folder: ModelFolder) -> None:
    (album / "b.png").write_bytes((album / "b.png").read_bytes()[:60])
    first, second, third = dreamt(album, model_folder)
    assert isinstance(second, Refused)
    assert (second.path.name, second.error.reason) == ("b.png", "damaged")
    assert [path.name for path in (first, third) if isinstance(path, Path)] == [
        f"{name}-energy-{MARK}.png" for name in "ac"
    ]


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
    assert list(read_table(album.parent / "dreams" / MANIFEST, DREAMS)["path"]) == [f"a-energy-{MARK}.png"]
    monkeypatch.setattr(batch, "fulfil", real)
    assert [path.name for path in dreamt(album, model_folder) if isinstance(path, Path)] == [
        f"{name}-energy-{MARK}.png" for name in "bc"
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
    made = list(dream_photos(plan_dreams(twins, album.parent / "out", order=Order(model_folder, RECIPE, 64))))
    assert [path.name for path in made if isinstance(path, Path)] == [
        f"{name}-energy-{MARK}.png" for name in ("sea", "sea-2")
    ]


def test_guides_and_masks_are_looked_at_and_noticed(album: Path, model_folder: ModelFolder, photos: Tensor) -> None:
    edge = Image.new("L", (64, 48), 0)
    edge.paste(255, (60, 0, 64, 48))
    edge.save(album.parent / "edge.png")
    to_picture(photos[2]).save(album.parent / "guide.png")
    mask, guide = Photo("edge", album.parent / "edge.png"), Photo("guide", album.parent / "guide.png")
    recipe = RECIPE.model_copy(update={"objective": "guided", "masks": [{}], "feather": 1.0})
    order = Order(model_folder, recipe, 64, guides=(guide,), masks=(mask,))
    sea, out = [Photo("sea", album / "a.png")], album.parent / "out"

    def changed(path: Path | Refused) -> list[int]:
        """The columns of pixels in which the dream is not the photo."""
        assert isinstance(path, Path)
        with Image.open(path) as picture, Image.open(album / "a.png") as photo:
            difference = np.asarray(picture, dtype=int) - np.asarray(photo.convert("RGB"))
        return sorted(set(difference.any(axis=(0, 2)).nonzero()[0].tolist()))

    (first,) = dream_photos(plan_dreams(sea, out, order=order))
    assert changed(first)[0] >= 56
    assert plan_dreams(sea, out, order=order).tasks == []
    edge.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mask.path)
    (second,) = dream_photos(plan_dreams(sea, out, order=order))
    assert changed(second)[-1] <= 8
    guide.path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"guide\.png cannot be read"):
        plan_dreams(sea, out, order=order)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif"])
def test_other_formats_are_made_once_too(album: Path, model_folder: ModelFolder, suffix: str) -> None:
    order, sea = Order(model_folder, RECIPE, 64, suffix=suffix), [Photo("sea", album / "a.png")]
    assert list(dream_photos(plan_dreams(sea, album.parent / "out", order=order))) == [
        album.parent / "out" / f"sea-energy-{MARK}{suffix}"
    ]
    assert plan_dreams(sea, album.parent / "out", order=order).tasks == []


def test_a_dream_that_memory_cannot_hold_is_refused_before_it_begins(
    album: Path, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "_BASE_BYTES", 1 << 50)
    with pytest.raises(InputError, match=r"takes about \d+.\d GB of memory, .* choose a smaller --pixels"):
        dreamt(album, model_folder)
    assert not (album.parent / "dreams").exists()


def test_dreams_of_another_look_do_not_take_their_places(album: Path, model_folder: ModelFolder) -> None:
    first = dreamt(album, model_folder)
    second = dreamt(album, model_folder, recipe=RECIPE.model_copy(update={"strength": 0.5}))
    assert len({*first, *second}) == 6
    assert len(list((album.parent / "dreams").glob("*.png"))) == 6


def test_dreams_beside_their_photos_are_no_photos(album: Path, model_folder: ModelFolder) -> None:
    order = Order(model_folder, RECIPE, 64)
    assert len(list(dream_photos(plan_dreams(find_photos([album]), album, order=order)))) == 3
    assert plan_dreams(find_photos([album]), album, order=order).tasks == []


def test_a_mask_that_fits_other_photos_refuses_this_one_alone(album: Path, model_folder: ModelFolder) -> None:
    gradient = Image.radial_gradient("L")
    with Image.open(album / "a.png") as picture:
        gradient.resize(picture.size).save(album.parent / "mask.png")
        gradient.resize(picture.size[::-1]).save(album / "b.png")
    recipe = RECIPE.model_copy(update={"masks": [{}]})
    order = Order(model_folder, recipe, 64, masks=(Photo("mask", album.parent / "mask.png"),))
    results = list(dream_photos(plan_dreams(find_photos([album]), album.parent / "out", order=order)))
    (refused,) = (result for result in results if isinstance(result, Refused) and result.error.reason == "mask")
    assert refused.path.name == "b.png"
    assert "draw it over the photo" in str(refused.error)
    assert len(read_table(album.parent / "out" / MANIFEST, DREAMS)) == 2


def test_a_film_among_the_photos_is_not_read(
    album: Path, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_MOST_BYTES", (album / "b.png").stat().st_size - 1)
    for name in "ac":
        (album / f"{name}.png").write_bytes(b"small")
    assert [result.error.reason for result in dreamt(album, model_folder) if isinstance(result, Refused)] == [
        "format", "bytes", "format",
    ]  # fmt: skip


def test_a_photo_is_hashed_without_being_held_and_a_film_not_even_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = Photo("scan", tmp_path / "scan.tif")
    photo.path.touch()
    os.truncate(photo.path, 64 << 20)  # a hole: no disk is used
    tracemalloc.start()
    assert file_hash(photo) == "3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351"
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()
    os.truncate(photo.path, (64 << 20) + 1)
    monkeypatch.setattr(Path, "open", None)
    assert file_hash(photo) == ""


def test_a_film_as_a_guide_is_refused_without_being_read(
    album: Path, model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_MOST_BYTES", (album / "b.png").stat().st_size - 1)
    recipe = RECIPE.model_copy(update={"objective": "guided"})
    order = Order(model_folder, recipe, 64, guides=(Photo("b", album / "b.png"),))
    with pytest.raises(InputError, match=r"b\.png cannot be read: bytes: more than"):
        plan_dreams(find_photos([album / "a.png"]), album.parent / "dreams", order=order)
