"""Which dreams of a comparison are the same, which are kept, and the sheet of an album."""

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from nightmare.dream.presets import PRESETS
from nightmare.errors import ParameterError
from nightmare.studio.albums import Album, AlbumPictures, base_of, cell_key, sheet
from nightmare.studio.limits import LIMITS
from nightmare.studio.looks import LOOKS

ALBUM = Album(photo="cat", base="Nightmare", side=384, seed=7)
CELL: dict[str, Any] = {"photo": "0" * 64, "pixels": 384, "strength": 0.9}


def test_cell_is_the_look_with_its_octaves_and_iterations() -> None:
    recipe = ALBUM.wish("robust", octaves=7, iterations=30).recipe()
    expected = {"octaves": 7, "iterations": 30, "seed": 7, "strength": recipe.strength}
    assert recipe == PRESETS["nightmare"].model_copy(update=expected)
    assert ALBUM.strength == PRESETS["nightmare"].strength


@pytest.mark.parametrize("changes", [{"octaves": 10}, {"iterations": 0}, {"iterations": 101}])
def test_cell_out_of_range_names_the_setting(changes: dict[str, int]) -> None:
    with pytest.raises(ParameterError, match=next(iter(changes))):
        ALBUM.wish("robust", **{"octaves": 3, "iterations": 1} | changes)


@pytest.mark.parametrize("look", LOOKS)
def test_base_of_a_cell_is_its_look(look: str) -> None:
    album = Album(photo="cat", base=look, side=384, seed=3)
    recipe = album.wish("robust", octaves=9, iterations=40).recipe()
    dreamt = recipe.model_copy(update={"strength": album.strength})
    assert base_of(dreamt) == look
    other = dreamt.model_copy(update={"jitter": 3})
    again = Album(photo="cat", base=base_of(other), side=384, seed=3).wish("robust", octaves=9, iterations=40)
    assert again.recipe() == other


def test_key_tells_what_makes_another_picture() -> None:
    recipe = ALBUM.wish("robust", octaves=3, iterations=10).recipe()
    key = cell_key("robust", recipe, **CELL)
    assert cell_key("robust", recipe.model_copy(update={"strength": 0.1}), **CELL) == key, "strength is told apart"
    changed = [
        cell_key("train", recipe, **CELL),
        cell_key("robust", recipe.model_copy(update={"iterations": 11}), **CELL),
        *(cell_key("robust", recipe, **CELL | {name: other}) for name, other in (("photo", "1"), ("pixels", 1))),
        cell_key("robust", recipe, **CELL | {"strength": 0.8}),
    ]
    assert len({key, *changed}) == 6


def test_oldest_pictures_make_room() -> None:
    pictures = AlbumPictures(limits=replace(LIMITS, compared_bytes=25))
    for name in ("a", "b", "c"):
        pictures.add(name, bytes(10))
    assert [name in pictures for name in ("a", "b", "c")] == [False, True, True]
    assert pictures.get("a") is None
    assert pictures.get("c") == bytes(10)


@pytest.mark.parametrize("rows", [1, 4])
def test_sheet_stays_below_its_limit(rows: int) -> None:
    photo = Image.new("RGB", (800, 800), "white")
    dreams = [[photo, None, photo]] * rows
    cells: dict[str, Any] = {"octaves": (3, 5, 7, 9)[:rows], "iterations": (1, 10, 20), "title": "cat"}
    whole = sheet(photo, dreams, **cells)
    assert whole.width > 4 * 800
    small = sheet(photo, dreams, **cells, limits=replace(LIMITS, album_megapixels=4))
    assert 2_000_000 < small.width * small.height <= 4_000_000
