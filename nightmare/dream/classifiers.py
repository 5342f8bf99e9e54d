"""Networks that others trained: any classifier of torchvision, by its name and a file with its weights."""

import difflib
import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision import models

from nightmare.errors import ModelError
from nightmare.train.model import Model, ModelCard
from nightmare.train.network import MEAN, STD, read_weights

__all__ = ["load_classifier"]

_USUAL_PIXELS = 224


def load_classifier(name: str, weights: Path, *, device: torch.device | str = "cpu") -> Model:
    """The torchvision classifier `name` with `weights`, a safetensors file or a plain state dict.

    Its classes are ImageNet's where it has 1,000, else `class_0` and on. Raises `ModelError` for a name that
    torchvision does not know, and for weights that are not there, not readable or not its own.
    """
    known = models.list_models(module=models)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        raise ModelError(
            f"no classifier {name} in torchvision: {'did you mean ' + ' or '.join(near) if near else ', '.join(known)}"
        )
    state = read_weights(weights)
    count = _class_count(state)
    # Some begin with random weights that take minutes to draw: on the device meta nothing is drawn.
    with torch.device("meta"):
        network: nn.Module = models.get_model(name, weights=None, num_classes=count)
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise ModelError(
            f"{weights} does not hold the weights of {name}: {str(error).splitlines()[1].strip()[:200]}"
        ) from None
    card = ModelCard(
        depth=sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules()),
        classes=_classes(name, count),
        pixels=_USUAL_PIXELS,
        mean=MEAN,
        std=STD,
        dataset="torchvision",
        parameters={"classifier": name},
    )
    content = hashlib.sha256(weights.read_bytes()).hexdigest()
    return Model(network.eval().requires_grad_(False).to(device), card, content)


def _class_count(state: dict[str, Tensor]) -> int:
    """Outputs of the last layer: the last bias in the file, as state dicts are in the order of the layers."""
    biases = [value for name, value in state.items() if name.endswith("bias") and value.ndim == 1]
    if not biases:
        raise ModelError("the weights have no bias, and so no last layer that tells the number of classes")
    return len(biases[-1])


def _classes(name: str, count: int) -> tuple[str, ...]:
    categories = models.get_model_weights(name)
    named = next(iter(categories)).meta["categories"]
    return tuple(named) if len(named) == count else tuple(f"class_{number}" for number in range(count))
