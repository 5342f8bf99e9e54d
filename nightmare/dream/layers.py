"""What a model offers to dream of: each layer with its shape, how much of the photo it sees, and what it costs."""

from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from nightmare.dream.trunk import layer_ends, module_of, reaches, traced
from nightmare.train.model import Model

__all__ = ["Layer", "layers"]


@dataclass(frozen=True)
class Layer:
    """One name that `Recipe.layers` may hold.

    `shape`: channels, height and width of its output. `field`: side in pixels of the square of the photo that one of
    its positions depends on, infinite where it is the whole photo. `stride`: pixels of the photo from one position to
    the next. `cost`: share of the network's multiplications up to its end, 0 to 1.
    """

    name: str
    shape: tuple[int, ...]
    field: float
    stride: int
    cost: float


def layers(model: Model, *, height: int, width: int) -> list[Layer]:
    """The layers of `model` in the order of computation, for a photo of `height` by `width`."""
    graph, places = traced(model.network)
    photo = torch.zeros(1, 3, height, width, device=next(model.network.parameters()).device)
    with torch.no_grad():
        ShapeProp(graph).propagate(photo)
    modules = dict(graph.named_modules())
    reached = reaches(graph)
    shapes: dict[fx.Node, tuple[int, ...]] = {}
    done: dict[fx.Node, int] = {}
    total = 0
    for node in reached:
        # Of what is no tensor, such as the two halves of a split, there is no shape.
        shapes[node] = tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))[1:]
        total += _multiplications(module_of(node, modules), shapes[node])
        done[node] = total
    found = {name: places[end] for name, end in layer_ends(model.network).items()}
    return [
        Layer(name, shapes[node], reached[node].field, reached[node].stride, done[node] / total)
        for name, node in found.items()
    ]


def _multiplications(module: nn.Module | None, shape: tuple[int, ...]) -> int:
    """Those of convolutions and linear maps; what works position by position does not count beside them."""
    if isinstance(module, nn.Conv2d):
        return module.weight.numel() * shape[1] * shape[2]
    return module.weight.numel() if isinstance(module, nn.Linear) else 0
