import pytest

from nightmare.dream.presets import PRESETS, read_recipe, refined
from nightmare.dream.recipe import Recipe, parse_layers
from nightmare.errors import ParameterError


def test_wishes_change_what_they_name_and_nothing_else() -> None:
    changed = refined("fever", {"octaves": 2, "layers": "layer4, layer1=0.5", "seed": None})
    assert changed == PRESETS["fever"].model_copy(update={"octaves": 2, "layers": {"layer4": 1.0, "layer1": 0.5}})
    assert refined(changed, {}) == changed


@pytest.mark.parametrize(
    ("start", "changes", "complaint"),
    [
        ("fewer", {}, "no preset fewer: choose of whisper"),
        ("fever", {"octaves": 0}, "octaves = 0"),
        ("fever", {"strength": float("nan")}, "strength = nan"),
        ("fever", {"layers": "layer3=much"}, "layer3=much: write a name"),
        ("fever", {"layers": "layer3", "objective": "class:skulls"}, "class:skulls looks at no layers"),
        (Recipe(objective="class:skulls"), {"layers": "layer3"}, "class:skulls looks at no layers"),
        ("fever", {"layers": "layer3,layer3=2"}, "layer3 stands twice"),
        ("fever", {"layers": ""}, "a part without a name"),
        ("fever", {"layers": "layer3,"}, "a part without a name"),
        ("fever", {"layers": "layer3=1e999"}, "layers = inf: Input should be a finite number"),
    ],
)
def test_a_wrong_wish_is_named(start: str | Recipe, changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        refined(start, changes)


def test_a_recipe_comes_from_a_file(tmp_path) -> None:
    recipe = Recipe(layers={"layer1": 2.0}, objective="class:skulls")
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    assert read_recipe(tmp_path / "recipe.json") == recipe
    with pytest.raises(ParameterError, match="no recipe at"):
        read_recipe(tmp_path / "absent.json")


def test_the_original_is_that_of_2019() -> None:
    original = PRESETS["original"]
    assert (original.layers, original.step_size, original.octave_scale) == ({"layer3": 1.0}, 0.02, 1.4)
    assert (original.jitter, original.iterations, original.smoothing) == (32, 40, 0.0)


def test_layers_are_names_with_weights() -> None:
    assert parse_layers("layer3.1.conv2=2, layer1") == {"layer3.1.conv2": 2.0, "layer1": 1.0}
