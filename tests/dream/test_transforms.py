"""The moves of a picture before a step: pixels where they belong, and a way back that is the exact adjoint."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nightmare.dream import transforms
from nightmare.dream.recipe import Recipe
from nightmare.dream.transforms import moved

MOVES = [
    {"jitter": 9},
    {"rotation": 180.0},
    {"zoom": 0.4},
    {"jitter": 9, "rotation": 30.0, "zoom": 0.2},
]
SIZE = (48, 80)


def recipe_of(**moves: object) -> Recipe:
    return Recipe.checked({"jitter": 0} | moves)


def spot(down: float = 0.0, across: float = 0.0, *, radius: float) -> Tensor:
    """A white disc with a soft edge, away from the centre of the picture by so many pixels."""
    rows, columns = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in SIZE)
    distance = torch.hypot(rows[:, None] - down, columns[None] - across)
    return (radius + 0.5 - distance).clamp(0, 1).expand(1, 3, *SIZE)


def moments(picture: Tensor) -> tuple[float, tuple[float, float], float]:
    """Area, centre (down, right from the middle) and ratio of the axes of what is white in (1, 3, height, width)."""
    weights = picture[0, 0]
    rows, columns = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in SIZE)
    places = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).flatten(1)
    area = weights.sum()
    centre = (places * weights.flatten()).sum(1) / area
    away = places - centre[:, None]
    axes = torch.linalg.eigvalsh((away * weights.flatten()) @ away.T / area)
    return float(area), (float(centre[0]), float(centre[1])), float((axes[1] / axes[0]).sqrt())


def moves_of(picture: Tensor, recipe: Recipe, *, count: int) -> list[Tensor]:
    return [moved(picture, recipe, names=["a"], octave=0, iteration=iteration)[0] for iteration in range(count)]


@pytest.mark.parametrize("size", [(33, 50), (64, 40)])
@pytest.mark.parametrize("moves", MOVES)
def test_the_way_back_is_the_exact_adjoint(moves: dict, size: tuple[int, int]) -> None:
    recipe = recipe_of(**moves)
    for iteration in range(4):
        images, gradient = (torch.randn(2, 3, *size, dtype=torch.float64) for _ in range(2))
        there, undo = moved(images, recipe, names=["a", "b"], octave=1, iteration=iteration)
        assert not there.requires_grad
        left, right = (there * gradient).sum((1, 2, 3)), (images * undo(gradient)).sum((1, 2, 3))
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-8)
        assert (there - images).abs().max() > 0.1


@pytest.mark.parametrize("size", [(33, 50), (64, 40), (31, 31)])
def test_turned_pictures_are_those_of_affine_grid(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    angle, scale = 0.4, 0.8  # smaller than the frame, so that the mirror image shows
    monkeypatch.setattr(transforms, "_turn", lambda *moment: (angle, scale))
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    there, _ = moved(images, recipe_of(rotation=30.0), names=["a", "b"], octave=0, iteration=0)
    cosine, sine, ratio = math.cos(angle) / scale, math.sin(angle) / scale, size[0] / size[1]
    matrices = torch.tensor([[[cosine, -sine * ratio, 0], [sine / ratio, cosine, 0]]] * 2, dtype=torch.float64)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    expected = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    torch.testing.assert_close(there, expected, rtol=0, atol=1e-10)


def test_without_moves_nothing_moves() -> None:
    images = torch.rand(1, 3, *SIZE)
    there, undo = moved(images, recipe_of(), names=["a"], octave=0, iteration=0)
    assert torch.equal(there, images)
    assert torch.equal(undo(images), images)


def test_jitter_reaches_its_whole_range_on_both_axes() -> None:
    dot = torch.zeros(1, 3, *SIZE)
    dot[:, :, 20, 30] = 1
    places = [
        (there[0, 0] == 1).nonzero()[0] - torch.tensor([20, 30])
        for there in moves_of(dot, recipe_of(jitter=3), count=200)
    ]
    shifts = {(int(down), int(across)) for down, across in places}
    assert {down for down, _ in shifts} == set(range(-3, 4))
    assert {across for _, across in shifts} == set(range(-3, 4))
    assert len(shifts) > 40  # of 49: the axes are drawn each for itself


def test_jitter_wraps_round_and_loses_nothing() -> None:
    images = torch.rand(1, 3, *SIZE)
    for there in moves_of(images, recipe_of(jitter=200), count=5):
        assert torch.equal(there.flatten().sort().values, images.flatten().sort().values)


def test_a_turned_disc_stays_a_disc() -> None:
    area, _, _ = moments(spot(radius=12))
    for there in moves_of(spot(radius=12), recipe_of(rotation=40.0), count=12):
        turned, centre, ratio = moments(there)
        assert turned == pytest.approx(area, rel=0.02)
        assert math.hypot(*centre) < 0.1
        assert ratio < 1.02


def test_turns_keep_distances_and_fill_the_range() -> None:
    angles = []
    for there in moves_of(spot(across=25.0, radius=4), recipe_of(rotation=20.0), count=40):
        _, (down, across), _ = moments(there)
        assert math.hypot(down, across) == pytest.approx(25, abs=0.3)
        angles.append(math.degrees(math.atan2(down, across)))
    assert -20.5 < min(angles) < -15
    assert 15 < max(angles) < 20.5


def test_zoom_changes_the_scale_within_its_bounds() -> None:
    area, _, _ = moments(spot(radius=12))
    scales = []
    for there in moves_of(spot(radius=12), recipe_of(zoom=0.5), count=40):
        zoomed, centre, ratio = moments(there)
        assert math.hypot(*centre) < 0.1
        assert ratio < 1.02
        scales.append(math.sqrt(zoomed / area))
    assert 1 / 1.52 < min(scales) < 0.75
    assert 1.33 < max(scales) < 1.52


@pytest.mark.parametrize("moves", MOVES)
def test_names_and_moments_decide_and_places_do_not(moves: dict) -> None:
    recipe, image = recipe_of(**moves), torch.rand(1, 3, *SIZE)

    def one(name: str = "a", *, octave: int = 0, iteration: int = 0, seed: int = recipe.seed) -> Tensor:
        own = recipe.model_copy(update={"seed": seed})
        return moved(image, own, names=[name], octave=octave, iteration=iteration)[0]

    pair, undo = moved(image.repeat(2, 1, 1, 1), recipe, names=["b", "a"], octave=0, iteration=0)
    torch.testing.assert_close(pair, torch.cat([one("b"), one("a")]))
    back = undo(pair)
    swapped, undo = moved(image.repeat(2, 1, 1, 1), recipe, names=["a", "b"], octave=0, iteration=0)
    torch.testing.assert_close(undo(swapped), back.flip(0))
    for other in (one("b"), one(octave=1), one(iteration=1), one(seed=1)):
        assert not torch.equal(one(), other)
