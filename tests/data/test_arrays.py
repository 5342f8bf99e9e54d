"""Training arrays: a file that NumPy reads, squares in the order of the ids, and an error number when it cannot be."""

import errno
import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic import drawing, png

from nightmare.cache import cache_root
from nightmare.data.arrays import load_arrays, square
from nightmare.data.store import write_images

PICTURES = {f"{number:016x}": drawing(number) for number in range(3)}


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")


@pytest.fixture
def images(tmp_path: Path) -> pd.DataFrame:
    rows = pd.DataFrame({"id": list(PICTURES), "has_alpha": False})
    return write_images(rows, {name: png(image) for name, image in PICTURES.items()}, tmp_path, shards=1)


def test_every_picture_is_a_square_in_its_row(images: pd.DataFrame, tmp_path: Path) -> None:
    expected = np.stack([square(image, 32) for image in PICTURES.values()])
    for _ in range(2):  # built, then from the cache
        arrays = load_arrays(images.iloc[::-1], tmp_path, pixels=32)
        assert arrays.ids == tuple(PICTURES)
        np.testing.assert_array_equal(arrays.rgba, expected)


def test_a_drawing_lies_in_the_middle_of_a_transparent_square() -> None:
    expected = np.zeros((4, 6, 6))
    expected[1::2, 2:4] = 255
    wide, high = (Image.new("RGBA", sides, (0, 255, 0)) for sides in ((12, 4), (4, 12)))
    np.testing.assert_array_equal(square(wide, 6), expected)
    np.testing.assert_array_equal(square(high, 6), expected.transpose(0, 2, 1))


def test_of_a_photograph_the_middle_is_left() -> None:
    expected = np.full((4, 2, 2), 255)
    expected[:3] = [90, 130]  # the means of 80 and 100, of 120 and 140
    wide = Image.fromarray(np.tile(np.arange(0, 240, 20, dtype=np.uint8), (4, 1))).convert("RGB")
    high = wide.transpose(Image.Transpose.TRANSPOSE)
    np.testing.assert_array_equal(square(wide, 2), expected)
    np.testing.assert_array_equal(square(high, 2), expected.transpose(0, 2, 1))


def test_hidden_colour_does_not_bleed() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, 1, 4))
    assert square(image, 2)[:, 0].T.tolist() == [[255, 255, 255, 128], [0, 0, 0, 0]]


def test_a_file_that_cannot_be_written_has_its_reason_and_is_not_left_behind(
    images: pd.DataFrame, tmp_path: Path
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        with pytest.raises(OSError) as caught:
            load_arrays(images, tmp_path, pixels=32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert not [path for path in cache_root().rglob("*") if path.is_file()]
