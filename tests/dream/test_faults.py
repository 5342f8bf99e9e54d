"""The faults of earlier engines, each by its name; where another file holds one, it is listed here.

- clipping applied to the first image of a batch only, a clamp that does nothing:
  test_engine.py, test_every_image_of_a_batch_is_clipped
- one mean gradient shared by a batch: test_engine.py, test_each_image_moves_by_its_own_mean_gradient
- a guide that is accepted and ignored: test_objectives.py,
  test_guides_are_needed_where_they_count_and_refused_where_not, test_a_guided_dream_climbs_towards_its_own_guide
- N+1 iterations for N: test_engine.py, test_exactly_as_many_iterations_as_asked_in_every_octave
- tiles that skip the last row or column: test_tiles.py, test_every_pixel_has_its_share_at_every_step
- jitter of three pixels because the wrong axis was read: test_engine.py,
  test_jitter_is_drawn_and_undone_on_both_axes, and test_transforms.py, test_jitter_reaches_its_whole_range_on_both_axes
- a model loaded again for every frame, frames sorted 1, 10, 100: test_film.py
"""

import copy
import dataclasses

import pytest
import torch
from torch import Tensor

from nightmare.dream.engine import dream, dream_pictures, dream_steps, octave_sizes, to_picture
from nightmare.dream.filters import direction
from nightmare.dream.objectives import build_objective
from nightmare.dream.recipe import Recipe
from nightmare.train.model import Model

BRIEF = Recipe(layers={"layer2": 1.0}, octaves=2, iterations=2, jitter=5, strength=1.0)


@pytest.mark.parametrize("objective", ["energy", "class:clown"])
def test_batch_normalisation_left_in_train_mode(model: Model, photos: Tensor, objective: str) -> None:
    recipe = BRIEF.model_copy(update={"objective": objective})
    expected = dream(model, photos, recipe, names="abc")
    learning = dataclasses.replace(model, network=copy.deepcopy(model.network).train())  # of which no trunk is kept
    torch.testing.assert_close(dream(learning, photos, recipe, names="abc"), expected, rtol=0, atol=1e-6)
    before = model.network.state_dict()
    assert all(torch.equal(before[name], value) for name, value in learning.network.state_dict().items())


@pytest.mark.parametrize("layer", ["layer2", "layer2.0.conv1"])
def test_weight_gradients_computed_and_kept(model: Model, photos: Tensor, layer: str) -> None:
    model.network.requires_grad_(True)
    recipe = BRIEF.model_copy(update={"layers": {layer: 1.0}})
    objective = build_objective(model, recipe)
    assert not any(weight.requires_grad for weight in objective.trunk.network.parameters())
    dream(model, photos, recipe, names="abc")
    assert all(weight.grad is None for weight in model.network.parameters())


def test_an_octave_that_is_224_pixels_high_crashing(model: Model) -> None:
    recipe = BRIEF.model_copy(update={"octaves": 3, "iterations": 1})
    assert octave_sizes(314, 63, recipe, smallest=32)[1] == (224, 45)
    heights = [step.images.shape[2] for step in dream_steps(model, torch.rand(1, 3, 314, 63), recipe, names="a")]
    assert heights == [160, 224, 314]


@pytest.mark.parametrize("size", [(224, 50), (225, 50), (50, 224), (60, 50)])
def test_results_kept_only_when_the_height_is_224(model: Model, size: tuple[int, int]) -> None:
    picture = to_picture(torch.rand(3, *size))
    (dreamt,) = dream_pictures(model, [picture], BRIEF.model_copy(update={"octaves": 1}), names="a")
    assert dreamt.size == picture.size
    assert dreamt.tobytes() != picture.tobytes()


def test_images_under_224_squashed_to_a_square(model: Model) -> None:
    photo = torch.rand(1, 3, 90, 40)
    assert [size for size in octave_sizes(90, 40, BRIEF, smallest=32) if size] == [(90, 40)]
    for step in dream_steps(model, photo, BRIEF, names="a"):
        assert step.images.shape == photo.shape
        assert (step.images - photo).abs().mean() < 0.1


@pytest.mark.parametrize("objective", ["energy", "channel:1", "class:clown"])
def test_hooks_that_accumulate_call_after_call(model: Model, photos: Tensor, objective: str) -> None:
    recipe = BRIEF.model_copy(update={"objective": objective})
    trunk = build_objective(model, recipe).trunk
    for _ in range(3):
        dream(model, photos, recipe, names="abc")
    assert build_objective(model, recipe).trunk is trunk
    for module in [*model.network.modules(), *trunk.network.modules()]:
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks


def test_a_norm_of_the_gradient_that_is_really_its_sign() -> None:
    gradient = torch.tensor([0.5, -1.0, 3.0, 0.0]).expand(2, 3, 4, 4)
    step = direction(gradient.clone(), torch.full_like(gradient, 0.5), BRIEF.model_copy(update={"smoothing": 0.0}))
    torch.testing.assert_close(step, gradient / 1.125)


@pytest.mark.parametrize("octaves", [1, 2, 3])
def test_the_result_of_the_last_octave_thrown_away(model: Model, octaves: int) -> None:
    photo = torch.rand(1, 3, 70, 80)
    recipe = BRIEF.model_copy(update={"octaves": octaves})
    *_, before, last = dream_steps(model, photo, recipe, names="a")
    assert (last.octave, last.images.shape) == (octaves - 1, photo.shape)
    dreamt = dream(model, photo, recipe, names="a")
    assert torch.equal(dreamt, last.images)
    assert not torch.equal(dreamt, before.images)


def test_what_the_smaller_octaves_dreamt_thrown_away(model: Model) -> None:
    photo = torch.rand(1, 3, 70, 80)
    recipe = BRIEF.model_copy(update={"iterations": [6, 1]})
    alone = BRIEF.model_copy(update={"octaves": 1, "iterations": 1})
    both, only = ((dream(model, photo, each, names="a") - photo).abs().mean() for each in (recipe, alone))
    assert both > 1.5 * only
