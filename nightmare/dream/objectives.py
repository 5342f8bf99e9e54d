"""What a dream climbs: scores of positions in a network's layers, averaged to one number per image.

Every objective is a sum of terms, and every term a mean over the positions of one layer, so that it can be computed
part by part (see `tiles`), at any size, and for each image of a batch on its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nightmare.dream.recipe import Recipe
from nightmare.dream.trunk import Trunk, checked_layer, cut, layer_ends, near, traced
from nightmare.errors import ModelError
from nightmare.train.model import Model

__all__ = ["Objective", "Score", "Term", "build_objective", "build_objectives", "unguided_objectives"]

# Activations (batch, channels, height, width) to a score for each position (batch, height, width).
Score = Callable[[Tensor], Tensor]

# Products of so many positions with so many positions of the guides are held at once: 64 MB.
_MATCHES_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class Term:
    """One summand: `weight` × the mean over positions of what `score` makes of the activations of `node`.

    With a `position`, as shares of width and height, the score there takes the place of the mean.
    """

    node: str
    weight: float
    score: Score
    position: tuple[float, float] | None = None

    def value(self, activations: Tensor) -> Tensor:
        """The term for whole images: (batch,)."""
        scores = self.score(activations)
        if self.position is None:
            return self.weight * scores.flatten(1).mean(1)
        row, column = self.place(*scores.shape[1:])
        return self.weight * scores[:, row, column]

    def place(self, height: int, width: int) -> tuple[int, int]:
        """Row and column of the position in a layer of `height` by `width`."""
        across, down = self.position or (0.5, 0.5)
        return min(int(down * height), height - 1), min(int(across * width), width - 1)


@dataclass(frozen=True)
class Objective:
    """RGB (batch, 3, height, width) in 0 … 1 to one score per image (batch,)."""

    trunk: Trunk
    terms: tuple[Term, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """The scores of whole images."""
        activations = self.trunk(images)
        return torch.stack([term.value(activations[term.node]) for term in self.terms]).sum(0)


def build_objective(
    model: Model, recipe: Recipe, *, layers: dict[str, float] | None = None, guides: Sequence[Tensor] = ()
) -> Objective:
    """The objective of `recipe` under `model`; `layers` take the place of the recipe's own.

    `energy` is half the mean squared activation. The mean, where the original has the sum, lets layers of different
    sizes share a dream by their weights; the gradient of a single layer keeps its direction. `channel` and `neuron`
    are mean activations. `class` is the logit at each position: the head of a network that averages over positions is
    linear, so it may as well look before the average. `guided` is the product of each position's activations with
    those of the position in `guides`, RGB (1, 3, height, width) each, that it agrees with best; `guided:mean` that
    with the mean over all positions of the guides.

    Raises `ModelError` for a layer, a channel or a class that the model does not have, and `InputError` when guides
    are given and not asked for, or the reverse.
    """
    recipe.check_pictures(guides=len(guides), masks=len(recipe.masks))
    own_type = next(model.network.parameters()).dtype
    precision = torch.bfloat16 if recipe.precision == "bfloat16" else own_type
    kind, _, argument = recipe.objective.partition(":")
    if kind == "class":
        return _class_objective(model, argument, precision)

    ends = layer_ends(model.network)
    wanted = layers or recipe.layers
    nodes = {name: checked_layer(name, ends) for name in wanted}
    weights = {name: weight for name, weight in wanted.items() if weight}
    trunk = cut(model.network, tuple(sorted({nodes[name] for name in weights})), precision)
    features = [trunk(guide) for guide in guides]
    terms = []
    for name, weight in weights.items():
        score, position = _score_of(name, kind, argument, [found[nodes[name]] for found in features])
        terms.append(Term(nodes[name], weight, score, position))
    return Objective(trunk, tuple(terms))


def build_objectives(model: Model, recipe: Recipe, *, guides: Sequence[Tensor] = ()) -> list[Objective]:
    """What `recipe` climbs, one objective for each of its masks, and one where it has none. See `build_objective`."""
    return [build_objective(model, recipe, layers=layers, guides=guides) for layers in recipe.masks or [{}]]


def unguided_objectives(model: Model, recipe: Recipe) -> list[Objective]:
    """Those of `recipe` without a look at its guides: of the same layers and sizes."""
    plain = recipe.model_copy(update={"objective": "energy" if recipe.is_guided else recipe.objective})
    return build_objectives(model, plain)


def _score_of(layer: str, kind: str, argument: str, guides: list[Tensor]) -> tuple[Score, tuple[float, float] | None]:
    """The score of positions in `layer`, and the one that counts, for an objective `kind:argument`."""
    if kind == "energy":
        return _energy, None
    if kind == "guided":
        return _guided(guides, by_mean=argument == "mean"), None
    channels, _, where = argument.partition("@")
    score = _channels(layer, [int(channel) for channel in channels.split(",")])
    if kind == "channel":
        return score, None
    across, down = (where or "0.5,0.5").split(",")
    return score, (float(across), float(down))


class _Energy(torch.autograd.Function):
    """Half the mean square over channels. Autograd's own way back takes three passes and another memory format."""

    @staticmethod
    def forward(ctx: Any, activations: Tensor) -> Tensor:
        ctx.save_for_backward(activations)
        return _wide(activations).square().mean(1) / 2

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (activations,) = ctx.saved_tensors
        return activations * (gradient / activations.shape[1])[:, None].to(activations.dtype)


