import numpy as np
import pytest
from PIL import Image

from nightmare.sheets import contact_sheet


def _plain(color: tuple[int, ...], size: tuple[int, int] = (40, 40), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, color)


def _count(sheet: Image.Image, color: tuple[int, int, int]) -> int:
    return int((np.asarray(sheet) == color).all(axis=2).sum())


def test_every_picture_fills_its_cell_in_reading_order() -> None:
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    sheet = contact_sheet([_plain(color) for color in colors], ["a", "b", "c"], columns=2, cell=60)
    places = []
    for color in colors:
        rows, columns = np.nonzero((np.asarray(sheet) == color).all(axis=2))
        assert len(rows) == 60 * 60
        places.append((rows.min(), columns.min()))
    first, second, third = places
    assert first[0] == second[0] < third[0]
    assert first[1] == third[1] < second[1]


def test_none_leaves_its_cell_empty() -> None:
    sheet = contact_sheet([None, _plain((250, 0, 0))], ["", ""], columns=2, cell=60)
    red = (np.asarray(sheet) == (250, 0, 0)).all(axis=2)
    assert red.sum() == 60 * 60
    assert not red[:, :72].any()


def test_proportions_are_kept() -> None:
    sheet = contact_sheet([_plain((250, 0, 0), (80, 20))], [""], columns=1, cell=80)
    assert _count(sheet, (250, 0, 0)) == 80 * 20


@pytest.mark.parametrize("glyph", [(0, 0, 0, 255), (255, 255, 255, 255)])
def test_black_and_white_glyphs_both_show_against_their_matte(glyph: tuple[int, int, int, int]) -> None:
    image = _plain((0, 0, 0, 0), (40, 40), "RGBA")
    image.paste(glyph, (10, 10, 30, 30))
    pixels = np.asarray(contact_sheet([image], [""], columns=1, cell=40).convert("L")).astype(int)
    cell = pixels[12:52, 12:52]
    assert abs(int(cell[15:25, 15:25].mean()) - int(cell[:8].mean())) > 80


def test_captions_and_title_are_written_and_long_ones_stay_in_their_cell() -> None:
    empty = contact_sheet([_plain((9, 9, 9))] * 2, ["", ""], columns=2, cell=60)
    written = contact_sheet([_plain((9, 9, 9))] * 2, ["W" * 200, ""], columns=2, cell=60, title="Dreams")
    assert written.height > empty.height
    pixels = np.asarray(written.convert("L"))
    title, captions = pixels[:40], pixels[-25:]
    assert title.max() > 200
    assert captions[:, 12:72].max() > 200
    assert captions[:, 72:].max() < 40


def test_an_empty_sheet_and_a_missing_caption() -> None:
    assert contact_sheet([], [], columns=4, cell=60, title="nothing").height > 0
    with pytest.raises(ValueError, match="argument"):
        contact_sheet([_plain((9, 9, 9))], [], columns=1, cell=60)
