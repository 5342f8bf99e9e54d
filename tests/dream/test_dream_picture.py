from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from nightmare.dream.picture import Provenance, read_provenance, save_dream
from nightmare.dream.recipe import Recipe
from nightmare.errors import InputError

PROVENANCE = Provenance(
    model="a" * 64,
    dataset="0123456789abcdef",
    canvas="b" * 64,
    pixels=64,
    canvas_name="café",
    licence="CC0-1.0",
    credit="Stéfan",
    recipe=Recipe(layers={"layer2": 0.5, "layer4": 1.0}, objective="class:вий", step_size=0.013),
)


def test_recipe_and_pixels_come_back(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8))
    save_dream(tmp_path / "dream.png", picture, PROVENANCE)
    assert read_provenance(tmp_path / "dream.png") == PROVENANCE
    with Image.open(tmp_path / "dream.png") as saved:
        assert saved.format == "PNG"
        assert saved.tobytes() == picture.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["dream.png"]


def test_pictures_that_do_not_say_are_refused_with_a_repair(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture"):
        read_provenance(tmp_path / "absent.png")
    (tmp_path / "text.png").write_text("no picture at all")
    with pytest.raises(InputError, match="no readable PNG"):
        read_provenance(tmp_path / "text.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    with pytest.raises(InputError, match="does not say how"):
        read_provenance(tmp_path / "plain.png")
    save_dream(tmp_path / "cut.png", Image.new("RGB", (64, 64)), PROVENANCE)
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-30])
    with pytest.raises(InputError, match="no readable PNG"):
        read_provenance(tmp_path / "cut.png")


@pytest.mark.parametrize("text", ["{", "[]", PROVENANCE.model_dump_json().replace("octaves", "okta")])
def test_a_recipe_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("nightmare", text)
    Image.new("RGB", (4, 4)).save(tmp_path / "odd.png", pnginfo=chunks)
    with pytest.raises(InputError, match="another version"):
        read_provenance(tmp_path / "odd.png")
