"""DeepDream as one would first write it, and mended: what the engine is measured against.

`first_loop` runs the whole network, catches a layer with a hook and lets autograd compute gradients of the weights, as
most published programs do. `mended_loop` freezes the weights and stops behind the layer. Both move, normalise and clip
as the engine does without filters, so that they make the same picture.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import ResNet

from nightmare.dream.recipe import Recipe
from nightmare.dream.transforms import moved
from nightmare.train.network import normalise

__all__ = ["bare_convolutions", "first_loop", "mended_loop", "mended_network"]


def first_loop(network: ResNet, image: Tensor, recipe: Recipe, *, layer: str = "layer3", name: str = "photo") -> Tensor:
    """The dream over `image` (1, 3, height, width), the costly way."""
    caught: list[Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda _, __, output: caught.append(output))
    for parameter in network.parameters():
        parameter.requires_grad_(True)

    def gradient(picture: Tensor) -> Tensor:
        leaf = picture.clone().requires_grad_()
        caught.clear()
        network(normalise(leaf))
        network.zero_grad()
        (0.5 * caught[0].square().sum()).backward()
        return leaf.grad if leaf.grad is not None else torch.zeros_like(leaf)

    dreamt = _loop(gradient, image, recipe, name)
    handle.remove()
    network.requires_grad_(False)
    return dreamt


def mended_loop(network: nn.Module, image: Tensor, recipe: Recipe, *, name: str = "photo") -> Tensor:
    """The dream over `image` (1, 3, height, width) with a network that ends at the layer and is frozen."""

    def gradient(picture: Tensor) -> Tensor:
        leaf = picture.clone().requires_grad_()
        (result,) = torch.autograd.grad(0.5 * network(normalise(leaf)).square().sum(), leaf)
        return result

    return _loop(gradient, image, recipe, name)


def mended_network(network: ResNet, layer: str = "layer3") -> nn.Sequential:
    """`network` up to the end of the stage `layer`, in eval mode and without weight gradients."""
    stages = ["layer1", "layer2", "layer3", "layer4"]
    kept = stages[: stages.index(layer) + 1]
    stem = [network.conv1, network.bn1, network.relu, network.maxpool]
    return nn.Sequential(*stem, *(network.get_submodule(stage) for stage in kept)).eval().requires_grad_(False)


def bare_convolutions(network: nn.Module, images: Tensor, memory_format: torch.memory_format) -> Callable[[], None]:
    """All convolutions of `network` for `images` and the gradients of their inputs, without anything between them."""
    shapes: list[tuple[Any, torch.Size, torch.Size]] = []

    def note(module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        shapes.append((module, given[0].shape, result.shape))

    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    handles = [module.register_forward_hook(note) for module in convolutions]
    with torch.no_grad():
        network(images)
    for handle in handles:
        handle.remove()
    works = [
        (
            module,
            torch.rand(given).contiguous(memory_format=memory_format),
            module.weight.detach().contiguous(memory_format=memory_format),
            torch.rand(result).contiguous(memory_format=memory_format),
        )
        for module, given, result in shapes
    ]

    def run() -> None:
        for module, given, weight, back in works:
            F.conv2d(given, weight, None, module.stride, module.padding)
            torch.ops.aten.convolution_backward(
                back, given, weight, None, module.stride, module.padding, module.dilation, False, [0, 0], 1,
                [True, False, False],
            )  # fmt: skip

    return run


def _loop(gradient_of: Callable[[Tensor], Tensor], image: Tensor, recipe: Recipe, name: str) -> Tensor:
    height, width = image.shape[2:]
    detail = torch.zeros_like(image)
    for octave in range(recipe.octaves):
        factor = recipe.octave_scale ** (octave + 1 - recipe.octaves)
        size = (round(height * factor), round(width * factor))
        base = F.interpolate(image, size=size, mode="bilinear", antialias=True)
        current = base + F.interpolate(detail, size=size, mode="bilinear", antialias=True)
        for iteration in range(recipe.iterations_of(octave)):
            there, undo = moved(current, recipe, names=[name], octave=octave, iteration=iteration)
            gradient = undo(gradient_of(there))
            current = (current + recipe.step_size * gradient / gradient.abs().mean()).clamp(0, 1)
        detail = current - base
    return current
