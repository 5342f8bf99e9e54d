import hashlib
import logging
from importlib.metadata import distribution
from pathlib import Path

import pytest
from PIL import Image

from nightmare.data.canvases import SHIPPED, ShippedPhoto, load_canvases


@pytest.mark.parametrize("photo", SHIPPED, ids=lambda photo: photo.name)
def test_shipped_photos_are_files_of_their_wheels(photo: ShippedPhoto) -> None:
    files = {str(file) for file in distribution(photo.package).files or ()}
    assert photo.file in files
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