def _wide(activations: Tensor) -> Tensor:
    """bfloat16 as float32: sums and squares of it would lose half of their eight bits."""
    return activations.float() if activations.dtype == torch.bfloat16 else activations


def _energy(activations: Tensor) -> Tensor:
    return _Energy.apply(activations)


def _channels(layer: str, channels: list[int]) -> Score:
    def score(activations: Tensor) -> Tensor:
        if max(channels) >= activations.shape[1]:
            raise ModelError(f"no channel {max(channels)} in {layer}: it has 0 to {activations.shape[1] - 1}")
        return _wide(activations[:, channels]).mean(1)

    return score


def _guided(guides: list[Tensor], *, by_mean: bool) -> Score:
    features = torch.cat([_wide(guide).flatten(2) for guide in guides], dim=2)[0]  # (channels, positions)
    mean = features.mean(1)[:, None, None]

    def by_match(activations: Tensor) -> Tensor:
        here = _wide(activations)
        return (here * _best_matches(here.detach(), features)).mean(1)

    return (lambda activations: (_wide(activations) * mean).mean(1)) if by_mean else by_match


def _best_matches(activations: Tensor, features: Tensor) -> Tensor:
    """For each position of (batch, channels, height, width) the column of (channels, n) with the largest product."""
    found = torch.empty_like(activations)
    block = max(1, _MATCHES_AT_ONCE // features.shape[1])
    for image, matches in zip(activations, found, strict=True):
        positions = image.flatten(1).T  # (height × width, channels)
        best = torch.cat([(part @ features).argmax(1) for part in positions.split(block)])
        matches.copy_(features[:, best].view_as(matches))
    return found


def _class_objective(model: Model, name: str, precision: torch.dtype) -> Objective:
    classes = model.card.classes
    if name not in classes:
        raise ModelError(f"no class {name} in the model: {near(name, classes)}")
    index = classes.index(name)
    end, name_of_head = _end_and_head(model.network)
    trunk = cut(model.network, (end,), precision)
    if name_of_head is None:
        return Objective(trunk, (Term(end, 1.0, lambda logits: _wide(logits[:, index, None, None])),))
    head: Any = model.network.get_submodule(name_of_head)
    weight, bias = head.weight[index].detach(), head.bias[index].detach()

    def logits(activations: Tensor) -> Tensor:
        return F.conv2d(activations.to(weight), weight[None, :, None, None])[:, 0] + bias

    return Objective(trunk, (Term(end, 1.0, logits),))


# Several times per dream, and each of them is a trace of 0.1 to 1 s.
@lru_cache(maxsize=4)
def _end_and_head(network: nn.Module) -> tuple[str, str | None]:
    """The node before the average over all positions, and the name of the linear head behind it.

    Of a network that ends otherwise its last node and None.
    """
    graph, places = traced(network)
    result: Any = list(graph.graph.nodes)[-1].args[0]
    averaged = _averaged(result, dict(graph.named_modules()))
    end = next(name for name, node in places.items() if node is (averaged or result))
    return end, str(result.target) if averaged else None


def _averaged(result: Any, modules: dict[str, nn.Module]) -> Any:
    """The node before the average over all positions, where `result` is a linear head behind it; else None."""
    if not isinstance(modules.get(str(result.target)), nn.Linear):
        return None
    node = result.args[0]
    while isinstance(modules.get(str(node.target)), nn.Dropout | nn.Flatten) or node.target is torch.flatten:
        node = node.args[0]
    pool = modules.get(str(node.target))
    is_average = isinstance(pool, nn.AdaptiveAvgPool2d) and pool.output_size in (1, (1, 1))
    return node.args[0] if is_average or node.target is F.adaptive_avg_pool2d else None
