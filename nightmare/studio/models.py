"""The networks that the studio dreams with: those that the pipeline has made, and one that knows no nightmares."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save

from nightmare.device import best_device
from nightmare.errors import ModelError, NightmareError
from nightmare.studio.limits import LIMITS
from nightmare.train.model import Model, ModelCard, load_model
from nightmare.train.network import EFFICIENTNET, MEAN, STD, build_network, load_pretrained

__all__ = ["PLAIN", "STAGES", "Catalogue", "Network", "find_networks"]

PLAIN = "imagenet"
# The pipeline's networks, the one that dreams best first, and what they have learnt from. The first one was trained
# against an adversary.
_TITLES = {
    "robust": "Robust, culled data",
    "retrain": "Plain, culled data",
    "train": "Plain, all data",
    "control": "Plain, as much at random",
}
# The layers of all of them from lines to things, as recipes name them.
STAGES = ("layer1", "layer2", "layer3", "layer4")
_CLASSES = 1000  # of ImageNet


@dataclass(frozen=True)
class Network:
    """One entry of the list of models.

    `accuracy` is that of the validation side where it is known, `version` a hash of the weights where one is.
    """

    name: str
    title: str
    load: Callable[[], Model]
    accuracy: float | None = None
    version: str = ""

    @property
    def label(self) -> str:
        """Its title and accuracy in a line as short as the control."""
        return self.title if self.accuracy is None else f"{self.title}, {self.accuracy:.0%} right"


class Catalogue:
    """The networks by name, loaded when they are first asked for and then kept.

    Those that were lent are no part of the list; of them the last `lent` that dreamt stay loaded.
    """

    def __init__(self, networks: Sequence[Network], *, lent: int = LIMITS.compared) -> None:
        self.networks = {network.name: network for network in networks}
        self._loaded: dict[str, Model] = {}
        self._lent: dict[str, Network] = {}
        self._lent_loaded: OrderedDict[str, Model] = OrderedDict()
        self._most_lent = lent

    @property
    def first(self) -> str:
        """The name of the network to begin with."""
        return next(iter(self.networks))

    def lend(self, network: Network) -> None:
        """Know a network by its name that is not in the list; of one that is lent already, only another version."""
        known = self._lent.get(network.name)
        if known is None or known.version != network.version:
            self._lent[network.name] = network
            self._lent_loaded.pop(network.name, None)

    def network(self, name: str) -> Network:
        """Raises `ModelError` for a name that is not in the list, and was not lent."""
        if name in self._lent:
            return self._lent[name]
        if name not in self.networks:
            raise ModelError(f"no model {name!r} here: choose one of {', '.join(self.networks)}")
        return self.networks[name]

    def named(self, sha256: str) -> str:
        """The name of the network with these weights, or an empty one. Loads what it has to and can."""
        for name in self.networks:
            try:
                if self.model(name).sha256 == sha256:
                    return name
            except NightmareError:  # one that cannot be read is not it
                continue
        return ""

    def model(self, name: str) -> Model:
        """Raises `ModelError` for a name that is not in the list, and for weights that cannot be read."""
        if name in self._lent:
            return self._lent_model(name)
        if name not in self._loaded:
            self._loaded[name] = self.network(name).load()
        return self._loaded[name]

    def _lent_model(self, name: str) -> Model:
        model = self._lent_loaded.pop(name, None) or self._lent[name].load()
        self._lent_loaded[name] = model
        while len(self._lent_loaded) > self._most_lent:
            self._lent_loaded.popitem(last=False)
        return model


def find_networks(models: Path, reports: Path) -> list[Network]:
    """Those in folders below `models`, with the accuracy that `reports` knows of them, then the plain one."""
    device = best_device()
    found = [
        Network(
            name,
            title,
            partial(load_model, models / name, device=device),
            _accuracy(reports / name / "metrics.json"),
        )
        for name, title in _TITLES.items()
        if (models / name / "model.json").is_file()
    ]
    plain = Network(PLAIN, "ImageNet, no nightmares", partial(_plain_model, device))
    return [*found, plain]


def _plain_model(device: torch.device) -> Model:
    """EfficientNet-Lite0 as ImageNet left it."""
    network = build_network(EFFICIENTNET, _CLASSES)
    load_pretrained(network, EFFICIENTNET, "imagenet")
    card = ModelCard(
        architecture=EFFICIENTNET,
        classes=tuple(f"class_{number}" for number in range(_CLASSES)),
        pixels=224,
        mean=MEAN,
        std=STD,
        dataset="imagenet",
        parameters={},
    )
    content = hashlib.sha256(save(network.state_dict())).hexdigest()
    return Model(network.eval().requires_grad_(False).to(device), card, content)


def _accuracy(metrics: Path) -> float | None:
    try:
        accuracy = json.loads(metrics.read_text(encoding="utf-8")).get("accuracy")
    except (OSError, ValueError):
        return None
    return accuracy if isinstance(accuracy, float) else None
