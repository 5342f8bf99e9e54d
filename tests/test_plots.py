"""Plots show the numbers that they were given, and equal numbers give equal files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from nightmare import plots
from nightmare.plots import save_bars, save_confusion, save_curves

FIRST, SECOND = (ImageColor.getrgb(color) for color in plots._COLORS[:2])


def pixels(path: Path) -> NDArray[np.int64]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def places(picture: NDArray[np.int64], color: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pixels of a colour."""
    return np.nonzero((np.abs(picture - np.array(color)) < 12).all(axis=2))


def test_a_falling_curve_falls_and_an_absent_column_is_left_out(tmp_path: Path) -> None:
    history = pd.DataFrame({"epoch": [1, 2, 3, 4], "train_loss": [4.0, 3.0, 2.0, 1.0]})
    save_curves(history, tmp_path / "curves.png", panels=[("loss", ("train_loss", "val_loss")), ("accuracy", ("val",))])
    picture = pixels(tmp_path / "curves.png")
    rows, columns = places(picture, FIRST)
    line = columns < picture.shape[1] / 2
    assert line.sum() > 200
    # The legend has the line's colour too, so the ends are compared by where most of it lies.
    left, right = np.quantile(columns[line], [0.1, 0.9])
    assert np.median(rows[line & (columns < left)]) < np.median(rows[line & (columns > right)]) - 50
    assert len(places(picture, SECOND)[0]) == 0


def test_confusion_is_bright_where_the_predictions_are(tmp_path: Path) -> None:
    counts = np.array([[9, 0, 0], [0, 0, 9], [0, 0, 9]])
    save_confusion(counts, ("frogs", "lizards", "skulls"), tmp_path / "confusion.png", title="n = 27")
    picture = pixels(tmp_path / "confusion.png").sum(axis=2)
    bright = picture > 600  # the top of the colour map, and letters
    filled = bright.sum(axis=1) > 40
    # Three bands of rows, one cell wide each: the cell of row 0 lies left of those of rows 1 and 2.
    centres = np.array([np.nonzero(bright[row])[0].mean() for row in np.nonzero(filled)[0]])
    height = len(centres) // 3
    assert centres[:height].mean() < centres[height : 2 * height].mean() - 80
    assert centres[height : 2 * height].mean() == pytest.approx(centres[2 * height :].mean(), abs=15)


def test_bars_are_as_long_as_their_values(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"label": ["frogs", "frogs", "skulls"], "fate": ["kept", "removed", "kept"], "count": [20, 10, 40]}
    )
    save_bars(table, tmp_path / "bars.png", category="label", stack="fate", value="count", title="fates")
    picture = pixels(tmp_path / "bars.png")
    rows, _ = places(picture, FIRST)
    length = np.bincount(rows, minlength=len(picture))
    # Bars are the long things of their colour: the patch in the legend is a few pixels wide.
    tall = np.nonzero(length > 40)[0]
    first, second = (int(part[len(part) // 2]) for part in np.split(tall, np.nonzero(np.diff(tall) > 1)[0] + 1))
    assert length[second] == pytest.approx(2 * length[first], rel=0.05)
    end = np.nonzero((picture[first] == FIRST).all(axis=1))[0].max()
    stacked = (np.abs(picture[first, end + 3 :] - np.array(SECOND)) < 12).all(axis=1)
    assert stacked.argmin() == pytest.approx(length[first] / 2, rel=0.05), "begins where the first ends"


def test_equal_numbers_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_confusion(np.eye(2, dtype=int), ("a", "b"), tmp_path / name, title="same")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
