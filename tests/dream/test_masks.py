"""Where a dream goes and what stays of the photo: masks, colours, strength; and how the steps of an octave shrink."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from nightmare.dream.engine import dream, dream_steps, finished
from nightmare.dream.recipe import Recipe
from nightmare.errors import InputError
from nightmare.train.model import Model

PLAIN = Recipe(layers={"layer2": 1.0}, octaves=2, iterations=3, jitter=4, strength=1.0, smoothing=0.7)


def masked(*layers: dict, feather: float = 0.0, **changes: object) -> Recipe:
    return PLAIN.model_copy(update={"masks": list(layers), "feather": feather} | changes)


def left(share: float = 0.5, *, white: float = 1.0) -> Tensor:
    """A mask for the photos of 48 × 64 pixels, white in its left part."""
    mask = torch.zeros(1, 1, 48, 64)
    mask[..., : round(64 * share)] = white
    return mask


def moved(dreamt: Tensor, photos: Tensor) -> Tensor:
    """Mean absolute change per column."""
    return (dreamt - photos).abs().mean((0, 1, 2))


@pytest.mark.parametrize("changes", [{}, {"strength": 0.7}, {"keep_colors": True}, {"total_variation": 1.0}])
def test_outside_of_the_mask_the_photo_stays_to_the_last_bit(model: Model, photos: Tensor, changes: dict) -> None:
    dreamt = dream(model, photos, masked({}, **changes), names="abc", masks=[left()])
    assert torch.equal(dreamt[..., 32:], photos[..., 32:])
    assert (moved(dreamt, photos)[:32] > 0.01).all()


def test_feather_reaches_four_deviations_and_falls_on_the_way(model: Model, photos: Tensor) -> None:
    dreamt = dream(model, photos, masked({}, feather=3.0), names="abc", masks=[left()])
    assert torch.equal(dreamt[..., 32 + 13 :], photos[..., 32 + 13 :])
    assert not torch.equal(dreamt[..., 32:40], photos[..., 32:40])
    change = moved(dreamt, photos)
    assert change[40:45].mean() < 0.2 * change[33:36].mean() < 0.2 * change[16:24].mean()


def test_flattening_fades_with_the_feather(model: Model) -> None:
    noise = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(5))
    recipe = masked({}, feather=4.0, total_variation=20.0, iterations=1, octaves=1)
    change = moved(dream(model, noise, recipe, names="a", masks=[left()]), noise)
    assert change[44:48].mean() < 0.2 * change[:16].mean()


def test_a_mask_of_ones_is_no_mask(model: Model, photos: Tensor) -> None:
    ones = torch.ones(1, 1, 48, 64)
    for layers in ({}, {"layer2": 1.0}):
        got = dream(model, photos, masked(layers, feather=2.0), names="abc", masks=[ones])
        torch.testing.assert_close(got, dream(model, photos, PLAIN, names="abc"), rtol=0, atol=1e-3)


def test_a_black_mask_is_the_photo(model: Model, photos: Tensor) -> None:
    assert torch.equal(dream(model, photos, masked({}), names="abc", masks=[left(0)]), photos)


def test_grey_moves_less_than_white(model: Model, photos: Tensor) -> None:
    grey, white = (
        dream(model, photos, masked({}, octaves=1, iterations=1), names="abc", masks=[left(1, white=value)])
        for value in (0.25, 1.0)
    )
    # Where neither is clipped, a quarter of the same step.
    inner = (photos > 0.2) & (photos < 0.8) & (white > 0) & (white < 1)
    torch.testing.assert_close((grey - photos)[inner], 0.25 * (white - photos)[inner], rtol=0, atol=1e-6)


@pytest.mark.parametrize("moves", [{}, {"rotation": 20.0, "zoom": 0.1}])
def test_each_mask_has_layers_of_its_own(model: Model, photos: Tensor, moves: dict) -> None:
    recipe = masked({"layer1": 1.0}, {"layer3": 1.0}, iterations=1, octaves=1, **moves)
    both = dream(model, photos, recipe, names="abc", masks=[left(), 1 - left()])
    for layer, columns in (("layer1", slice(None, 32)), ("layer3", slice(32, None))):
        alone = dream(model, photos, recipe.model_copy(update={"layers": {layer: 1.0}, "masks": []}), names="abc")
        torch.testing.assert_close(both[..., columns], alone[..., columns], rtol=0, atol=1e-5)
        assert (both - alone).abs().amax((0, 1, 2)).gt(1e-3).sum() == 32


def test_masks_of_a_batch_equal_those_of_its_images(model: Model, photos: Tensor) -> None:
    model.network.double()
    photos, masks = photos.double(), [left(0.3).double(), left(0.8).double()]
    recipe = masked({}, {"layer1": 1.0}, feather=2.0)
    together = dream(model, photos, recipe, names="abc", masks=masks)
    alone = [dream(model, photos[i : i + 1], recipe, names="abc"[i], masks=masks) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-4)


def test_masks_that_do_not_fit_are_refused(model: Model, photos: Tensor) -> None:
    with pytest.raises(InputError, match="layers for 1 masks and 0 are given"):
        dream(model, photos, masked({}), names="abc")
    with pytest.raises(InputError, match="layers for 0 masks and 1 are given"):
        dream(model, photos, PLAIN, names="abc", masks=[left()])
    with pytest.raises(InputError, match="layers for 1 masks and 2 are given"):
        dream(model, photos, masked({}), names="abc", masks=[left(), left()])
    with pytest.raises(InputError, match=r"a mask of shape \(1, 1, 48, 63\)"):
        dream(model, photos, masked({}), names="abc", masks=[left()[..., 1:]])


def test_colours_stay_and_brightness_goes(model: Model, photos: Tensor) -> None:
    inner = 0.25 + 0.5 * photos
    recipe = PLAIN.model_copy(update={"step_size": 0.01})
    plain, kept = (
        dream(model, inner, recipe.model_copy(update={"keep_colors": keep}), names="abc") for keep in (False, True)
    )
    free = ((kept > 0) & (kept < 1)).all(1, keepdim=True).expand_as(kept)
    assert free.double().mean() > 0.9
    chroma = [images - images.mean(1, keepdim=True) for images in (inner, kept, plain)]
    torch.testing.assert_close(chroma[1][free], chroma[0][free], rtol=0, atol=1e-5)
    assert (chroma[2] - chroma[0]).abs().mean() > 0.01
    weights = torch.tensor([0.2126, 0.7152, 0.0722])[:, None, None]
    brightness = [(images * weights).sum(1) for images in (inner, kept, plain)]
    torch.testing.assert_close(brightness[1][free[:, 0]], brightness[2][free[:, 0]], rtol=0, atol=1e-5)
    assert (brightness[1] - brightness[0]).abs().mean() > 0.01


def test_strength_lies_between_photo_and_dream(model: Model, photos: Tensor) -> None:
    whole = dream(model, photos, PLAIN, names="abc")
    for strength in (0.0, 0.3, 1.0):
        got = dream(model, photos, PLAIN.model_copy(update={"strength": strength}), names="abc")
        torch.testing.assert_close(got, photos + strength * (whole - photos), rtol=0, atol=1e-6)


def test_a_smaller_octave_is_shown_at_the_size_of_the_photo(model: Model, photos: Tensor) -> None:
    first = next(dream_steps(model, photos, PLAIN, names="abc"))
    assert first.images.shape[2:] == (34, 46)
    assert finished(photos, first.images, PLAIN).shape == photos.shape


def test_iterations_may_be_a_list_of_octaves(model: Model, photos: Tensor) -> None:
    recipe = PLAIN.model_copy(update={"iterations": [3, 1]})
    steps = [(step.octave, step.iteration) for step in dream_steps(model, photos, recipe, names="abc")]
    assert steps == [(0, 0), (0, 1), (0, 2), (1, 0)]
    skipped = PLAIN.model_copy(update={"iterations": [0, 2]})
    assert [step.octave for step in dream_steps(model, photos, skipped, names="abc")] == [1, 1]


@pytest.mark.parametrize("taper", [0.0, 0.6, 1.0])
def test_steps_shrink_within_an_octave_and_keep_their_mean(model: Model, photos: Tensor, taper: float) -> None:
    recipe = PLAIN.model_copy(update={"octaves": 1, "iterations": 5, "step_size": 0.004, "taper": taper})
    planned = torch.tensor([recipe.step_size_of(0, iteration) for iteration in range(5)])
    assert planned.mean() == pytest.approx(0.004)
    assert (planned.diff() < 0).all() == (taper > 0)
    assert (planned > 0).all()
    assert planned[0] == pytest.approx(0.004 * (1 + taper * 4 / 6))
    inner = 0.25 + 0.5 * photos  # so that nothing is clipped
    states = [inner, *(step.images for step in dream_steps(model, inner, recipe, names="abc"))]
    changes = torch.stack([(new - old).abs().mean() for old, new in pairwise(states)])
    torch.testing.assert_close(changes, planned, rtol=1e-3, atol=0)
