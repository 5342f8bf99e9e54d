import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import resvg_py
from PIL import Image
from tarballs import icons, tarball

from nightmare.errors import SourceError
from nightmare.sources.drawings import INK, Drawing, emoji_names, icon_svg, read_drawings

# A dot near the left top corner of a box of 6 x 4 that begins at (10, 20).
DOT = {"body": '<rect x="11" y="20" width="1" height="1" fill="currentColor"/>'}
BOX = {"left": 10, "top": 20, "width": 6, "height": 4}


def pixels(svg: bytes) -> np.ndarray:
    """The alpha channel, one pixel per unit of the drawing."""
    image = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg.decode()))))
    return np.asarray(image.convert("RGBA"))[..., 3] > 127


def read(tmp_path: Path, content: bytes, layout: str, **emoji: str) -> dict[str, Drawing]:
    path = tmp_path / "p.tgz"
    path.write_bytes(content)
    return {drawing.name: drawing for drawing in read_drawings(path, layout, emoji=emoji)}


@pytest.mark.parametrize("turns", range(-1, 6))
@pytest.mark.parametrize("horizontal", [False, True])
@pytest.mark.parametrize("vertical", [False, True])
def test_flips_come_before_quarter_turns(turns: int, horizontal: bool, vertical: bool) -> None:
    expected = pixels(icon_svg(BOX | DOT, {}))
    assert expected.shape == (4, 6)
    assert expected[0, 1]
    assert expected.sum() == 1
    if horizontal:
        expected = expected[:, ::-1]
    if vertical:
        expected = expected[::-1]
    changes = {"rotate": turns, "hFlip": horizontal, "vFlip": vertical}
    assert np.array_equal(pixels(icon_svg(BOX | DOT, changes)), np.rot90(expected, -turns))


def test_current_color_becomes_ink_and_a_box_is_16_by_default() -> None:
    svg = icon_svg({"body": '<path fill="currentColor" d="M0 0h16v16z"/>'}, {}).decode()
    assert 'viewBox="0 0 16 16"' in svg
    assert f'fill="{INK}"' in svg
    assert "currentColor" not in svg


def test_an_alias_is_one_more_name_unless_it_changes_the_drawing(tmp_path: Path) -> None:
    aliases: dict[str, Any] = {
        "toad": {"parent": "frog"},
        "paddock": {"parent": "toad", "hidden": True},
        "gorf": {"parent": "toad", "hFlip": True},
        "frog": {"parent": "gorf", "hFlip": True, "rotate": 1},
    }
    aliases["frog-up"] = aliases.pop("frog")
    drawings = read(tmp_path, icons({"frog": DOT}, aliases=aliases, **BOX), "iconify")
    assert {name: drawing.names for name, drawing in drawings.items()} == {
        "frog": ("frog", "toad", "paddock"),
        "gorf": ("gorf",),
        "frog-up": ("frog-up",),
    }
    frog = pixels(drawings["frog"].content())
    assert np.array_equal(pixels(drawings["gorf"].content()), frog[:, ::-1])
    assert np.array_equal(pixels(drawings["frog-up"].content()), np.rot90(frog, -1))
    assert {drawing.media for drawing in drawings.values()} == {"svg"}


def test_an_icon_has_its_own_box_before_that_of_the_set(tmp_path: Path) -> None:
    drawings = read(tmp_path, icons({"frog": DOT | {"width": 9}}, **BOX), "iconify")
    assert pixels(drawings["frog"].content()).shape == (4, 9)


@pytest.mark.parametrize(
    "content",
    [
        icons({"frog": DOT}, aliases={"a": {"parent": "b"}, "b": {"parent": "a"}}),
        icons({"frog": DOT}, aliases={"a": {"parent": "nobody", "hFlip": True}}),
        icons({"frog": DOT}, aliases={"a": {}}),
        tarball({"icons.json": b"[]"}),
        tarball({"icons.json": b"{"}),
        tarball({"icons.json": b"\xff"}),
    ],
)
def test_another_layout_is_an_error_for_people(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match="is not laid out as iconify"):
        read(tmp_path, content, "iconify")


OPENMOJI = tarball(
    {
        "data/openmoji.json": json.dumps(
            [
                {"hexcode": "1F438", "annotation": "frog", "openmoji_author": "Ann"},
                {"hexcode": "1F577-FE0F", "annotation": "spider", "openmoji_author": "Bob"},
            ]
        ).encode(),
        "color/svg/1F438.svg": b"<svg>green</svg>",
        "black/svg/1F438.svg": b"<svg>line</svg>",
        "src/1F438.svg": b"<svg>source</svg>",
    }
)


def test_openmoji_comes_in_colour_and_in_black_with_its_artist(tmp_path: Path) -> None:
    drawings = read(tmp_path, OPENMOJI, "openmoji")
    assert {name: drawing.content() for name, drawing in drawings.items()} == {
        "color-1f438": b"<svg>green</svg>",
        "black-1f438": b"<svg>line</svg>",
    }
    assert {(drawing.names, drawing.creator) for drawing in drawings.values()} == {(("frog",), "Ann")}


def test_fluent_pictures_are_named_by_openmoji(tmp_path: Path) -> None:
    openmoji = tmp_path / "openmoji.tgz"
    openmoji.write_bytes(OPENMOJI)
    names = emoji_names(openmoji)
    assert names == {"1f438": "frog", "1f577": "spider"}
    content = tarball({f"assets/{code}.webp": code.encode() for code in ("1f438", "1f577-fe0f", "1f600")})
    drawings = read(tmp_path, content, "fluent-3d", **names)
    assert {name: (drawing.names, drawing.media) for name, drawing in drawings.items()} == {
        "1f438": (("frog",), "file"),
        "1f577-fe0f": (("spider",), "file"),
    }
    assert drawings["1f438"].content() == b"1f438"


@pytest.mark.parametrize(
    ("layout", "member"),
    [("open-icon", "src/icons/animals/icon_tree-frog.svg"), ("ebi-species", "EBI-Species/static/svg/tree-frog.svg")],
)
def test_plain_svg_files(tmp_path: Path, layout: str, member: str) -> None:
    drawings = read(tmp_path, tarball({member: b"<svg/>", "other/icon_frog.svg": b""}), layout)
    assert {name: (one.names, one.media, one.content()) for name, one in drawings.items()} == {
        "tree-frog": (("tree-frog",), "svg", b"<svg/>")
    }
