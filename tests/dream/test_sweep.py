"""The sheet of two settings: a cell for each pair in its place, each a dream that can be made again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from nightmare.data.canvases import Canvas
from nightmare.dream import gallery
from nightmare.dream.engine import dream_pictures, to_picture, to_tensor
from nightmare.dream.gallery import Commission
from nightmare.dream.measures import measure_dream
from nightmare.dream.picture import read_provenance
from nightmare.dream.recipe import Recipe
from nightmare.dream.sweep import Axis, parse_axis, sweep, swept
from nightmare.dream.workers import ModelFolder
from nightmare.errors import InputError, ParameterError
from nightmare.train.model import Model

BRIEF = Recipe(layers={"layer2": 1.0}, octaves=1, iterations=2, jitter=2)


@pytest.fixture
def commission(photos: Tensor, monkeypatch: pytest.MonkeyPatch) -> Commission:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")
    return Commission(Canvas("cat", to_picture(photos[0]), "0" * 64, "CC0-1.0", "me"), BRIEF)


def test_each_cell_is_a_dream_of_its_own_recipe(
    model: Model, model_folder: ModelFolder, commission: Commission, tmp_path: Path
) -> None:
    rows, columns = Axis("octaves", [1, 2]), Axis("layers", [{"layer1": 1.0}, {"layer2": 1.0}])
    sweep(model_folder, commission, rows=rows, columns=columns, directory=tmp_path / "album")
    names = [f"octaves-{octaves}-layers-{layer}.png" for octaves in (1, 2) for layer in ("layer1", "layer2")]
    assert sorted(path.name for path in (tmp_path / "album").iterdir()) == names
    made = read_provenance(tmp_path / "album" / names[2])
    recipe = made.recipe
    assert recipe == BRIEF.model_copy(update={"octaves": 2, "layers": {"layer1": 1.0}})
    (expected,) = dream_pictures(model, [commission.canvas.image], recipe, names=[commission.canvas.sha256])
    with Image.open(tmp_path / "album" / names[2]) as cell:
        assert cell.tobytes() == expected.tobytes()
    assert made.measures == measure_dream(model, commission.canvas.image, expected, recipe)


def test_rows_go_down_and_columns_to_the_right(
    model_folder: ModelFolder, commission: Commission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def color(octaves: int, iterations: int) -> tuple[int, int, int]:
        return 50 * octaves, 50 * iterations, 250

    def painted(asked: Commission, *, folder: ModelFolder, bar: bool) -> tuple[Tensor, dict[int, float]]:
        recipe, size = asked.recipe, asked.canvas.image.size
        assert isinstance(recipe.iterations, int)
        return to_tensor(Image.new("RGB", size, color(recipe.octaves, recipe.iterations)))[0], {}

    monkeypatch.setattr(gallery, "painted", painted)
    rows, columns = Axis("octaves", [1, 3]), Axis("iterations", [0, 2, 4])
    sheet = np.asarray(sweep(model_folder, commission, rows=rows, columns=columns, directory=tmp_path / "album"))
    corners = {
        (row, column): np.argwhere((sheet == color(row, column)).all(axis=2)).min(axis=0).tolist()
        for row in rows.values
        for column in columns.values
    }
    (top, left), (bottom, _) = corners[1, 0], corners[3, 0]
    across = [left, left + 76, left + 152]
    assert list(corners.values()) == [[down, right] for down in (top, bottom) for right in across]
    assert bottom > top + 48


def test_axes_are_read_from_text() -> None:
    assert parse_axis("octaves=3,5,7") == Axis("octaves", [3, 5, 7])
    assert parse_axis("strength=0.5,1.0") == Axis("strength", [0.5, 1.0])
    assert parse_axis("layers=layer2,layer3") == Axis("layers", [{"layer2": 1.0}, {"layer3": 1.0}])
    assert parse_axis("objective=energy,class:skull") == Axis("objective", ["energy", "class:skull"])
    assert parse_axis("keep_colors=true,false") == Axis("keep_colors", [True, False])
    for wrong in ("octave=1,2", "octaves", "octaves=", "masks=[{}]"):
        with pytest.raises(ParameterError, match="write setting=value,value"):
            parse_axis(wrong)


def test_values_may_have_commas() -> None:
    assert parse_axis("objective=channel:3,17") == Axis("objective", ["channel:3,17"])
    assert parse_axis("objective=energy, neuron:3@.5,0.5,class:skull,channel:3,17") == Axis(
        "objective", ["energy", "neuron:3@.5,0.5", "class:skull", "channel:3,17"]
    )
    assert parse_axis("layers=layer3; layer2,layer3=0.5").values == [{"layer3": 1.0}, {"layer2": 1.0, "layer3": 0.5}]
    rows = parse_axis("iterations=2,2;3,1;4")
    recipes = swept(BRIEF.model_copy(update={"octaves": 2}), rows=rows, columns=Axis("seed", [1, 2]))
    assert [recipe.iterations for recipe in recipes] == [[2, 2], [2, 2], [3, 1], [3, 1], 4, 4]
    assert [recipe.seed for recipe in recipes] == [1, 2] * 3


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("seed=1,2", "both sweep seed"),
        ("octaves=null", "octaves = 'null'"),
        (f"octaves={'[' * 20000}", "octaves = '"),
        ("layers=layer3;;layer2", "a part without a name"),
        ("layers=layer1=inf", "layers = inf: Input should be a finite number"),
        ("objective=channel:3,x", "objective = 'x'"),
        ("iterations=1,2;3", "iterations has 2 numbers for 1 octaves"),
    ],
)
def test_values_that_make_no_recipe_are_named(rows: str, complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        swept(BRIEF, rows=parse_axis(rows), columns=Axis("seed", [1]))


def test_layers_of_a_class_are_not_swept() -> None:
    dream = BRIEF.model_copy(update={"objective": "class:skull"})
    with pytest.raises(ParameterError, match="class:skull looks at no layers"):
        swept(dream, rows=parse_axis("layers=layer1,layer2"), columns=Axis("seed", [1]))


def test_a_cell_of_many_channels_has_a_name_that_fits(
    model_folder: ModelFolder, commission: Commission, tmp_path: Path
) -> None:
    many = ",".join(map(str, range(120)))
    rows = parse_axis(f"objective=channel:{many},channel:{many},7")
    sweep(model_folder, commission, rows=rows, columns=Axis("seed", [1]), directory=tmp_path)
    made = {read_provenance(path).recipe.objective for path in tmp_path.glob("objective-channel-0-1-2-*.png")}
    assert made == {f"channel:{many}", f"channel:{many},7"}


def test_pictures_that_a_cell_does_not_look_at_are_refused_before_any_work(
    model_folder: ModelFolder, commission: Commission, tmp_path: Path
) -> None:
    guided, rows = replace(commission, guides=(commission.canvas,)), Axis("objective", ["guided", "energy"])
    with pytest.raises(InputError, match="the objective energy ignores guides"):
        sweep(model_folder, guided, rows=rows, columns=Axis("seed", [1]), directory=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_impossible_values_are_refused_before_any_work(
    model_folder: ModelFolder, commission: Commission, tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match="octaves = 0"):
        sweep(
            model_folder, commission, rows=Axis("octaves", [1, 0]), columns=Axis("seed", [1]), directory=tmp_path / "a"
        )
    assert not (tmp_path / "a").exists()
