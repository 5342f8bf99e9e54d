"""What can be compared: networks of this folder, and what one says of each beside its picture."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightmare.studio.models import PLAIN, Network

__all__ = ["Experiment", "card_facts", "flat", "folder_experiment"]

# Of params.yaml, what a network owes itself to; the first one has not seen culling.
_SECTIONS = ("seed", "label", "split", "model", "train")
_FIRST_STAGE = "train"


@dataclass(frozen=True)
class Experiment:
    """One network in words.

    `name` is the catalogue's, `model` such as `resnet18, 64 pixels`, `data` the data set, `accuracy` that of the
    validation side. `settings` are parameters by their dotted names. `missing` is the command that makes the network
    where it is not here, and empty where it is.
    """

    name: str
    title: str
    model: str = ""
    data: str = ""
    accuracy: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""


def folder_experiment(network: Network, root: Path, params: Mapping[str, Any]) -> Experiment:
    """One of the project in `root`, which trains with `params`, by its card in `models`."""
    if network.name == PLAIN:
        return Experiment(network.name, network.title, "efficientnet_lite0, 224 pixels", "ImageNet, 1000 classes")
    model, classes, settings = card_facts(root / "models" / network.name / "model.json", params, stage=network.name)
    return Experiment(network.name, network.title, model, classes, network.accuracy, settings)


def card_facts(card: Path, params: Mapping[str, Any], *, stage: str) -> tuple[str, str, dict[str, Any]]:
    """Model, data set and settings of the network with the `card` that `stage` of a run with `params` has made.

    What the card says comes first: it lies beside the weights. Of a card that cannot be read only `params` is told.
    """
    sections = _SECTIONS if stage == _FIRST_STAGE else (*_SECTIONS, "cull")
    told = {name: params[name] for name in sections if name in params}
    version = flat(told).get("label.version", "")
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
        told |= content["parameters"]
        architecture = content.get("architecture") or f"resnet{content['depth']}"  # as older cards say
        model, data = f"{architecture}, {content['pixels']} pixels", f"{len(content['classes'])} classes"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        model, data = "", ""
    return model, ", ".join(filter(None, (str(version), data))), flat(told)


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A tree of settings by dotted names."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{below}": leaf for below, leaf in flat(value).items()}
        else:
            found[name] = value
    return found
