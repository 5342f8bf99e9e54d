"""The original's nine experiments: what was reported of each, and the parameters that it takes at a scale.

In: experiments/original.yaml. Full scale is the original's epochs at the size for which ResNets are made; a smaller
one has fewer epochs and fewer pixels, so that it can be had on a small machine.
"""

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from nightmare.errors import InputError, ParameterError
from nightmare.params import Params

__all__ = ["Row", "changed_params", "experiment_name", "experiment_scale", "read_rows", "scaled_changes"]

_FULL_PIXELS = 224  # of He et al. 2015, and so of the ImageNet weights
_FEWEST_PIXELS = 64  # below, drawings lose what tells them apart


class Row(BaseModel):
    """One row of the original's table: the accuracy it reported, our stage for it, and the parameters it changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    note: str = ""
    reported: Annotated[float, Field(ge=0, le=1)]
    stage: Literal["train", "retrain"]
    params: dict[str, bool | int | float | str]


def read_rows(path: Path = Path("experiments/original.yaml")) -> list[Row]:
    """The rows in the order of the table. Raises `InputError` for a file that is none."""
    try:
        return TypeAdapter(list[Row]).validate_python(YAML(typ="safe").load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"no {path}: run in the folder that holds dvc.yaml") from None
    except (YAMLError, ValidationError, UnicodeDecodeError) as error:
        raise InputError(f"{path} holds no experiments, restore it with `git checkout {path}`: {error}") from None


def experiment_name(row: Row, scale: float) -> str:
    """What DVC knows the row by at a scale, such as original-18-anf-scratch-at-0.1."""
    return f"original-{row.name}-at-{scale:g}"


def experiment_scale(row: Row, name: str) -> float | None:
    """The scale of an experiment of the row by its name, None for the name of anything else."""
    match = re.fullmatch(rf"original-{row.name}-at-(\d+(\.\d+)?)", name)
    return float(match[1]) if match else None


def scaled_changes(row: Row, scale: float, params: Params) -> dict[str, Any]:
    """The parameters that the row changes at `scale`, above 0 to 1: that share of the epochs, and of the pixels."""
    # The root, since a side that is half as long has a quarter of the pixels.
    side = 8 * round(_FULL_PIXELS * math.sqrt(scale) / 8)
    pixels = max(_FEWEST_PIXELS, side)
    changes: dict[str, Any] = {
        **row.params,
        "train.epochs": max(1, round(float(row.params["train.epochs"]) * scale)),
        "model.pixels": pixels,
        "train.first_pixels": pixels,  # the original knew no growing pictures
    }
    if pixels > params.ingest.pixels:
        changes["ingest.pixels"] = pixels
    return changes


def changed_params(params: Params, changes: dict[str, Any]) -> Params:
    """`params` with `changes` such as train.epochs. Raises `ParameterError` for an unknown or impossible one."""
    tree = params.model_dump()
    for name, value in changes.items():
        *sections, key = name.split(".")
        node = tree
        for section in sections:
            node = node.get(section, {})
        if key not in node:
            raise ParameterError(f"experiments/original.yaml: {name} is no parameter: see params.yaml")
        node[key] = value
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"][:2])
        raise ParameterError(f"experiments/original.yaml: {name} = {fault['input']!r}: {fault['msg']}") from None
