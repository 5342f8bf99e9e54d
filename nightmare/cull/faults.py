"""Pictures that are poor examples of any class: of several things, half covered, or hardly to be made out.

Nobody says which these are, but everybody can make some: two pictures of the set in one, a block before a picture, a
blurred one. A classifier learns to tell what was made so from the set itself, out of fold, in the features of a network
that knows photographs. A picture that is as small, alone, or has such a block behind it is made as well and is whole:
else everything small would pass for one of several things.

Those of the set that the classifier takes for made ones are taken out of what it learns as whole, with what was made of
them, and it learns again: without that, a set with many covered pictures teaches it that covered is whole. How many of
the set are faulty is estimated last.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from torch import Tensor

from nightmare.cull.discriminant import log_probabilities
from nightmare.cull.features import seen_by_network
from nightmare.cull.shares import estimated_share, learning_share, weighed
from nightmare.seeds import derived_seed
from nightmare.tables import FAULTS
from nightmare.train.augment import premultiplied

__all__ = ["Examples", "find_faults", "make_examples", "weigh_faults"]


_MOST_MADE = 300  # of each kind: more find no more, and a large set takes no longer
_FOLDS = 5
_ROUNDS = 12  # of learning anew what is whole
# What share of the set is thought to have each fault while it is learnt from, at least. Less, and covered photographs
# stay whole; more, and what is small or faint in a set without faults is doubted.
_LEAST_SHARE = {"several": 0.02, "occluded": 0.05, "poor": 0.005}
_STEPS = 200


@dataclass(frozen=True)
class Examples:
    """What was made, by `rgba` (m, 4, side, side), and the rows (m) of the pictures it was made `of`."""

    rgba: NDArray[np.uint8]
    of: NDArray[np.int64]


def find_faults(
    rgba: NDArray[np.uint8], seen: NDArray[np.float64], groups: NDArray[np.str_], *, seed: int
) -> NDArray[np.float64]:
    """How probably each picture (n, 4, side, side) has each fault of `tables.FAULTS`: (n, faults).

    `seen` (n, d) are its features (see `seen_by_network`), `groups` say which are near-duplicates. Where all are, there
    is nothing to learn from, and no fault is found.
    """
    count = min(_FOLDS, len(set(groups)))
    if count < 2:
        return np.zeros((len(rgba), len(FAULTS)))
    generator = np.random.default_rng(derived_seed(seed, "faults"))
    folds = np.empty(len(rgba), dtype=np.int64)
    cut = GroupKFold(count, shuffle=True, random_state=derived_seed(seed, "faults") % 2**32)
    for fold, (_, judged) in enumerate(cut.split(rgba, groups=groups)):
        folds[judged] = fold
    sources = np.sort(generator.permutation(len(rgba))[:_MOST_MADE])
    partners = np.array([_partner(row, groups, folds, generator) for row in sources])
    examples = make_examples(rgba[sources], rgba[partners], seed=seed)
    made = {name: (seen_by_network(some.rgba), sources[some.of]) for name, some in examples.items()}
    return weigh_faults(seen, made, folds)


def make_examples(rgba: NDArray[np.uint8], partners: NDArray[np.uint8], *, seed: int) -> dict[str, Examples]:
    """Of each picture (n, 4, side, side) one with each fault of `tables.FAULTS`, and whole ones under other names.

    `partners` (like `rgba`) are the second things.
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, "faulty"))
    images, others = (premultiplied(torch.from_numpy(np.array(pictures))) for pictures in (rgba, partners))
    several, alone = _several(images, others, generator)
    block = _block(images, generator)
    drawings = ~_opaque_all_over(images)  # nothing shows behind a photograph
    every = torch.ones_like(drawings)
    made = {
        "several": (several, every),
        "occluded": (_over(block, images), every),
        "poor": (_poor(images, generator), every),
        "alone": (alone, every),
        "before a block": (_over(images, block), drawings),
    }
    return {
        name: Examples(_straight(pictures[some]), torch.nonzero(some).flatten().numpy())
        for name, (pictures, some) in made.items()
        if some.any()
    }


