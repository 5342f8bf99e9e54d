"""Recipes to start from, and how a person's wishes change them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightmare.dream.picture import read_provenance
from nightmare.dream.recipe import Recipe, parse_layers
from nightmare.errors import InputError, ParameterError

__all__ = ["PORTRAIT", "PRESETS", "read_recipe", "refined"]

# What all but the original share: soft steps in the colours of photos, and no burnt areas.
_SOFT = Recipe(parametrisation="fourier", smoothing=0.5, headroom=0.03, taper=0.8, rotation=6.0)

PRESETS = {
    # A texture that one finds on the second look.
    "whisper": _SOFT.model_copy(
        update={"layers": {"layer3": 1.0}, "octaves": 3, "iterations": 4, "step_size": 0.01, "strength": 0.7}
    ),
    # The pipeline's own taste.
    "nightmare": _SOFT.model_copy(
        update={"layers": {"layer4": 1.0}, "octaves": 5, "iterations": 6, "step_size": 0.015, "strength": 0.9}
    ),
    # Larger forms, further from the photo.
    "deep-nightmare": _SOFT.model_copy(
        update={"layers": {"layer4": 1.0}, "octaves": 7, "iterations": 10, "step_size": 0.015, "strength": 1.0}
    ),
    # Many small marks in loud colours.
    "fever": Recipe(
        layers={"layer2": 0.5, "layer3": 1.0},
        octaves=4,
        iterations=6,
        step_size=0.012,
        taper=0.8,
        headroom=0.05,
        strength=1.0,
    ),
    # Deep Nightmare of 2019 in intent: the energy of one stage, steps of 0.02 mean gradients, 40 iterations.
    "original": Recipe(
        layers={"layer3": 1.0}, octaves=5, iterations=40, step_size=0.02, jitter=32, smoothing=0.0, strength=1.0
    ),
}

# One picture of one class, as large as the network sees: many turning steps at the sizes that it knows.
PORTRAIT = _SOFT.model_copy(
    update={"octaves": 3, "iterations": 20, "step_size": 0.02, "taper": 0.5, "jitter": 6, "zoom": 0.05, "strength": 1.0}
)


def refined(start: str | Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The preset or recipe `start` with those of `changes` that are not None.

    Settings with several forms may be text: `layers` (see `parse_layers`), `iterations` (`10` or `2,2,3,4`) and `tile`.
    Raises `ParameterError` for a preset that does not exist, for a value out of its range, and for layers that are
    wished for with a class, which would be left aside.
    """
    if isinstance(start, str):
        if start not in PRESETS:
            raise ParameterError(f"no preset {start}: choose of {', '.join(PRESETS)}")
        start = PRESETS[start]
    wished = {name: value for name, value in changes.items() if value is not None}
    if isinstance(wished.get("layers"), str):
        wished["layers"] = parse_layers(wished["layers"])
    if isinstance(wished.get("iterations"), str):
        wished["iterations"] = _iterations(wished["iterations"])
    if str(wished.get("tile")).isdecimal():
        wished["tile"] = int(wished["tile"])
    recipe = Recipe.checked(start.model_dump() | wished)
    if "layers" in wished and recipe.target_class is not None:
        raise ParameterError(f"{recipe.objective} looks at no layers: leave layers out, or take another objective")
    return recipe


def _iterations(text: str) -> int | list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise ParameterError(f"iterations: {text}: write a number, or one for each octave such as 2,2,3,4") from None
    return numbers[0] if len(numbers) == 1 else numbers


def read_recipe(path: Path) -> Recipe:
    """The recipe in a JSON file, or in a dream. Raises `ParameterError` when there is none or a setting is wrong."""
    if path.suffix.lower() != ".json" and path.is_file():
        try:
            return read_provenance(path).recipe
        except InputError as error:
            raise ParameterError(f"no recipe in {path}: {error}") from None
    try:
        return Recipe.from_json(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        raise ParameterError(f"no recipe at {path}: give a JSON file, a dream or a preset") from None
