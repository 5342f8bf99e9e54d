import pytest
from pydantic import ValidationError

from nightmare.dream.recipe import Recipe
from nightmare.errors import ParameterError
from nightmare.params import Params


def test_json_round_trip() -> None:
    recipe = Recipe(layers={"layer2": 0.5, "layer3.1.conv2": 1.0}, objective="class:creepy crawlies", smoothing=0.0)
    assert Recipe.from_json(recipe.model_dump_json()) == recipe


def test_hash_sees_every_setting_but_no_order() -> None:
    recipe = Recipe(layers={"layer2": 1.0, "layer3": 2.0})
    assert recipe.hash == Recipe(layers={"layer3": 2.0, "layer2": 1.0}).hash
    changes = {
        "layers": {"layer2": 1.0},
        "objective": "class:skull",
        "octaves": 9,
        "octave_scale": 1.9,
        "iterations": 9,
        "step_size": 0.9,
        "jitter": 9,
        "taper": 0.9,
        "headroom": 0.9,
        "rotation": 9.0,
        "zoom": 0.4,
        "smoothing": 9.0,
        "laplacian": 9,
        "total_variation": 9.0,
        "parametrisation": "fourier",
        "masks": [{}],
        "feather": 9.0,
        "keep_colors": True,
        "tile": 64,
        "precision": "bfloat16",
        "strength": 0.1,
        "seed": 9,
    }
    assert changes.keys() == Recipe.model_fields.keys()
    hashes = {recipe.model_copy(update={name: value}).hash for name, value in changes.items()}
    assert len(hashes | {recipe.hash}) == len(changes) + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"objective": "fear"},
        {"objective": "class:"},
        {"layers": {}},
        {"layers": {"layer3": 0.0}},
        {"layers": {"layer2": 1.0, "layer3": float("inf")}},
        {"layers": {"layer2": 1.0, "layer3": float("nan")}},
        {"layers": {"layer2": 1.0, "layer3": -2e6}},
        {"layers": {"layer2": 1.0, "layer3": 1e-300}},
        {"octaves": 0},
        {"octave_scale": 1.0},
        {"iterations": -1},
        {"strength": 1.5},
        {"guide": "photo.jpg"},
        {"iterations": [1, 2]},
        {"iterations": []},
        {"masks": [{"layer3": 0.0}]},
        {"masks": [{"layer3": 1e300}]},
        {"objective": "channel:"},
        {"objective": "channel:1,"},
        {"objective": f"channel:{'9' * 5000}"},
        {"objective": "neuron:1@2,0"},
        {"objective": "guided:worst"},
        {"precision": "float16"},
        {"tile": 1},
    ],
)
def test_impossible_and_unknown_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Recipe(**wrong)


def test_a_foreign_text_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ParameterError, match="iterations"):
        Recipe.from_json('{"iterations": "many"}')
    with pytest.raises(ParameterError):
        Recipe.from_json("{")


def test_target_class() -> None:
    assert Recipe().target_class is None
    assert Recipe(objective="class:a:b").target_class == "a:b"


def test_the_parameters_of_the_pipeline_make_a_recipe(params: Params) -> None:
    settings = params.dream.model_dump(include=set(Recipe.model_fields))
    # Masks belong to one photo each, and every random choice of the pipeline to one seed.
    assert settings.keys() | {"masks", "feather", "seed"} == Recipe.model_fields.keys()
    Recipe(seed=params.seed, **settings)