def weigh_faults(
    seen: NDArray[np.float64],
    made: dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]],
    folds: NDArray[np.int64],
) -> NDArray[np.float64]:
    """How probably each row of `seen` (n, d) has each fault of `tables.FAULTS`: (n, faults).

    `made` holds features (m, d) and of which rows they were made (m); those under the name of a fault have it, the
    others what their rows have. `folds` (n) part what is judged from what is learnt from.
    """
    kinds = ["whole", *FAULTS]
    origin = np.concatenate([np.arange(len(seen)), *(of for _, of in made.values())])
    fault = np.concatenate(
        [
            np.zeros(len(seen), dtype=np.int64),
            *(np.full(len(of), kinds.index(name) if name in FAULTS else 0) for name, (_, of) in made.items()),
        ]
    )
    mean, deviation = seen.mean(axis=0), seen.std(axis=0) + 1e-9
    features = (np.concatenate([seen, *(features for features, _ in made.values())]) - mean) / deviation
    least = np.array([_LEAST_SHARE[name] for name in FAULTS])
    truth = np.tile(np.eye(len(kinds))[0], (len(seen), 1))
    for _ in range(_ROUNDS):
        believed = np.where(fault[:, None] > 0, np.eye(len(kinds))[fault], truth[origin])
        likelihood = _likelihoods(log_probabilities(features, believed, folds[origin]), believed)[: len(seen)]
        truth = weighed(likelihood, learning_share(truth[:, 1:].mean(axis=0), least))
    return weighed(likelihood, estimated_share(likelihood, least))[:, 1:]


def _partner(row: int, groups: NDArray[np.str_], folds: NDArray[np.int64], generator: np.random.Generator) -> int:
    """Another picture of the same fold, so that no judge has seen it: no near-duplicate where there is another."""
    others = np.flatnonzero((folds == folds[row]) & (groups != groups[row]))
    return int(generator.choice(others)) if len(others) else row


