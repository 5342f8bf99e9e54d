"""Sheets of stored images: the rows asked for, in their order, and a head with a word where there are too many."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic import png

from nightmare.data import sheet
from nightmare.data.sheet import image_sheet
from nightmare.data.store import write_images

COLORS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}


@pytest.fixture
def images(tmp_path: Path) -> pd.DataFrame:
    pictures = {name: png(Image.new("RGB", (32, 32), color)) for name, color in COLORS.items()}
    return write_images(pd.DataFrame({"id": list(COLORS)}), pictures, tmp_path / "images", shards=2)


def test_pictures_come_in_the_order_of_the_rows(images: pd.DataFrame, tmp_path: Path) -> None:
    rows = pd.DataFrame({"id": ["blue", "red"]})
    shown = np.asarray(image_sheet(rows, images, tmp_path / "images", caption=lambda row: row["id"], title=""))
    left = {name: np.nonzero((shown == color).all(axis=2))[1] for name, color in COLORS.items()}
    assert len(left["green"]) == 0
    assert left["blue"].max() < left["red"].min()


def test_a_long_table_shows_its_head_and_says_so(
    images: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(sheet, "MOST_PICTURES", 2)
    monkeypatch.setattr(
        sheet, "contact_sheet", lambda pictures, captions, **rest: asked.update(rest, captions=captions)
    )
    rows = pd.DataFrame({"id": list(COLORS)})
    image_sheet(rows, images, tmp_path / "images", caption=lambda row: row["id"].upper(), title="all")
    assert asked["captions"] == ["RED", "GREEN"]
    assert asked["title"] == "all: the first 2 of 3"
