"""Whatever people and others hand in as a photo: dreamt on as it should look, or refused in words."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nightmare.data.canvases import Photo
from nightmare.dream.batch import Order, Refused, dream_photos, plan_dreams
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder

# No step at all, so that the dream has to be the photo, whatever its mode; and one that steps.
STILL = Recipe(layers={"layer1": 1.0}, octaves=1, iterations=0, strength=1.0)
STEP = STILL.model_copy(update={"iterations": 1, "jitter": 2})


def wave() -> Image.Image:
    """64 × 48 in three different colours per pixel, darker to the left and to the top."""
    across, down = np.meshgrid(np.arange(64), np.arange(48))
    return Image.fromarray(np.stack([across * 3 + 40, down * 4 + 20, across + down + 60], axis=2).astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter turn to the right
    return saved(wave().transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)


def sixteen_bit() -> bytes:
    return saved(Image.fromarray(np.asarray(wave().convert("L")).astype(np.uint16) * 257), "PNG")


def animated() -> bytes:
    return saved(wave(), "GIF", save_all=True, append_images=[wave().rotate(180)])


def bomb() -> bytes:
    """A PNG of 60,000 × 60,000 pixels in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def half_clear() -> bytes:
    image = wave().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return saved(image, "PNG")


READ = {
    "plain": (lambda: saved(wave(), "PNG"), "RGB", 1),
    "grey": (lambda: saved(wave().convert("L"), "PNG"), "L", 1),
    "palette": (lambda: saved(wave().quantize(256), "PNG"), "RGB", 24),
    "cmyk": (lambda: saved(wave().convert("CMYK"), "JPEG", quality=100), "RGB", 8),
    "sixteen bits": (sixteen_bit, "L", 1),
    "turned": (turned, "RGB", 1),
    "animated": (animated, "RGB", 24),
}
REFUSED = {
    "bomb": (bomb, "pixels"),
    "truncated": (lambda: saved(wave().effect_spread(9), "PNG")[:2000], "damaged"),
    "one pixel": (lambda: saved(Image.new("RGB", (1, 1)), "PNG"), "blank"),
    "a line": (lambda: saved(Image.linear_gradient("L").resize((20000, 8)), "PNG"), "aspect"),
    "no picture": (lambda: b"#!/bin/sh\nrm -rf /\n", "format"),
    "nothing": (lambda: b"", "empty"),
}


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")


def dreamt(content: bytes, directory: Path, folder: ModelFolder, recipe: Recipe) -> Path | Refused:
    (directory / "photo.bin").write_bytes(content)
    order = Order(folder, recipe, pixels=64)
    (result,) = dream_photos(plan_dreams([Photo("photo", directory / "photo.bin")], directory / "out", order=order))
    return result


@pytest.mark.parametrize(("content", "mode", "tolerance"), READ.values(), ids=READ)
def test_every_kind_of_picture_is_seen_as_it_looks(
    content: Callable[[], bytes], mode: str, tolerance: int, tmp_path: Path, model_folder: ModelFolder
) -> None:
    path = dreamt(content(), tmp_path, model_folder, STILL)
    assert isinstance(path, Path)
    with Image.open(path) as picture:
        assert (picture.mode, picture.size) == ("RGB", (64, 48))
        difference = np.abs(np.asarray(picture, dtype=int) - np.asarray(wave().convert(mode).convert("RGB"), dtype=int))
    assert difference.max() <= tolerance
    (tmp_path / "again").mkdir()
    moved = dreamt(content(), tmp_path / "again", model_folder, STEP)
    assert isinstance(moved, Path)
    with Image.open(moved) as picture, Image.open(path) as still:
        assert picture.tobytes() != still.tobytes()


def test_transparency_is_kept(tmp_path: Path, model_folder: ModelFolder) -> None:
    path = dreamt(half_clear(), tmp_path, model_folder, STEP)
    assert isinstance(path, Path)
    with Image.open(path) as picture:
        assert picture.mode == "RGBA"
        alpha = np.asarray(picture.getchannel("A"), dtype=int)
    assert np.abs(alpha - np.asarray(Image.linear_gradient("L").resize((64, 48)), dtype=int)).max() <= 1


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_fit_picture_is_refused_by_name(
    content: Callable[[], bytes], reason: str, tmp_path: Path, model_folder: ModelFolder
) -> None:
    result = dreamt(content(), tmp_path, model_folder, STEP)
    assert isinstance(result, Refused)
    assert result.error.reason == reason
    assert not list((tmp_path / "out").glob("*.png"))
