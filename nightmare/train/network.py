"""The network: a ResNet of depth 18 to 152 or an EfficientNet with one logit per class, and where its first weights
come from.

Pictures enter as RGB in 0 … 1 and are normalised with the mean and deviation of ImageNet, the convention under
which torchvision's weights were made, so that pretrained and own networks see the same thing.
"""

import hashlib
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torchvision import models

from nightmare.errors import ModelError
from nightmare.train.efficientnet import EfficientNetLite0, imagenet_weights

__all__ = [
    "ARCHITECTURES",
    "EFFICIENTNET",
    "MEAN",
    "STD",
    "Network",
    "build_network",
    "load_pretrained",
    "normalise",
    "pretrained_fingerprint",
    "read_weights",
]

# The normalisation of RGB in 0 … 1 that all networks here have: that of torchvision's weights.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
EFFICIENTNET = "efficientnet_lite0"
ARCHITECTURES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", EFFICIENTNET)


Network: TypeAlias = models.ResNet | EfficientNetLite0


def build_network(architecture: str, class_count: int) -> Network:
    """One of `ARCHITECTURES` with random weights: ResNets are those of He et al. 2015.

    Raises `ModelError` for an architecture that does not exist.
    """
    if architecture not in ARCHITECTURES:
        raise ModelError(f"no network {architecture}: choose one of {', '.join(ARCHITECTURES)}")
    if architecture == EFFICIENTNET:
        return EfficientNetLite0(class_count)
    network: models.ResNet = getattr(models, architecture)(weights=None, num_classes=class_count)
    return network


def normalise(images: Tensor) -> Tensor:
    """RGB (batch, 3, height, width) in 0 … 1 to the range that the network was trained in."""
    mean = torch.tensor(MEAN, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return (images - mean) / std


def pretrained_fingerprint(pretrained: Literal[False] | str) -> str:
    """What identifies the first weights: the file's SHA-256, or the name where there is no file."""
    path = Path(str(pretrained))
    return hashlib.sha256(path.read_bytes()).hexdigest() if pretrained and path.is_file() else str(pretrained)


def load_pretrained(network: Network, architecture: str, pretrained: str) -> None:
    """Fill `network` from weights of ImageNet (`imagenet`) or from a file, all but a head of other classes.

    A file is safetensors or a state dict, which is read with `weights_only=True`: weights are untrusted.
    Raises `ModelError` when the weights cannot be had or belong to another architecture.
    """
    state = _imagenet_weights(architecture) if pretrained == "imagenet" else read_weights(Path(pretrained))
    own = network.state_dict()
    head = {name for name in ("fc.weight", "fc.bias") if name in state and state[name].shape != own[name].shape}
    missing = [name for name in own if name not in state and name not in ("fc.weight", "fc.bias")]
    strange = [name for name in state if name not in own]
    unfit = [name for name in state if name in own and name not in head and state[name].shape != own[name].shape]
    if missing or strange or unfit:
        example = (missing + strange + unfit)[0]
        raise ModelError(
            f"the weights of model.pretrained = {pretrained} are not those of {architecture} "
            f"({len(missing + strange + unfit)} tensors differ, such as {example}): "
            "set model.network and model.depth to theirs"
        )
    network.load_state_dict({**own, **{name: value for name, value in state.items() if name not in head}})


def _imagenet_weights(architecture: str) -> dict[str, Tensor]:
    if architecture == EFFICIENTNET:
        return imagenet_weights(mean=MEAN, deviation=STD)
    url = models.get_model_weights(architecture).DEFAULT.url
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    start_of_hash = cached.stem.rsplit("-", 1)[-1]  # torchvision names its files by their SHA-256
    try:
        if not cached.exists():
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(cached), start_of_hash)
        found = hashlib.sha256(cached.read_bytes()).hexdigest()
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"the ImageNet weights of {architecture} could not be fetched ({error}): bring the file {cached.name} from "
            f"a machine with a network to {cached}, or set model.pretrained to its path"
        ) from None
    # Not by torchvision's own loader, which unpickles whatever lies there.
    if not found.startswith(start_of_hash):
        raise ModelError(f"{cached} is not the file that torchvision published: remove it, and it is fetched anew")
    return read_weights(cached)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file or a plain state dict. Raises `ModelError` for anything else: untrusted."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(
            f"no weights at {path}: give an existing file (model.pretrained may also be false or imagenet)"
        ) from None
    except (SafetensorError, RuntimeError, ValueError, EOFError, OSError, KeyError) as error:
        raise ModelError(f"{path} holds no readable weights: {error}") from None
    except Exception as error:  # pickle's own errors share no base class with a name that torch exports
        raise ModelError(f"{path} is refused: only plain tensors are read from a weights file ({error})") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path} is no state dict: save `network.state_dict()`")
    return state
