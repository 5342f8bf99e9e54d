"""The same recipe makes the same picture for as long as `ENGINE` stays: presets, and whatever a recipe can ask for."""

import copy
import json
from pathlib import Path
from typing import Any

import golden
import pytest
from golden import FILE, RECIPES, REPAIR, TOLERANCE

from nightmare.dream.recipe import ENGINE
from nightmare.train.model import Model

STORED = json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def model() -> Model:
    return golden.golden_model()


@pytest.mark.parametrize("name", STORED["dreams"])
def test_a_recipe_makes_the_picture_that_it_made_before(name: str, model: Model) -> None:
    difference = golden.difference(model, STORED["dreams"][name])
    assert difference <= TOLERANCE, f"{name} is another picture than before, by {difference:.1e}: {REPAIR}"


def test_the_pictures_are_of_this_engine_and_none_is_absent() -> None:
    assert STORED["engine"] == ENGINE, "the pictures are of another engine: run `python -m tests.dream.golden`"
    assert RECIPES.keys() <= STORED["dreams"].keys(), "a recipe has no picture: run `python -m tests.dream.golden`"


@pytest.fixture
def two(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Any]]:
    """A file to write into, and two dreams of which the first is a little other than it should be."""
    monkeypatch.setattr(golden, "golden_model", lambda: model)
    monkeypatch.setattr(golden, "RECIPES", {name: RECIPES[name] for name in ("plain", "seed")})
    dreams = {name: copy.deepcopy(STORED["dreams"][name]) for name in ("plain", "seed")}
    dreams["plain"]["pixels"][7] += 0.5 * TOLERANCE
    return tmp_path / "golden.json", dreams


def test_a_changed_picture_is_written_under_a_new_engine_alone(two: tuple[Path, dict[str, Any]]) -> None:
    file, dreams = two
    dreams["plain"]["pixels"][7] += TOLERANCE
    before = json.dumps({"engine": ENGINE, "dreams": dreams})
    file.write_text(before)
    with pytest.raises(SystemExit, match="made other pictures of plain: mend that, or raise ENGINE"):
        golden.write(file)
    assert file.read_text() == before
    file.write_text(json.dumps({"engine": ENGINE - 1, "dreams": dreams}))
    golden.write(file)
    written = json.loads(file.read_text())
    assert (written["engine"], list(written["dreams"])) == (ENGINE, ["plain", "seed"])
    assert written["dreams"]["plain"]["recipe"] == RECIPES["plain"].model_dump()
    assert written["dreams"]["plain"]["pixels"][7] < dreams["plain"]["pixels"][7] - TOLERANCE


def test_what_is_stored_stays_to_the_last_digit_or_it_would_creep_away(two: tuple[Path, dict[str, Any]]) -> None:
    file, dreams = two
    file.write_text(json.dumps({"engine": ENGINE, "dreams": {"plain": dreams["plain"]}}))
    golden.write(file)
    written = json.loads(file.read_text())["dreams"]
    assert written["plain"] == dreams["plain"]
    assert written["seed"]["pixels"] == pytest.approx(dreams["seed"]["pixels"], abs=TOLERANCE)
