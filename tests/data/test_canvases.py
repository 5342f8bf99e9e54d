import hashlib
import logging
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from nightmare.data.canvases import SHIPPED, Canvas, Photo, find_photos, load_canvases, read_canvases, with_unique_names
from nightmare.errors import ImageError, InputError


@pytest.mark.parametrize("photo", SHIPPED, ids=lambda photo: photo.name)
def test_shipped_photos_are_files_of_packages_with_their_rights(photo: Photo) -> None:
    packages = [distribution(name) for name in ("scikit-image", "scikit-learn")]
    files = {Path(str(file.locate())) for package in packages for file in package.files or ()}
    assert photo.path in files
    assert photo.path.is_file()
    assert photo.licence
    assert photo.credit


def test_shipped_photos_come_first_scaled_to_their_longer_side(tmp_path: Path) -> None:
    canvases = load_canvases(tmp_path / "absent", pixels=96)
    assert [canvas.name for canvas in canvases] == [photo.name for photo in SHIPPED]
    for canvas, photo in zip(canvases, SHIPPED, strict=True):
        assert max(canvas.image.size) == 96
        assert canvas.image.mode == "RGB"
        assert canvas.sha256 == hashlib.sha256(photo.path.read_bytes()).hexdigest()


def test_own_pictures_join_and_bad_ones_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    garden = Image.linear_gradient("L").convert("RGB").crop((0, 0, 200, 100))
    garden.save(tmp_path / "my garden.png")
    garden.save(tmp_path / "my-garden.jpg")
    (tmp_path / "broken.png").write_bytes((tmp_path / "my garden.png").read_bytes()[:90])
    (tmp_path / "README.md").write_text("photos")
    (tmp_path / ".gitkeep").write_text("")
    with caplog.at_level(logging.WARNING):
        canvases = load_canvases(tmp_path, pixels=64)
    own = canvases[len(SHIPPED) :]
    assert [canvas.name for canvas in own] == ["my-garden", "my-garden-2"]
    assert [canvas.image.size for canvas in own] == [(64, 32), (64, 32)]
    assert "broken.png is left out" in caplog.text
    assert "README" not in caplog.text


def test_photos_are_files_and_what_lies_in_folders(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", ".hidden.png", "README.md"):
        (tmp_path / name).write_bytes(b"x")
    found = find_photos([tmp_path / "b.png", tmp_path])
    assert [photo.path.name for photo in found] == ["b.png", "a.jpg", "b.png"]
    with pytest.raises(InputError, match=r"no photo at .*absent\.png"):
        find_photos([tmp_path / "absent.png"])


def test_a_refusal_takes_the_place_of_its_photo(tmp_path: Path) -> None:
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "sea.png")
    (tmp_path / "broken.png").write_bytes(b"<html>")
    refusal, canvas = read_canvases(find_photos([tmp_path]), pixels=32)
    assert isinstance(refusal, ImageError)
    assert isinstance(canvas, Canvas)
    assert (canvas.name, canvas.image.size) == ("sea", (32, 32))


def read_one(path: Path, *, pixels: int) -> Canvas:
    (canvas,) = read_canvases(find_photos([path]), pixels=pixels)
    assert isinstance(canvas, Canvas)
    return canvas


def test_transparency_is_kept_beside_the_colours_at_their_size(tmp_path: Path) -> None:
    alpha = Image.linear_gradient("L").resize((60, 40))
    photo = Image.radial_gradient("L").convert("RGB").resize((60, 40))
    photo.putalpha(alpha)
    photo.save(tmp_path / "ghost.png")
    canvas = read_one(tmp_path / "ghost.png", pixels=30)
    assert canvas.alpha
    assert (canvas.image.mode, canvas.alpha.mode) == ("RGB", "L")
    assert canvas.image.size == canvas.alpha.size == (30, 20)
    wanted = ImageOps.contain(alpha, (30, 30), Image.Resampling.LANCZOS)
    # The decoder has brought the shorter side from 40 to 30 before: two steps, each with its rounding.
    assert np.abs(np.asarray(canvas.alpha, dtype=int) - np.asarray(wanted)).max() <= 3
    # The matte is white where nearly nothing is visible; the photo itself has some 170 there.
    assert np.asarray(canvas.image)[0, 15].min() > 250


@pytest.mark.parametrize("pixels", [16, 64])
def test_a_small_photo_grows_together_with_its_transparency(tmp_path: Path, pixels: int) -> None:
    photo = Image.radial_gradient("L").convert("RGB").resize((32, 24))
    photo.putalpha(Image.linear_gradient("L").resize((32, 24)))
    photo.save(tmp_path / "ghost.png")
    canvas = read_one(tmp_path / "ghost.png", pixels=pixels)
    assert canvas.alpha
    assert canvas.alpha.size == canvas.image.size == (pixels, pixels * 3 // 4)


@pytest.mark.parametrize("least", [255, 254])
def test_what_is_opaque_at_its_size_has_no_transparency(tmp_path: Path, least: int) -> None:
    photo = Image.radial_gradient("L").convert("RGBA").resize((16, 32))
    photo.putpixel((5, 5), (9, 9, 9, least))
    photo.save(tmp_path / "wall.png")
    assert read_one(tmp_path / "wall.png", pixels=16).alpha is None
    kept = read_one(tmp_path / "wall.png", pixels=32).alpha
    assert (kept is None) == (least == 255)


def test_names_are_unique_and_fit_for_files(tmp_path: Path) -> None:
    photos = with_unique_names(Photo(name, tmp_path) for name in ("my garden", "sea", "my-garden", "my/garden"))
    assert [photo.name for photo in photos] == ["my-garden", "sea", "my-garden-2", "my-garden-3"]
