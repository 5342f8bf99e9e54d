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
from torch import Tensor, fx, nn
from torch.fx import GraphModule
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.feature_extraction import NodePathTracer
from torchvision.ops import StochasticDepth

from nightmare.dream.kernels import Packed, Rectified, Unshuffled
from nightmare.errors import ModelError
from nightmare.train.network import normalise

__all__ = ["Reach", "Trunk", "checked_layer", "cut", "layer_ends", "module_of", "near", "reaches", "traced"]

# What looks at each position alone; of all else but windows it is assumed that it looks at all of them.
_POSITIONWISE = {operator.add, operator.iadd, operator.mul, torch.cat, torch.relu, nn.functional.relu}
_POSITIONWISE_MODULES = (
    nn.ReLU | nn.ReLU6 | nn.LeakyReLU | nn.PReLU | nn.ELU | nn.GELU | nn.SiLU | nn.Mish | nn.Hardswish | nn.Hardsigmoid
    | nn.Sigmoid | nn.Tanh | nn.Softplus | nn.BatchNorm2d | nn.Dropout | nn.Dropout2d | nn.Identity | StochasticDepth
)  # fmt: skip
_WINDOWS = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d


@dataclass(frozen=True)
class Reach:
    """How a position of a layer looks at the picture.

    `field`: side in pixels of the square around it that it depends on, infinite behind global operations. `stride`:
    pixels from one position to the next. `fits_tiles`: whether there is one for every `stride` pixels that have begun,
    at any size, so that parts of a picture have the positions of the whole.
    """

    field: float
    stride: int
    fits_tiles: bool = True


@dataclass(frozen=True, eq=False)
class Trunk:
    """RGB (batch, 3, height, width) in 0 … 1 to the activations of `nodes`, each with its reach.

    `smallest_side`: of an image, in pixels, at which every layer still has a position.
    """

    network: GraphModule
    reaches: dict[str, Reach]
    smallest_side: int
    precision: torch.dtype

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """The activations by node, (batch, channels, height, width), in `precision`; a vector has one position.

        Raises `ModelError` for a layer whose result is no tensor.
        """
        activations: dict[str, Tensor] = self.network(normalise(images).to(self.precision))
        for node, value in activations.items():
            if not isinstance(value, Tensor):
                raise ModelError(f"what the layer {node} gives is no tensor but {type(value).__name__}: choose another")
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
    for node in graph.graph.nodes:
        if node.op == "call_module" and set(node.kwargs) == {"input"}:  # the one argument may have been named
            node.args, node.kwargs = (node.kwargs["input"],), {}
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


def cut(network: nn.Module, nodes: tuple[str, ...], precision: torch.dtype) -> Trunk:
    """A copy of `network` in eval mode up to `nodes`, without what lies behind them.

    The same one for equal arguments, as long as the weights are neither written to nor moved.
    """
    state = [*network.parameters(), *network.buffers()]
    return _cut(network, nodes, precision, tuple((value.data_ptr(), value._version) for value in state))


