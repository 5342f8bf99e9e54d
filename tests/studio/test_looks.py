"""From sliders to recipes and back."""

from typing import Any

import pytest
from studios import wish

from nightmare.dream.presets import PRESETS
from nightmare.dream.recipe import Recipe
from nightmare.errors import ParameterError
from nightmare.studio.looks import CUSTOM, LOOKS, Wish, base_recipe, controls_of, look_of


def of_look(look: str, **changes: Any) -> Wish:
    controls = {name: value for name, value in controls_of(look).items() if name != "strength"}
    return wish("cat", **{"base": look} | controls | changes)


@pytest.mark.parametrize("look", LOOKS)
def test_untouched_sliders_are_the_preset(look: str) -> None:
    preset = PRESETS[LOOKS[look]]
    recipe = of_look(look, seed=preset.seed).recipe()
    assert recipe.model_copy(update={"strength": preset.strength}) == preset
    assert controls_of(look)["strength"] == round(100 * preset.strength)
    assert look_of(recipe.model_copy(update={"seed": 5, "strength": 0.3})) == look


def test_slider_keeps_what_has_no_slider() -> None:
    recipe = of_look("Whisper", iterations=9).recipe()
    assert recipe == PRESETS["whisper"].model_copy(update={"iterations": 9, "seed": 0})
    assert look_of(recipe) == CUSTOM


def test_mixture_of_layers_stays_until_the_layer_is_moved() -> None:
    assert of_look("Fever").recipe().layers == {"layer2": 0.5, "layer3": 1.0}
    assert of_look("Fever", stage=1).recipe().layers == {"layer1": 1.0}


def test_channel_is_an_objective() -> None:
    assert of_look("Fever", channel=7).recipe().objective == "channel:7"
    saved = of_look("Fever", channel=7).recipe().model_dump_json()
    assert controls_of(saved)["channel"] == 7
    assert wish("cat", base=saved).recipe().objective == "energy"


def test_recipe_of_a_picture_is_a_base() -> None:
    recipe = PRESETS["fever"].model_copy(update={"smoothing": 2.0, "objective": "class:skulls"})
    assert look_of(recipe) == CUSTOM
    base = recipe.model_dump_json()
    controls = {name: value for name, value in controls_of(base).items() if name != "strength"}
    again = wish("cat", base=base, seed=recipe.seed, **controls).recipe()
    assert again == recipe


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": "guided"},
        {"masks": [{}]},
        {"octaves": 2, "iterations": [1, 2]},
        {"layers": {"blocks.4": 1.0}},
    ],
)
def test_recipe_beyond_the_controls_is_refused_in_words(changes: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="nightmare redream"):
        base_recipe(Recipe.checked(changes).model_dump_json())


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": 5},
        {"octaves": 10},
        {"iterations": 101},
        {"octave_scale": 1.0},
        {"step_size": 0.0},
        {"jitter": 65},
        {"side": 2049},
        {"channel": -1},
        {"seed": 2**31},
        {"masks": []},
    ],
)
def test_value_out_of_its_range_names_the_control(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(ParameterError, match=rf"^{name} = "):
        wish("cat", **changes)


def test_unknown_look_is_refused() -> None:
    with pytest.raises(ParameterError, match="choose one of Nightmare, Whisper"):
        wish("cat", base="Sweet").recipe()
