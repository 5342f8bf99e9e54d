"""From the controls of the page to a recipe and back: a look to start from, and what the sliders change of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nightmare.dream.presets import PRESETS
from nightmare.dream.recipe import Recipe
from nightmare.errors import ParameterError
from nightmare.studio.limits import LIMITS
from nightmare.studio.models import STAGES

__all__ = ["CUSTOM", "LOOKS", "Wish", "base_recipe", "controls_of", "look_of"]

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
_CHANNEL = "channel:"
_SLIDERS = ("octaves", "iterations", "octave_scale", "step_size", "jitter")


class Wish(BaseModel):
    """What a page asks for. The ranges are those of its sliders.

    `base` is a look, or the JSON of a recipe, of which the settings without a slider are taken. `stage` counts the
    network's layers from lines, 1, to things, 4. `side` is the longer one of the dream in pixels, `channel` the only
    one of the layer that is looked at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    photo: Annotated[str, Field(max_length=100)]
    base: Annotated[str, Field(max_length=10_000)] = "Nightmare"
    model: Annotated[str, Field(max_length=100)] = ""
    stage: Annotated[int, Field(ge=1, le=len(STAGES))]
    octaves: Annotated[int, Field(ge=1, le=LIMITS.octaves)]
    iterations: Annotated[int, Field(ge=1, le=LIMITS.iterations)]
    octave_scale: Annotated[float, Field(ge=1.1, le=2.0)]
    step_size: Annotated[float, Field(ge=0.001, le=0.1)]
    jitter: Annotated[int, Field(ge=0, le=64)]
    side: Annotated[int, Field(ge=LIMITS.small_side, le=LIMITS.largest_side)]
    channel: Annotated[int, Field(ge=0)] | None = None
    keep_colors: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> "Wish":
        """A wish of `values`. Raises `ParameterError` that names the control at fault."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            fault = error.errors()[0]
            raise ParameterError(f"{'.'.join(map(str, fault['loc']))} = {fault['input']!r}: {fault['msg']}.") from None

    def recipe(self) -> Recipe:
        """The recipe. The base's mixture of layers stays where `stage` is its heaviest one.

        Raises `ParameterError` for a base that does not exist or that wants more than a photo.
        """
        base = base_recipe(self.base)
        changes = {name: getattr(self, name) for name in (*_SLIDERS, "keep_colors", "seed")}
        if self.stage != _heaviest(base):
            changes["layers"] = {STAGES[self.stage - 1]: 1.0}
        if self.channel is not None:
            changes["objective"] = f"{_CHANNEL}{self.channel}"
        elif base.objective.startswith(_CHANNEL):
            changes["objective"] = "energy"
        return Recipe.checked(base.model_dump() | changes)


def base_recipe(base: str) -> Recipe:
    """The recipe of a look, or the one in a JSON. Raises `ParameterError` for what is neither or wants pictures."""
    if base.startswith("{"):
        recipe = Recipe.from_json(base)
        if recipe.is_guided or recipe.masks:
            raise ParameterError("Its settings want guides or masks: `nightmare redream` makes such a dream again.")
        if isinstance(recipe.iterations, list) or not set(recipe.layers) <= set(STAGES):
            raise ParameterError("Its settings have no sliders here: `nightmare redream` makes such a dream again.")
        return recipe
    if base not in LOOKS:
        raise ParameterError(f"no look {base!r}: choose one of {', '.join(LOOKS)}")
    return PRESETS[LOOKS[base]]


def controls_of(base: str) -> dict[str, Any]:
    """What the controls show for a look or the JSON of a recipe; `strength` in percent.

    Raises `ParameterError` as `base_recipe` does.
    """
    recipe = base_recipe(base)
    channel = recipe.objective.removeprefix(_CHANNEL)
    return {
        "stage": _heaviest(recipe),
        **{name: getattr(recipe, name) for name in _SLIDERS},
        "strength": round(100 * recipe.strength),
        "channel": int(channel) if channel.isdecimal() else None,
        "keep_colors": recipe.keep_colors,
    }


def look_of(recipe: Recipe) -> str:
    """The look whose recipe this is but for strength, seed and colours, else `CUSTOM`."""
    own = {"strength", "seed", "keep_colors"}
    for look, preset in LOOKS.items():
        if PRESETS[preset].model_dump(exclude=own) == recipe.model_dump(exclude=own):
            return look
    return CUSTOM


def _heaviest(recipe: Recipe) -> int:
    return 1 + STAGES.index(max(recipe.layers, key=lambda name: recipe.layers[name]))
