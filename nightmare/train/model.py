"""A trained model on disk: `model.safetensors` (weights) and `model.json` (everything needed to use them).

Whoever loads a model needs no params.yaml: architecture, classes and input size come from inside.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save

from nightmare.atomic import atomic_path
from nightmare.cache import fingerprint
from nightmare.errors import ModelError
from nightmare.params import Params
from nightmare.tables import classes_of
from nightmare.train.network import ARCHITECTURES, MEAN, STD, Network, build_network, pretrained_fingerprint

__all__ = ["Model", "ModelCard", "load_model", "model_card", "save_model"]


class ModelCard(BaseModel):
    """The content of model.json.

    `architecture` is one of `network.ARCHITECTURES`, or what torchvision calls a classifier of its own. `pixels` is the
    side of the square that the network was trained on, `mean` and `std` the normalisation of RGB in 0 … 1, `dataset`
    the fingerprint of the rows it was trained on, `parameters` what it was trained with, the hash of a file of first
    weights included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    pixels: Annotated[int, Field(ge=8, le=4096)]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    dataset: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Model:
    """A network in eval mode without weight gradients, its card and the SHA-256 of its weights."""

    network: Network
    card: ModelCard
    sha256: str


def model_card(params: Params, split: pd.DataFrame) -> ModelCard:
    """The card of a network trained under `params` on the kept training rows of `split`, whose classes it knows."""
    learnt = split[split["keep"] & (split["side"] == "train") & split["grade"].isin(params.train.grades)]
    rows = learnt[["id", "label"]].sort_values("id").to_numpy().tolist()
    first_weights = pretrained_fingerprint(params.model.pretrained)
    return ModelCard(
        architecture=params.model.architecture,
        classes=classes_of(split),
        pixels=params.model.pixels,
        mean=MEAN,
        std=STD,
        dataset=fingerprint({"rows": rows}),
        parameters={
            "seed": params.seed,
            "model": params.model.model_dump(),
            "train": params.train.model_dump(),
            "first_weights": first_weights,
        },
    )


def save_model(directory: Path, network: Network, card: ModelCard) -> None:
    """Write weights and card into `directory`, each atomically."""
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with atomic_path(directory / "model.safetensors") as temporary:
        temporary.write_bytes(save(weights))
    with atomic_path(directory / "model.json") as temporary:
        temporary.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_model(directory: str | Path, *, device: torch.device | str = "cpu") -> Model:
    """Read the model in `directory`. Raises `ModelError` when it is absent, damaged, or does not fit its card."""
    directory = Path(directory)
    card_path, weights_path = directory / "model.json", directory / "model.safetensors"
    try:
        card = ModelCard.model_validate_json(card_path.read_bytes())
        content = weights_path.read_bytes()
        if card.architecture not in ARCHITECTURES:
            raise ModelError(f"{card_path} names {card.architecture!r}: one of {', '.join(ARCHITECTURES)} is known")
        if (card.mean, card.std) != (MEAN, STD):
            raise ModelError(f"{card_path} asks for another normalisation than this version knows: train it anew")
        network = build_network(card.architecture, len(card.classes))
        network.load_state_dict(load(content))
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(f"no model in {directory}: run `dvc repro` or `dvc pull`") from None
    except ValidationError as error:
        raise ModelError(f"{card_path} is damaged: {error.errors()[0]['msg']}") from None
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(f"{weights_path} does not fit its card: {str(error).splitlines()[0]}") from None
    return Model(network.eval().requires_grad_(False).to(device), card, hashlib.sha256(content).hexdigest())
