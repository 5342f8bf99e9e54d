import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torchvision import models

from nightmare.dream import engine, transforms
from nightmare.dream.engine import dream, dream_pictures, dream_steps, octave_sizes, to_picture, to_tensor
from nightmare.dream.recipe import Recipe
from nightmare.errors import InputError, ModelError
from nightmare.train.model import Model
from nightmare.train.network import normalise

NAMES = ("a", "b", "c")
BRIEF = Recipe(layers={"layer2": 1.0}, octaves=2, iterations=2, jitter=5, smoothing=0.7, strength=1.0)


def naive_dream(model: Model, photo: Tensor, recipe: Recipe, shifts: dict[tuple[int, int], tuple[int, int]]) -> Tensor:
    """The loop as one would first write it: one image, the whole network, a hook, numpy for what numpy can do."""
    caught: list[Tensor] = []
    ((layer, weight),) = recipe.layers.items()
    handle = model.network.get_submodule(layer).register_forward_hook(lambda _, __, out: caught.append(out))
    height, width = photo.shape[1:]
    detail = torch.zeros_like(photo)
    for octave in range(recipe.octaves):
        factor = recipe.octave_scale ** (recipe.octaves - 1 - octave)
        size = (round(height / factor), round(width / factor))
        if octave == recipe.octaves - 1:
            base = photo
        else:
            base = F.interpolate(photo[None], size, mode="bilinear", antialias=True)[0]
        x = base + F.interpolate(detail[None], size, mode="bilinear", antialias=True)[0]
        for iteration in range(recipe.iterations):
            down, across = shifts[octave, iteration]
            rolled = np.roll(np.roll(x.numpy(), down, axis=1), across, axis=2)
            leaf = torch.from_numpy(rolled.copy()).requires_grad_()
            caught.clear()
            model.network(normalise(leaf[None]))
            (weight * 0.5 * (caught[0] ** 2).sum()).backward()
            gradient = np.roll(np.roll(leaf.grad.numpy(), -down, axis=1), -across, axis=2)
            gradient = naive_blur(gradient, recipe.smoothing)
            x = x + recipe.step_size * torch.from_numpy(gradient / np.abs(gradient).mean())
            x = x.clamp(0, 1)
        detail = x - base
    handle.remove()
    return photo * (1 - recipe.strength) + x * recipe.strength


def naive_blur(gradient: np.ndarray, deviation: float) -> np.ndarray:
    """The mean of three Gaussians, on a picture that goes on from its other side."""
    if not deviation:
        return gradient
    blurred = [
        gaussian_filter(gradient, factor * deviation, axes=(1, 2), mode="wrap", truncate=6)
        for factor in (0.5, 1.0, 2.0)
    ]
    return np.mean(blurred, axis=0)


@pytest.mark.parametrize("smoothing", [0.0, 4.0])
@pytest.mark.parametrize("layer", ["layer1", "layer3"])
def test_the_loop_equals_the_naive_one(model: Model, photos: Tensor, layer: str, smoothing: float) -> None:
    # In double precision: rounding decides which of two equal values a pooling takes, and later steps differ by more.
    model.network.double()
    photos = photos.double()
    recipe = BRIEF.model_copy(update={"layers": {layer: 2.0}, "smoothing": smoothing, "strength": 0.8})
    dreamt = dream(model, photos, recipe, names=NAMES)
    for photo, name, result in zip(photos, NAMES, dreamt, strict=True):
        shifts = {(o, i): transforms._shift(recipe, name, o, i) for o in range(2) for i in range(2)}
        torch.testing.assert_close(result, naive_dream(model, photo, recipe, shifts), rtol=0, atol=1e-4)


@pytest.mark.parametrize("objective", ["energy", "class:skull"])
def test_a_batch_equals_its_images_one_by_one(model: Model, photos: Tensor, objective: str) -> None:
    photos[1] *= 0.05  # with another scale of gradients than its neighbours
    recipe = BRIEF.model_copy(update={"objective": objective, "iterations": 6, "rotation": 5.0})
    together = dream(model, photos, recipe, names=NAMES)
    for index, name in enumerate(NAMES):
        alone = dream(model, photos[index : index + 1], recipe, names=[name])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("objective", ["energy", "class:skull"])
def test_so_it_does_in_one_pass(model: Model, photos: Tensor, objective: str) -> None:
    """As on an accelerator; in double precision, since its kernels for a batch round otherwise."""
    model.network.double()
    photos = photos.double()
    photos[1] *= 0.05
    recipe = BRIEF.model_copy(update={"objective": objective, "rotation": 5.0})
    areas = engine._areas(model, recipe, (), ())
    sizes = octave_sizes(48, 64, recipe, smallest=32)
    (*_, together) = engine._steps(areas, photos, recipe, names=NAMES, sizes=sizes)
    for index, name in enumerate(NAMES):
        alone = dream(model, photos[index : index + 1], recipe, names=[name])
        torch.testing.assert_close(together.images[index : index + 1], alone, rtol=0, atol=1e-4)


