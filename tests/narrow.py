"""A network for tests of what is done with any: a step takes it a tenth of the time."""

from typing import Any

from torch import nn
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock

from nightmare.train.network import Network, build_network

__all__ = ["NarrowResNet", "build_narrow"]


class NarrowResNet(ResNet):
    """A ResNet-18 with an eighth of the channels behind its first layer."""

    def __init__(self, class_count: int) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.fc = nn.Linear(512 // 8, class_count)

    def _make_layer(self, block: Any, planes: int, *others: Any, **named: Any) -> nn.Sequential:
        return super()._make_layer(block, planes // 8, *others, **named)


def build_narrow(architecture: str, class_count: int) -> Network:
    """What `build_network` builds, but for its ResNet-18."""
    return NarrowResNet(class_count) if architecture == "resnet18" else build_network(architecture, class_count)
