"""What tells pictures apart before anything is learnt from them: features of a network that knows photographs, and
hand-made descriptors of shape and colour.

A thousand pictures are too few to learn to see from. EfficientNet-Lite0 (Tan and Le 2019) has learnt it from a million
photographs of ImageNet; its middle layers know textures and parts, in drawings too.
"""

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import interpolate

from nightmare.cull.descriptors import describe
from nightmare.device import best_device
from nightmare.progress import progress_bar
from nightmare.train.augment import on_matte
from nightmare.train.efficientnet import PUBLISHED_MEAN, PUBLISHED_STD, published_weights

__all__ = ["PIXELS", "as_network_input", "features_of", "pretrained", "seen_by_network"]

PIXELS = 128  # side of the squares that are looked at: what `ingest.pixels` stores by default
_INPUT = 224  # side that the network was trained at
_BATCH = 32
_STAGES = (4, 5, 6)  # the last three stages; the layers beyond them know ImageNet's own classes only
_COMPONENTS = 500  # of the descriptors, the largest ones
_WORTH = 0.3  # of a descriptor beside a feature: they are many and say less


def features_of(rgba: NDArray[np.uint8], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features (n, at most 1236) of pictures (n, 4, height, width), in units of their deviation over these pictures.

    `seen` is what `seen_by_network` makes of them.
    """
    described = StandardScaler().fit_transform(describe(rgba))
    components = PCA(min(_COMPONENTS, *described.shape), svd_solver="full").fit_transform(described)
    return np.concatenate([StandardScaler().fit_transform(seen), _WORTH * components], axis=1)


@torch.inference_mode()
def seen_by_network(rgba: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Features (n, 736) of pictures (n, 4, height, width), each on its plain matte: means of the last three stages'
    channels over the picture, and of the first of these the deviations too."""
    device = best_device()
    network = pretrained().to(device)
    parts = []
    with progress_bar(total=len(rgba), label="features", unit="image") as bar:
        for start in range(0, len(rgba), _BATCH):
            images = as_network_input(rgba[start : start + _BATCH])
            parts.append(_pooled(network, images.to(device)).cpu().double().numpy())
            bar.update(len(images))
    return np.concatenate(parts)


def as_network_input(rgba: NDArray[np.uint8]) -> Tensor:
    """Pictures (n, 4, height, width) as the network wants them: on their mattes, of its size and range."""
    images = interpolate(
        on_matte(torch.from_numpy(np.array(rgba))), size=(_INPUT, _INPUT), mode="bicubic", antialias=True
    )
    return (images.clamp(0, 1) - PUBLISHED_MEAN) / PUBLISHED_STD


@cache
def pretrained() -> nn.Module:
    """EfficientNet-Lite0 with its ImageNet weights, padded as it was trained. Raises `ModelError` without them."""
    import timm  # two seconds

    network: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(dict(zip(network.state_dict(), published_weights(), strict=True)))
    return network.eval()


def _pooled(network: Any, images: Tensor) -> Tensor:
    activations = network.bn1(network.conv_stem(images))
    pooled = []
    for number, stage in enumerate(network.blocks):
        activations = stage(activations)
        if number in _STAGES:
            pooled.append(activations.mean((2, 3)))
        if number == _STAGES[0]:
            pooled.append(activations.std((2, 3)))
    return torch.cat(pooled, dim=1)
