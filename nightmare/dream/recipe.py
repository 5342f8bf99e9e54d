"""What a dream is made with: one frozen, checked object, the same in params.yaml, in Python and inside the picture."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nightmare.cache import fingerprint
from nightmare.errors import InputError, ParameterError

__all__ = ["ENGINE", "Recipe", "parse_layers"]

# Goes up whenever the same recipe makes another picture than before.
ENGINE = 5

_CLASS = "class:"
_OBJECTIVE = re.compile(
    r"energy"
    r"|channel:\d{1,9}(,\d{1,9})*"
    r"|neuron:\d{1,9}(@(0|1|0?\.\d+),(0|1|0?\.\d+))?"
    rf"|{_CLASS}.+"
    r"|guided(:mean)?"
)


def _some_weight(layers: dict[str, float]) -> dict[str, float]:
    for name, weight in layers.items():
        # Only their ratios count, and beyond this range float32 makes nothing or infinity of what they weigh.
        if weight and not 1e-6 <= abs(weight) <= 1e6:
            raise ValueError(f"{name} has the weight {weight:g}: give 0, or a size from 0.000001 to 1000000")
    if not any(layers.values()):
        raise ValueError("every layer has the weight 0, so there is nothing to dream of")
    return layers


_Layers = Annotated[dict[str, float], Field(min_length=1)]
_Iterations = Annotated[int, Field(ge=0, le=1000)]


class Recipe(BaseModel):
    """All settings of a dream but its pictures. Layer and class names are checked against a model when it begins.

    `layers`: names with weights; several climb together.
    `objective`: `energy` (of whole layers); `channel:3,17` (mean of channels); `neuron:3` or `neuron:3@0.25,0.5`
    (channel 3 at one position, the centre or as shares of width and height); `class:<name>` (logit, `layers` are left
    aside); `guided` (each position climbs towards its best match in the guides) or `guided:mean` (towards their mean).
    `octaves`, `octave_scale`: number of sizes, and the ratio of one to the next.
    `iterations`: steps per octave, or a list of one number per octave, small to large.
    `step_size`: mean change of a value in one step, of the range 0 to 1, before clipping. `taper`: how far the steps of
    an octave shrink, 0 for not at all, 1 from nearly twice the step size to nearly nothing. `headroom`: distance from
    black and white within which a value moves less, so that it arrives there late; 0 only clips.
    `jitter`, `rotation`, `zoom`: largest random shift (pixels), turn (degrees) and change of scale (share) of a step.
    `smoothing`: deviation in pixels of the cascade of Gaussians that blurs each gradient, 0 for none.
    `laplacian`: bands of the gradient's pyramid that are brought to equal energy, 0 for none.
    `total_variation`: weight of the pull towards flat areas, beside a gradient of mean 1.
    `parametrisation`: `pixels`, or `fourier` for steps along decorrelated frequencies and colours.
    `masks`: for each mask image that is given the layers within it; empty for `layers`. `feather` softens their edges
    by a deviation in pixels of the finished picture.
    `keep_colors`: take luminance alone from the dream. `strength`: 0 is the photo, 1 the dream alone.
    `tile`: side in pixels of the parts that are computed one by one, `auto` where memory asks for it, or `none`.
    `precision`: `bfloat16` halves the work of networks on processors that multiply it, and rounds.
    `seed`: all random choices derive from it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    layers: _Layers = {"layer3": 1.0}
    objective: str = "energy"
    octaves: Annotated[int, Field(ge=1, le=20)] = 4
    octave_scale: Annotated[float, Field(gt=1, le=4)] = 1.4
    iterations: _Iterations | Annotated[list[_Iterations], Field(min_length=1)] = 10
    step_size: Annotated[float, Field(gt=0, le=1)] = 0.02
    taper: Annotated[float, Field(ge=0, le=1)] = 0.0
    headroom: Annotated[float, Field(ge=0, le=1)] = 0.0
    jitter: Annotated[int, Field(ge=0, le=512)] = 16
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    zoom: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    smoothing: Annotated[float, Field(ge=0, le=32)] = 1.0
    laplacian: Annotated[int, Field(ge=0, le=10)] = 0
    total_variation: Annotated[float, Field(ge=0, le=100)] = 0.0
    parametrisation: Literal["pixels", "fourier"] = "pixels"
    masks: list[dict[str, float]] = []
    feather: Annotated[float, Field(ge=0, le=256)] = 4.0
    keep_colors: bool = False
    strength: Annotated[float, Field(ge=0, le=1)] = 0.9
    tile: Annotated[int, Field(ge=64, le=8192)] | Literal["auto", "none"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: Annotated[int, Field(ge=0)] = 2019

    _layers_have_weight = field_validator("layers")(_some_weight)

    @field_validator("masks")
    @classmethod
    def _masks_have_weight(cls, masks: list[dict[str, float]]) -> list[dict[str, float]]:
        return [layers and _some_weight(layers) for layers in masks]

    @field_validator("objective")
    @classmethod
    def _known_objective(cls, objective: str) -> str:
        if not _OBJECTIVE.fullmatch(objective):
            raise ValueError("give energy, channel:3, neuron:3@0.5,0.5, class:<name>, guided or guided:mean")
        return objective

    @model_validator(mode="after")
    def _as_many_iterations_as_octaves(self) -> "Recipe":
        if isinstance(self.iterations, list) and len(self.iterations) != self.octaves:
            raise ValueError(f"iterations has {len(self.iterations)} numbers for {self.octaves} octaves: one for each")
        return self

    @model_validator(mode="after")
    def _layers_that_count(self) -> "Recipe":
        if self.target_class is not None and any(self.masks):
            raise ValueError("a dream of a class looks at no layers: leave those of the masks out")
        return self

    def iterations_of(self, octave: int) -> int:
        """The number of steps of `octave`, which counts from 0, the smallest."""
        return self.iterations if isinstance(self.iterations, int) else self.iterations[octave]

    def step_size_of(self, octave: int, iteration: int) -> float:
        """The mean change of a value in step `iteration` of `octave`; over an octave their mean is `step_size`."""
        steps = self.iterations_of(octave)
        return self.step_size * (1 + self.taper * (steps - 1 - 2 * iteration) / (steps + 1))

    @property
    def target_class(self) -> str | None:
        """The class that is dreamt of, or None when the objective is another."""
        return self.objective.removeprefix(_CLASS) if self.objective.startswith(_CLASS) else None

    @property
    def is_guided(self) -> bool:
        """Whether the objective looks at guide images."""
        return self.objective.startswith("guided")

    def check_pictures(self, *, guides: int, masks: int) -> None:
        """Raise `InputError` unless so many guides and masks are what the recipe looks at."""
        if masks != len(self.masks):
            raise InputError(f"the recipe has layers for {len(self.masks)} masks and {masks} are given")
        if self.is_guided != bool(guides):
            wrong = (
                "is guided and there is no guide: give one" if self.is_guided else "ignores guides: set it to guided"
            )
            raise InputError(f"the objective {self.objective} {wrong}")

    @property
    def hash(self) -> str:
        """16 hexadecimal digits, equal for equal settings whatever their order."""
        return fingerprint(self.model_dump())

    @classmethod
    def from_json(cls, text: str | bytes) -> "Recipe":
        """The recipe that `model_dump_json` wrote. Raises `ParameterError` that names the setting at fault."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ParameterError(f"a recipe of another kind: {_fault(error)}") from None

    @classmethod
    def checked(cls, settings: dict[str, Any]) -> "Recipe":
        """A recipe of `settings`. Raises `ParameterError` that names the setting at fault."""
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise ParameterError(f"no such recipe: {_fault(error)}") from None


def parse_layers(text: str) -> dict[str, float]:
    """`layer3,layer2=0.5` as names with weights.

    Raises `ParameterError` for a part without a name, a weight that is no number, and a name that stands twice.
    """
    layers: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition("=")
        if name in layers:
            raise ParameterError(f"layers: {text}: {name} stands twice: give it once, with one weight")
        try:
            layers[name] = float(weight or 1)
        except ValueError:
            raise ParameterError(f"layers: {part.strip()}: write a name, or name=weight such as layer2=0.5") from None
    if "" in layers:
        raise ParameterError(f"layers: {text!r} has a part without a name: write such as layer3,layer2=0.5")
    return layers


def _fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    what = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return what
    name = fault["loc"][0]
    if name == "tile":
        what = "give a number of pixels from 64 to 8192, auto or none"
    return f"{name} = {fault['input']!r}: {what}"