# Tracing takes 0.1 s (ResNet-18) to 1 s (ResNet-152), and all classes share the whole network.
@lru_cache(maxsize=4)
def _cut(network: nn.Module, nodes: tuple[str, ...], precision: torch.dtype, _: tuple[tuple[int, int], ...]) -> Trunk:
    extractor, places = traced(network)
    end: Any = next(node for node in reversed(extractor.graph.nodes) if node.op == "output")
    end.args = ({name: places[name] for name in nodes},)
    extractor.graph.eliminate_dead_code()
    extractor.delete_all_unused_submodules()
    modules = dict(extractor.named_modules())
    found, smallest = reaches(extractor), _smallest_side(extractor.graph, modules)
    reached = {name: found[places[name]] for name in nodes}
    _write_afresh(extractor.graph, modules)
    for node in list(extractor.graph.nodes):
        convolution: Any = next(iter(node.args), None)
        # A convolution that is a target itself has a second user, the output, and keeps its own activations.
        if _is_normalisation(node, modules) and _is_private(convolution, modules, nn.Conv2d):
            fused = fuse_conv_bn_eval(modules[convolution.target], modules[node.target])
            # Under a name of its own: the convolution may be called elsewhere, with another normalisation behind it.
            name = f"folded_{convolution.name}"
            extractor.add_submodule(name, fused)
            convolution.target, modules[name] = name, fused
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
    for name, module in list(extractor.named_modules()):
        if isinstance(module, nn.Conv2d) and Unshuffled.fits(module):
            extractor.set_submodule(name, Unshuffled(module))
    # Measured on a CPU, ResNet-18 at 384 x 255: channels last takes 15 % less time.
    frozen = extractor.requires_grad_(False).to(dtype=precision).to(memory_format=torch.channels_last)
    for name, module in list(frozen.named_modules()):
        if isinstance(module, nn.Conv2d) and Packed.fits(module):
            frozen.set_submodule(name, Packed(module))
    return Trunk(frozen, reached, smallest, precision)


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
    if isinstance(module := module_of(node, modules), _WINDOWS):
        window, stride = _window(module), _side(module.stride)
        fits = before.fits_tiles and _pads_its_borders(module)
        return Reach(before.field + (window - 1) * before.stride, before.stride * stride, fits)
    if module is None:
        is_positionwise = node.target in _POSITIONWISE
    else:
        is_positionwise = isinstance(module, _POSITIONWISE_MODULES) and not _is_of_the_batch(module)
    return before if is_positionwise else Reach(math.inf, before.stride, before.fits_tiles)


def _smallest_side(graph: fx.Graph, modules: dict[str, nn.Module]) -> int:
    """Side of the smallest image that leaves a position in every layer: counted from the ends to the image."""
    needed = dict.fromkeys(graph.nodes, 1)
    for node in reversed(graph.nodes):
        own = needed[node]
        if isinstance(module := module_of(node, modules), _WINDOWS):
            own = max(1, (own - 1) * _side(module.stride) + _window(module) - 2 * _padding(module))
        for source in node.all_input_nodes:
            needed[source] = max(needed[source], own)
    return next(needed[node] for node in graph.nodes if node.op == "placeholder")


def _window(module: _WINDOWS) -> int:
    """Side of what one position of `module` looks at, in positions of the layer before it."""
    return _side(getattr(module, "dilation", 1)) * (_side(module.kernel_size) - 1) + 1


def _padding(module: _WINDOWS) -> int:
    if isinstance(module.padding, str):  # `same` or `valid`
        return _window(module) // 2 if module.padding == "same" else 0
    return _side(module.padding)


def _pads_its_borders(module: _WINDOWS) -> bool:
    """Whether there is a window for every stride that has begun, and it holds nothing of the other side."""
    is_full = 2 * _padding(module) == _window(module) - 1
    return is_full and getattr(module, "padding_mode", "zeros") != "circular"


def _is_of_the_batch(module: nn.Module) -> bool:
    """Whether it normalises by what it sees, since no statistics were kept."""
    return isinstance(module, nn.BatchNorm2d) and module.running_mean is None


def module_of(node: fx.Node, modules: dict[str, nn.Module]) -> nn.Module | None:
    """The one of `modules`, by name, that `node` calls, or None where it calls something else."""
    return modules.get(str(node.target)) if node.op == "call_module" else None


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
        pool: Any = module_of(users[0], modules) if len(users) == 1 else None
        if isinstance(pool, nn.MaxPool2d) and not pool.return_indices and _is_module(node, modules, nn.ReLU):
            (behind,) = users
            behind.replace_input_with(node, node.args[0])
            behind.replace_all_uses_with(node)
            behind.append(node)
            node.replace_input_with(node.args[0], behind)


def _is_module(node: Any, modules: dict[str, nn.Module], kind: type[nn.Module]) -> bool:
    """Whether `node`, an argument in a graph, is a call of a module of that `kind`."""
    return isinstance(node, fx.Node) and isinstance(module_of(node, modules), kind)


def _is_normalisation(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether `node` is a linear map of each channel, which a convolution can take in."""
    module = module_of(node, modules)
    return isinstance(module, nn.BatchNorm2d) and not _is_of_the_batch(module)


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
    if any(user.op == "output" or isinstance(module_of(user, modules), _WINDOWS) for user in node.users):
        return Rectified()
    return nn.ReLU(inplace=True)  # the gradient that comes back, of a sum above all, may be somebody else's too


def _side(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else max(value)
