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
    if not weights.is_file():
        raise ModelError(f"no weights at {weights}: give a safetensors file or a state dict")
    state = read_weights(weights)
    options = _options(name, state)
    # On the device meta no random weights are drawn, which takes some networks a minute.
    with torch.device("meta"):
        count = _class_count(state, list(models.get_model(name, weights=None, **options).state_dict()), weights)
        network: nn.Module = models.get_model(name, weights=None, num_classes=count, **options)
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise ModelError(
            f"{weights} does not hold the weights of {name}: {str(error).splitlines()[1].strip()[:200]}"
        ) from None
    card = ModelCard(
        architecture=name,
        classes=_classes(name, count),
        pixels=_USUAL_PIXELS,
        mean=MEAN,
        std=STD,
        dataset="torchvision",
        parameters={"classifier": name},
    )
    content = hashlib.sha256(weights.read_bytes()).hexdigest()
    return Model(network.eval().requires_grad_(False).to(device), card, content)


def _options(name: str, state: dict[str, Tensor]) -> dict[str, bool]:
    """How torchvision builds the two networks of the Inception family for weights that it publishes itself.

    They expect another normalisation than all others, and may or may not come with their auxiliary heads.
    """
    if name not in ("googlenet", "inception_v3"):
        return {}
    has_heads = any(key.startswith(("aux1.", "AuxLogits.")) for key in state)
    return {"transform_input": True, "aux_logits": has_heads, "init_weights": False}


def _class_count(state: dict[str, Tensor], names: list[str], weights: Path) -> int:
    """Outputs of the last layer, which is the last bias among the `names` of a network's state."""
    last = next(name for name in reversed(names) if name.endswith("bias"))
    if last not in state or state[last].ndim != 1:
        raise ModelError(
            f"{weights} has no {last}, from which the number of classes is known: it is of another network"
        )
    return len(state[last])


def _classes(name: str, count: int) -> tuple[str, ...]:
    categories = models.get_model_weights(name)
    named = next(iter(categories)).meta["categories"]
    return tuple(named) if len(named) == count else tuple(f"class_{number}" for number in range(count))