def test_steps_keep_the_memory_that_they_free(model: Model, photos: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(engine, "keep_freed_memory", lambda: asked.append(1))
    next(dream_steps(model, photos[:1], BRIEF, names=["a"]))
    assert asked == [1]


def test_whoever_stops_asking_has_cancelled(model: Model, photos: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = engine.ascent

    def counted(*given: object, **options: object) -> tuple[Tensor, Tensor]:
        asked.append(1)
        return real(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "ascent", counted)
    steps = dream_steps(model, photos[:1], BRIEF, names=["a"])
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert len(asked) == 1
    with pytest.raises(StopIteration):
        next(steps)


def test_order_does_not_matter_but_name_and_seed_do(model: Model, photos: Tensor) -> None:
    forwards = dream(model, photos, BRIEF, names=NAMES)
    backwards = dream(model, photos.flip(0), BRIEF, names=NAMES[::-1]).flip(0)
    torch.testing.assert_close(forwards, backwards, rtol=0, atol=1e-4)
    assert (dream(model, photos, BRIEF, names=("d", "e", "f")) - forwards).abs().max() > 1e-2
    assert (dream(model, photos, BRIEF.model_copy(update={"seed": 1}), names=NAMES) - forwards).abs().max() > 1e-2


def test_same_seed_same_bytes(model: Model, photos: Tensor) -> None:
    assert torch.equal(dream(model, photos, BRIEF, names=NAMES), dream(model, photos, BRIEF, names=NAMES))


@pytest.mark.parametrize("change", [{"iterations": 0}, {"strength": 0.0}])
def test_no_iterations_or_no_strength_is_the_photo(model: Model, photos: Tensor, change: dict) -> None:
    picture = to_picture(photos[0])
    (dreamt,) = dream_pictures(model, [picture], BRIEF.model_copy(update=change), names=["a"])
    assert dreamt.tobytes() == picture.tobytes()


def test_the_photo_itself_is_not_written_to(model: Model, photos: Tensor) -> None:
    before = photos.clone()
    dream(model, photos, BRIEF, names=NAMES)
    assert torch.equal(photos, before)
    assert not photos.requires_grad


def test_exactly_as_many_iterations_as_asked_in_every_octave(model: Model, photos: Tensor) -> None:
    recipe = BRIEF.model_copy(update={"iterations": 3})
    steps = list(dream_steps(model, photos, recipe, names=NAMES))
    assert [(step.octave, step.iteration) for step in steps] == [(o, i) for o in range(2) for i in range(3)]
    assert [tuple(step.images.shape[2:]) for step in steps] == [(34, 46)] * 3 + [(48, 64)] * 3
    assert not torch.equal(steps[-2].images, steps[-1].images)
    assert torch.equal(steps[-1].images, dream(model, photos, recipe, names=NAMES))


def test_every_image_of_a_batch_is_clipped(model: Model, photos: Tensor) -> None:
    wild = BRIEF.model_copy(update={"step_size": 1.0})
    for step in dream_steps(model, photos, wild, names=NAMES):
        for image in step.images:
            assert image.min() == 0
            assert image.max() == 1


def test_each_image_moves_by_its_own_mean_gradient(
    model: Model, photos: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    strengths = torch.tensor([1e-3, 1.0, 1e3])
    direction = torch.rand_like(photos) - 0.5
    monkeypatch.setattr(
        engine, "build_objectives", lambda *_, **__: [lambda images: (images * direction).sum((1, 2, 3)) * strengths]
    )
    monkeypatch.setattr(engine, "smallest_side", lambda _: 32)
    recipe = Recipe(octaves=1, iterations=1, jitter=0, smoothing=0.0, strength=1.0, step_size=0.02, tile="none")
    grey = torch.full_like(photos, 0.5)
    moved = (dream(model, grey, recipe, names=NAMES) - grey).abs().mean((1, 2, 3))
    torch.testing.assert_close(moved, torch.full((3,), 0.02))


@pytest.mark.parametrize("axis", [2, 3])
def test_jitter_is_drawn_and_undone_on_both_axes(
    model: Model, photos: Tensor, monkeypatch: pytest.MonkeyPatch, axis: int
) -> None:
    """An objective that likes single pixels where they stand after the roll: the steps fall where they came from."""
    seen: list[Tensor] = []

    def objective(images: Tensor) -> Tensor:
        seen.append(images.detach().clone())
        return images.square().sum((1, 2, 3))

    monkeypatch.setattr(engine, "build_objectives", lambda *_, **__: [objective])
    monkeypatch.setattr(engine, "smallest_side", lambda _: 32)
    dots = torch.zeros_like(photos)
    dots[:, :, 11, 17] = 0.5
    recipe = Recipe(octaves=1, iterations=20, jitter=4, smoothing=0.0, strength=1.0, step_size=1e-5, tile="none")
    dreamt = dream(model, dots, recipe, names=NAMES)
    assert torch.equal(dreamt > 0, dots > 0)
    together = [torch.cat(seen[start : start + 3]) for start in range(0, len(seen), 3)]
    places = torch.stack([images[:, 0].amax(dim=4 - axis).argmax(1) for images in together])
    offsets = places - (11, 17)[axis - 2]
    assert offsets.min() == -4
    assert offsets.max() == 4
    assert (offsets[:, 0] != offsets[:, 1]).any()


def test_statistics_stay_and_no_weight_gets_a_gradient(model: Model, photos: Tensor) -> None:
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    dream(model, photos, BRIEF.model_copy(update={"objective": "class:clown"}), names=NAMES)
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items())
    assert all(weight.grad is None for weight in model.network.parameters())


def test_the_dream_climbs(model: Model, photos: Tensor) -> None:
    recipe = Recipe(layers={"layer3": 1.0}, octaves=1, iterations=8, jitter=2, strength=1.0)
    (score,) = engine.build_objectives(model, recipe)
    assert (score(dream(model, photos, recipe, names=NAMES)) > 1.3 * score(photos)).all()


@pytest.mark.parametrize("size", [(40, 33), (33, 97), (224, 40)])
def test_any_size_dreams_of_a_class(model: Model, size: tuple[int, int]) -> None:
    recipe = Recipe(objective="class:spider", octaves=2, iterations=1)
    assert dream(model, torch.rand(1, 3, *size), recipe, names=["a"]).shape == (1, 3, *size)


def test_octaves_that_are_too_small_are_left_out_with_a_message(
    model: Model, photos: Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = BRIEF.model_copy(update={"octaves": 6, "iterations": 1})
    with caplog.at_level(logging.WARNING):
        steps = list(dream_steps(model, photos, recipe, names=NAMES))
    assert octave_sizes(48, 64, recipe, smallest=32) == [None, None, None, None, (34, 46), (48, 64)]
    assert [step.octave for step in steps] == [4, 5]
    assert "4 of 6 octaves of a picture of 64 x 48 are left out" in caplog.text


def test_a_network_that_does_not_pad_asks_for_larger_octaves(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    network = models.alexnet(weights=None, num_classes=3).eval().requires_grad_(False)
    recipe = Recipe(layers={"features": 1.0}, octaves=3, octave_scale=1.5, iterations=1)
    steps = list(dream_steps(Model(network, model.card, "alexnet"), torch.rand(1, 3, 100, 140), recipe, names="a"))
    assert [tuple(step.images.shape[2:]) for step in steps] == [(67, 93), (100, 140)]
    assert "1 of 3 octaves of a picture of 140 x 100 are left out: their shorter side is below 63" in caplog.text


def test_a_picture_that_is_too_small_stays_as_it_is(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    picture = Image.new("RGB", (50, 20), (1, 2, 3))
    (dreamt,) = dream_pictures(model, [picture], BRIEF, names=["a"])
    assert dreamt.tobytes() == picture.tobytes()
    assert "left out" in caplog.text


def test_pictures_of_different_sizes_keep_size_and_order(model: Model, photos: Tensor) -> None:
    pictures = [to_picture(photo) for photo in photos]
    pictures[1] = pictures[1].crop((0, 0, 40, 48))
    recipe = BRIEF.model_copy(update={"octaves": 1})
    together = dream_pictures(model, pictures, recipe, names=NAMES)
    for picture, name, dreamt in zip(pictures, NAMES, together, strict=True):
        assert dreamt.size == picture.size
        (alone,) = dream_pictures(model, [picture], recipe, names=[name])
        difference = np.asarray(dreamt, dtype=int) - np.asarray(alone, dtype=int)
        assert abs(difference).max() <= 1


def test_pictures_survive_the_way_through_a_tensor() -> None:
    values = np.arange(256 * 3, dtype=np.uint16).reshape(16, 16, 3).astype(np.uint8)
    assert np.array_equal(np.asarray(to_picture(to_tensor(Image.fromarray(values))[0])), values)
    assert to_picture(torch.full((3, 1, 1), 0.998)).getpixel((0, 0)) == (254, 254, 254)
    assert to_picture(torch.full((3, 1, 1), 0.999)).getpixel((0, 0)) == (255, 255, 255)


def test_wrong_batches_and_names_are_refused(model: Model, photos: Tensor) -> None:
    with pytest.raises(InputError, match="one name per image"):
        dream(model, photos, BRIEF, names=["a"])
    with pytest.raises(InputError, match="float RGB"):
        dream(model, photos[0], BRIEF, names=["a"])
    with pytest.raises(ModelError, match="did you mean layer2"):
        dream(model, photos, BRIEF.model_copy(update={"layers": {"layer_2": 1.0}}), names=NAMES)
