"""What a dream is made with: one frozen, checked object, the same in params.yaml, in Python and inside the picture."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nightmare.cache import fingerprint
from nightmare.errors import ParameterError

__all__ = ["ENGINE", "Recipe"]

# Goes up whenever the same recipe makes another picture than before.
ENGINE = 1

_CLASS = "class:"


class Recipe(BaseModel):
    """All settings of a dream. Layer and class names are checked against a model when the dream begins.

    `objective` is `energy` (of `layers`) or `class:<name>`, which looks at the logit of that class and leaves
    `layers` aside. `smoothing` is the deviation in pixels of the Gaussian that blurs each gradient, 0 for none.
    `strength` 0 is the photo, 1 the dream alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    layers: Annotated[dict[str, float], Field(min_length=1)] = {"layer3": 1.0}
    objective: Annotated[str, Field(pattern=rf"^(energy|{_CLASS}.+)$")] = "energy"
    octaves: Annotated[int, Field(ge=1, le=20)] = 4
    octave_scale: Annotated[float, Field(gt=1, le=4)] = 1.4
    iterations: Annotated[int, Field(ge=0, le=1000)] = 10
    step_size: Annotated[float, Field(gt=0, le=1)] = 0.02
    jitter: Annotated[int, Field(ge=0, le=512)] = 16
    smoothing: Annotated[float, Field(ge=0, le=32)] = 1.0
    strength: Annotated[float, Field(ge=0, le=1)] = 0.9
    seed: Annotated[int, Field(ge=0)] = 2019

    @field_validator("layers")
    @classmethod
    def _some_weight(cls, layers: dict[str, float]) -> dict[str, float]:
        if not any(layers.values()):
            raise ValueError("every layer has the weight 0, so there is nothing to dream of")
        return layers

    @property
    def target_class(self) -> str | None:
        """The class that is dreamt of, or None when the objective is the energy of the layers."""
        return self.objective.removeprefix(_CLASS) if self.objective.startswith(_CLASS) else None

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


def _fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    name = ".".join(str(part) for part in fault["loc"]) or "the text"
    return f"{name} = {fault['input']!r}: {fault['msg']}" if fault["loc"] else f"{name}: {fault['msg']}"
