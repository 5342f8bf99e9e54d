"""From the controls of the page to a recipe: a look to start from, and what the sliders change of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from nightmare.dream.presets import PRESETS
from nightmare.dream.recipe import Recipe
from nightmare.errors import ParameterError
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.models import Network

__all__ = ["CUSTOM", "LOOKS", "controls_of", "in_network", "wished"]

# Names on the page, and the presets that they stand for.
LOOKS: Mapping[str, str] = MappingProxyType(
    {
        "Nightmare": "nightmare",
        "Whisper": "whisper",
        "Deep nightmare": "deep-nightmare",
        "Fever": "fever",
        "Original": "original",
    }
)
CUSTOM = "Custom"
_RESNET = ("layer1", "layer2", "layer3", "layer4")


def controls_of(look: str) -> dict[str, Any]:
    """What the sliders show for a look: the recipe in the words of the page.

    `stage` is its heaviest one, 1 to 4. Raises `ParameterError` for a look that does not exist.
    """
    recipe = _preset(look)
    heaviest = max(recipe.layers, key=lambda name: recipe.layers[name])
    return {
        "stage": _RESNET.index(heaviest) + 1,
        "octaves": recipe.octaves,
        "iterations": recipe.iterations,
        "octave_scale": recipe.octave_scale,
        "step_size": recipe.step_size,
        "jitter": recipe.jitter,
    }


def wished(
    look: str,
    network: Network,
    *,
    stage: int,
    channel: int | None,
    keep_colors: bool,
    seed: int,
    limits: Limits = LIMITS,
    **sliders: Any,
) -> Recipe:
    """The recipe of `look` with `sliders` in place of its own settings, in the layers of `network`.

    The look's mixture of stages stays where `stage` is its heaviest one. Raises `ParameterError` for a value out of its
    range.
    """
    recipe = _preset(look)
    if not 1 <= stage <= len(_RESNET):
        raise ParameterError(f"layer {stage}: choose 1 to {len(_RESNET)}")
    if sliders.get("octaves", 1) > limits.octaves or sliders.get("iterations", 1) > limits.iterations:
        raise ParameterError(f"more than {limits.octaves} octaves of {limits.iterations} iterations: choose fewer")
    changes = {**sliders, "keep_colors": keep_colors, "seed": seed}
    if stage != controls_of(look)["stage"]:
        changes["layers"] = {_RESNET[stage - 1]: 1.0}
    if channel is not None:
        changes["objective"] = f"channel:{channel}"
    return in_network(Recipe.checked(recipe.model_dump() | changes), network)


def in_network(recipe: Recipe, network: Network) -> Recipe:
    """`recipe`, whose layers are a ResNet's, in those of `network`."""
    stages = dict(zip(_RESNET, network.stages, strict=True))
    return recipe.model_copy(update={"layers": {stages[name]: weight for name, weight in recipe.layers.items()}})


def _preset(look: str) -> Recipe:
    if look not in LOOKS:
        raise ParameterError(f"no look {look!r}: choose one of {', '.join(LOOKS)}")
    return PRESETS[LOOKS[look]]
