"""The part of a network that a dream needs: cut behind the deepest target, frozen, and made cheap.

The network is traced once; its batch normalisation is folded into the convolutions, and what can work in place does.
The model itself is left as it was: no hooks, no gradients, no moved statistics.
"""

import copy
import difflib
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx import GraphModule
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.feature_extraction import NodePathTracer

from nightmare.errors import ModelError
from nightmare.train.network import normalise

__all__ = ["Reach", "Trunk", "checked_layer", "cut", "layer_ends", "near", "reaches", "traced"]

# What looks at each position alone, and what looks at all of them; of other functions the latter is assumed.
_POSITIONWISE = {operator.add, operator.iadd, operator.mul, torch.cat, torch.relu, nn.functional.relu}
_SIDEWAYS = nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d | nn.Flatten | nn.Linear


@dataclass(frozen=True)
class Reach:
    """How a position of a layer looks at the picture.

    `field`: side in pixels of the square around it that it depends on, infinite behind global operations. `stride`:
    pixels from one position to the next.
    """

    field: float
    stride: int


@dataclass(frozen=True, eq=False)
class Trunk:
    """RGB (batch, 3, height, width) in 0 … 1 to the activations of `nodes`, each with its reach."""

    network: GraphModule
    reaches: dict[str, Reach]
    precision: torch.dtype

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """The activations by node, (batch, channels, height, width), in `precision`; a vector has one position."""
        activations: dict[str, Tensor] = self.network(normalise(images).to(self.precision))
        for value in activations.values():
            if value.requires_grad and value.ndim == 4:
                # The gradient of a mean comes in another memory format than the network's: 8 % of a step (ResNet-50).
                value.register_hook(lambda gradient: gradient.contiguous(memory_format=torch.channels_last))
        return {
            node: value if value.ndim == 4 else value.flatten(1)[:, :, None, None]
            for node, value in activations.items()
        }


def traced(network: nn.Module) -> tuple[GraphModule, dict[str, fx.Node]]:
    """A copy of `network` in eval mode, traced, and its nodes by name in the order of computation."""
    tracer = NodePathTracer()
    own = copy.deepcopy(network).eval()
    graph = GraphModule(own, tracer.trace(own))
    return graph, {name: node for node, name in tracer.node_to_qualname.items()}


@lru_cache(maxsize=4)
def layer_ends(network: nn.Module) -> dict[str, str]:
    """For each name that a recipe's layers may hold the last node of the traced network that belongs to it.

    In the order of computation. A name with parts inside, such as `layer3` or `layer3.1`, stands for its end.
    """
    ends: dict[str, str] = {}
    for node in list(traced(network)[1])[1:]:  # the first is the image itself
        parts = node.split(".")
        ends |= {".".join(parts[:length]): node for length in range(1, len(parts) + 1)}
    return ends


def checked_layer(name: str, ends: dict[str, str]) -> str:
    """The end of the layer `name`. Raises `ModelError` with near misses for a layer that the model does not have."""
    if name not in ends:
        raise ModelError(f"no layer {name} in the model: {near(name, list(ends))}")
    return ends[name]


def near(name: str, known: Sequence[str]) -> str:
    """What to do about a `name` that is not `known`: similar ones where there are any, and the choice."""
    matches = difflib.get_close_matches(name, known, n=3)
    # Of the parts within parts there are hundreds: the outer names show the pattern.
    outer = ", ".join(candidate for candidate in known if candidate.count(".") < 2)
    return f"did you mean {' or '.join(matches)}? Known: {outer}" if matches else f"choose of {outer}"


# Tracing takes 0.1 s (ResNet-18) to 1 s (ResNet-152), and all classes share the whole network.
@lru_cache(maxsize=4)
def cut(network: nn.Module, nodes: tuple[str, ...], precision: torch.dtype) -> Trunk:
    """A copy of `network` in eval mode up to `nodes`, without what lies behind them."""
    extractor, places = traced(network)
    end: Any = next(node for node in reversed(extractor.graph.nodes) if node.op == "output")
    end.args = ({name: places[name] for name in nodes},)
    extractor.graph.eliminate_dead_code()
    extractor.delete_all_unused_submodules()
    modules = dict(extractor.named_modules())
    _write_afresh(extractor.graph, modules)
    for node in list(extractor.graph.nodes):
        convolution: Any = next(iter(node.args), None)
        # A convolution that is a target itself has a second user, the output, and keeps its own activations.
        if _is_module(node, modules, nn.BatchNorm2d) and _is_private(convolution, modules, nn.Conv2d):
            fused = fuse_conv_bn_eval(modules[convolution.target], modules[node.target])
            extractor.set_submodule(convolution.target, fused)
            modules[convolution.target] = fused
            node.replace_all_uses_with(convolution)
            extractor.graph.erase_node(node)
    _pool_first(extractor.graph, modules)
    for node in list(extractor.graph.nodes):
        if _is_module(node, modules, nn.ReLU):
            # The ReLUs of a block may be one module, and do not all stand between the same neighbours.
            extractor.add_submodule(f"rectifier_{node.name}", _rectifier(node, modules))
            node.target = f"rectifier_{node.name}"
        elif node.target is operator.add and _is_private(node.args[0], modules, nn.Conv2d):
            # The sum of a block takes the place of what its last convolution gave.
            node.target = operator.iadd
    extractor.delete_all_unused_submodules()
    extractor.recompile()
    reached = reaches(extractor)
    for name, module in list(extractor.named_modules()):
        if isinstance(module, nn.Conv2d) and _Unshuffled.fits(module):
            extractor.set_submodule(name, _Unshuffled(module))
    # Measured on a CPU, ResNet-18 at 384 x 255: channels last takes 15 % less time.
    frozen = extractor.requires_grad_(False).to(dtype=precision).to(memory_format=torch.channels_last)
    return Trunk(frozen, {name: reached[source] for name, source in end.args[0].items()}, precision)