def _likelihoods(judged: NDArray[np.float64], believed: NDArray[np.float64]) -> NDArray[np.float64]:
    """How probable each row is in each class, up to a factor of its own, by log-probabilities `judged` (n, classes).

    They are far too sure, and come from as many examples of each class as are `believed` to be there.
    """
    said, target = torch.from_numpy(judged), torch.from_numpy(believed)
    sureness = torch.zeros((), dtype=torch.float64, requires_grad=True)  # logarithm of a factor
    tilt = torch.zeros(said.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([sureness, tilt], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def logarithms() -> Tensor:
        return torch.log_softmax(sureness.exp() * said + tilt, dim=1)

    def improbability() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = -(target * logarithms()).sum()
        loss.backward()
        return loss

    optimizer.step(improbability)
    with torch.no_grad():
        likelihoods: NDArray[np.float64] = (logarithms().exp() / target.mean(dim=0)).numpy()
    return likelihoods


def _several(images: Tensor, others: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two things in one picture, opposite each other and smaller, photographs also as halves; and one of them alone.

    Every third pair touches, edge to edge.
    """
    count = len(images)
    angle, distance, size, other_size, edge = _uniform(5, count, generator)
    touching = edge < 1 / 3
    angle = torch.where(touching, _straightened(2 * math.pi * angle), 2 * math.pi * angle)
    distance = torch.where(touching, 0.5, 0.35 + 0.2 * distance)
    size, other_size = torch.where(touching, 0.5, 0.4 + 0.25 * torch.stack([size, other_size]))
    across, down = distance * torch.cos(angle), distance * torch.sin(angle)
    one, other = _placed(images, across, down, size), _placed(others, -across, -down, other_size)
    both = _over(one, other)
    photographs = _opaque_all_over(images).view(-1, 1, 1, 1)
    ground = _opaque(_flat(count, generator).expand_as(images[:, :3]))
    one, both = (torch.where(photographs, _over(things, ground), things) for things in (one, both))
    halves = torch.where(_sideways(angle, images.shape[-1])[:, None] > 0, images, others)
    halved = (_uniform(1, count, generator)[0] < 0.5) & _opaque_all_over(images) & _opaque_all_over(others)
    return torch.where(halved.view(-1, 1, 1, 1), halves, both), one


def _block(images: Tensor, generator: torch.Generator) -> Tensor:
    """A square, a disc or all of one side, so large that it hides half to four fifths of what is drawn."""
    count, _, _, side = images.shape
    angle, hidden, straight, shape = _uniform(4, count, generator)
    angle = torch.where(straight < 0.5, _straightened(2 * math.pi * angle), 2 * math.pi * angle)
    across, down = (_uniform(2, count, generator) - 0.5).view(2, -1, 1, 1)
    line = torch.linspace(-1, 1, side)
    far = torch.stack(
        [(line.view(1, -1) - across).abs().expand(-1, side, -1), (line.view(-1, 1) - down).abs().expand(-1, -1, side)]
    )
    shape = shape.view(-1, 1, 1)
    order = torch.where(shape < 0.6, _sideways(angle, side), torch.where(shape < 0.8, far.norm(dim=0), far.amax(dim=0)))
    sorted_order, position = order.flatten(1).sort(dim=1)
    drawn = images[:, 3].flatten(1).gather(1, position).cumsum(dim=1)
    wanted = (0.5 + 0.3 * hidden)[:, None] * drawn[:, -1:]
    last = (drawn < wanted).sum(dim=1, keepdim=True).clamp(max=side**2 - 1)
    covered = order <= sorted_order.gather(1, last).view(-1, 1, 1)
    clouds = F.interpolate(torch.rand(count, 3, 5, 5, generator=generator), size=(side, side), mode="bicubic")
    plain = (_uniform(1, count, generator)[0] < 0.75).view(-1, 1, 1, 1)
    block = torch.where(plain, _flat(count, generator), clouds.clamp(0, 1))
    return _opaque(block.expand_as(images[:, :3])) * covered[:, None]


def _poor(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blurred, faded or full of noise."""
    count, _, _, side = images.shape
    color, alpha = images[:, :3], images[:, 3:]
    contrast, grey, kind = _uniform(3, count, generator).view(3, -1, 1, 1, 1)
    small = F.interpolate(images, size=(max(1, side // 10), max(1, side // 10)), mode="bilinear", antialias=True)
    blurred = F.interpolate(small, size=(side, side), mode="bilinear")
    contrast = 0.04 + 0.1 * contrast
    faded = torch.cat([(0.2 + 0.6 * grey) * (1 - contrast) * alpha + contrast * color, alpha], dim=1)
    grain = 0.45 * torch.randn(color.shape, generator=generator) * alpha
    noisy = torch.cat([(color + grain).clamp(min=0).minimum(alpha), alpha], dim=1)
    return torch.where(kind < 1 / 3, blurred, torch.where(kind < 2 / 3, faded, noisy))


def _uniform(rows: int, count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(rows, count, generator=generator)


def _flat(count: int, generator: torch.Generator) -> Tensor:
    """Plain colours (count, 3, 1, 1), half of them grey, a quarter black or white."""
    color = torch.rand(count, 3, 1, 1, generator=generator)
    kind = torch.rand(count, generator=generator).view(-1, 1, 1, 1)
    grey = torch.where(kind < 1 / 4, color[:, :1].round(), color[:, :1])
    return torch.where(kind < 1 / 2, grey, color)


def _straightened(angle: Tensor) -> Tensor:
    """The nearest of right, down, left and up to `angle` in radians."""
    return (angle / (math.pi / 2)).round() * math.pi / 2


def _sideways(angle: Tensor, side: int) -> Tensor:
    """How far each pixel lies in a direction: (n, side, side) from `angle` (n) in radians."""
    line = torch.linspace(-1, 1, side)
    return line.view(1, 1, -1) * torch.cos(angle).view(-1, 1, 1) + line.view(1, -1, 1) * torch.sin(angle).view(-1, 1, 1)


def _placed(images: Tensor, across: Tensor, down: Tensor, size: Tensor) -> Tensor:
    """The pictures at `size` (n, 1 as they are), their middles moved to `across` and `down` (n, -1 … 1)."""
    theta = torch.zeros(len(images), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / size
    theta[:, 0, 2], theta[:, 1, 2] = -across / size, -down / size
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def _over(front: Tensor, back: Tensor) -> Tensor:
    return front + back * (1 - front[:, 3:])


def _opaque_all_over(images: Tensor) -> Tensor:
    return images[:, 3].amin(dim=(1, 2)) == 1


def _opaque(color: Tensor) -> Tensor:
    return torch.cat([color, torch.ones_like(color[:, :1])], dim=1)


def _straight(images: Tensor) -> NDArray[np.uint8]:
    color = images[:, :3] / images[:, 3:].clamp(min=1e-3)
    straight: NDArray[np.uint8] = (torch.cat([color, images[:, 3:]], dim=1).clamp(0, 1) * 255).round().byte().numpy()
    return straight