def reaches(graph: GraphModule) -> dict[fx.Node, Reach]:
    """The reach of every node, counted along the graph (Araujo, Norris & Sim 2019); where paths join, the widest."""
    modules = dict(graph.named_modules())
    found: dict[fx.Node, Reach] = {}
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            found[node] = Reach(1, 1)
        elif node.op != "output":
            sources = [found[source] for source in node.all_input_nodes]
            before = max(sources, key=lambda reach: reach.field, default=Reach(math.inf, 1))
            found[node] = _reach_behind(before, node, modules)
    return found


def _reach_behind(before: Reach, node: fx.Node, modules: dict[str, nn.Module]) -> Reach:
    """The reach of `node`, which looks at something of the reach `before`."""
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        kernel, stride = _side(module.kernel_size), _side(module.stride)
        dilation = _side(getattr(module, "dilation", 1))
        return Reach(before.field + dilation * (kernel - 1) * before.stride, before.stride * stride)
    is_unknown = node.op != "call_module" and node.target not in _POSITIONWISE
    return Reach(math.inf, before.stride) if is_unknown or isinstance(module, _SIDEWAYS) else before


def _write_afresh(graph: fx.Graph, modules: dict[str, nn.Module]) -> None:
    """No operation overwrites what another reads: a target before it, above all."""
    for module in modules.values():
        if getattr(module, "inplace", False):
            setattr(module, "inplace", False)  # noqa: B010 - of many classes without a common one
    for node in graph.nodes:
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}


def _pool_first(graph: fx.Graph, modules: dict[str, nn.Module]) -> None:
    """The largest of a window and ReLU may change places: then the latter has a quarter of the values to pass."""
    for node in list(graph.nodes):
        users = list(node.users)
        is_pooled = len(users) == 1 and _is_module(users[0], modules, nn.MaxPool2d)
        if is_pooled and _is_module(node, modules, nn.ReLU):
            (pool,) = users
            pool.replace_input_with(node, node.args[0])
            pool.replace_all_uses_with(node)
            pool.append(node)
            node.replace_input_with(node.args[0], pool)


def _is_module(node: Any, modules: dict[str, nn.Module], kind: type[nn.Module]) -> bool:
    """Whether `node`, an argument in a graph, is a call of a module of that `kind`."""
    return isinstance(node, fx.Node) and node.op == "call_module" and isinstance(modules.get(str(node.target)), kind)


def _is_private(node: Any, modules: dict[str, nn.Module], kind: type[nn.Module]) -> bool:
    """Whether `node` is a call of a module of that `kind`, and one other node reads its result."""
    return _is_module(node, modules, kind) and len(node.users) == 1


def _rectifier(node: fx.Node, modules: dict[str, nn.Module]) -> nn.Module:
    """The ReLU of `node` as sparing with memory as what stands before and behind it allows."""
    before: Any = node.args[0]
    is_private_sum = before.target in (operator.add, operator.iadd) and len(before.users) == 1
    is_private_result = any(_is_private(before, modules, kind) for kind in (nn.Conv2d, nn.MaxPool2d))
    if not (is_private_result or is_private_sum):
        return nn.ReLU()  # somebody else reads what it would overwrite, or it is a target
    if all(user.target in (operator.add, operator.iadd) for user in node.users):
        return nn.ReLU(inplace=True)  # the gradient that comes back is one of two references to it
    return _Rectified()


class _InPlace(torch.autograd.Function):
    """ReLU that overwrites its input, and on the way back the gradient: 4 % of a step was its fresh memory."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        values.relu_()
        ctx.save_for_backward(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward.grad_input(gradient, values, 0, grad_input=gradient)


class _Rectified(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return _InPlace.apply(values)


class _Unshuffled(nn.Module):
    """A first convolution of stride 2 as one of stride 1 over blocks of 2 × 2 pixels.

    The same sums; but the gradient of three channels with a stride runs at a fifth of the speed of a processor, and
    was a sixth of a step (ResNet-18, 42 against 220 GFLOP/s).
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        half = _side(convolution.kernel_size) // 2
        # One tap more in front, so that the first of 2 × half + 2 taps is at an even pixel.
        weight = F.pixel_unshuffle(F.pad(convolution.weight, (1, 0, 1, 0)), 2)
        self.weight, self.bias = nn.Parameter(weight), convolution.bias
        self.padding = [(half + 1) // 2, (half - 1) // 2] * 2

    @staticmethod
    def fits(convolution: nn.Conv2d) -> bool:
        half = _side(convolution.kernel_size) // 2
        centred = convolution.kernel_size == (2 * half + 1,) * 2 and convolution.padding == (half, half)
        plain = convolution.stride == (2, 2) and convolution.dilation == (1, 1) and convolution.in_channels == 3
        return centred and plain and half % 2 == 1

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        images = F.pad(images, (0, width % 2, 0, height % 2))
        return F.conv2d(F.pad(F.pixel_unshuffle(images, 2), self.padding), self.weight, self.bias)


def _side(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]
