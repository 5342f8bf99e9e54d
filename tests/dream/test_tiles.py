"""Part by part is the same as the whole: values, gradients, dreams, and no seam to be seen or measured."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.models import alexnet
from torchvision.models.resnet import Bottleneck, ResNet

from nightmare.dream import engine, tiles
from nightmare.dream.engine import dream, dream_steps, to_picture
from nightmare.dream.objectives import Objective, build_objective
from nightmare.dream.recipe import Recipe
from nightmare.dream.tiles import ascent, tile_side
from nightmare.dream.workers import ModelFolder
from nightmare.errors import ModelError
from nightmare.train.model import Model

LAYER = {"layers": {"layer2": 1.0}}
NEURONS = {"layers": {"layer2.1.bn2": 1.0}}  # before the ReLU, so that none is dead


def pictures(height: int, width: int, *, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(3))


def objective_of(model: Model, **settings: object) -> Objective:
    model.network.double()
    recipe = Recipe.checked(settings)
    return build_objective(model, recipe, guides=[pictures(40, 70).double()] if recipe.is_guided else [])


def assert_same(objective: Objective, images: Tensor, *, tile: int) -> None:
    scores, gradient = ascent(objective, images, tile=None)
    by_tiles, parts = ascent(objective, images, tile=tile)
    # The scores of some objectives are of single precision whatever the network is.
    torch.testing.assert_close(by_tiles.double(), scores.double(), rtol=1e-6, atol=0)
    assert (parts - gradient).abs().max() < 1e-6 * gradient.abs().max()


@pytest.mark.parametrize(
    ("settings", "size", "tile"),
    [
        ({"layers": {"conv1": 1.0}}, (97, 131), 64),
        ({"layers": {"layer1": 1.0}}, (200, 231), 64),
        ({"layers": {"layer2.0.conv1": 1.0}}, (201, 183), 70),
        ({"layers": {"layer3": 1.0}}, (200, 183), 96),
        ({"layers": {"layer4": 1.0}}, (200, 231), 128),
        ({"layers": {"bn1": 0.5, "layer1": -1.0, "layer3": 2.0}}, (150, 193), 96),
        ({"objective": "class:skull"}, (145, 200), 128),
        (LAYER | {"objective": "channel:3,17"}, (129, 200), 64),
        (NEURONS | {"objective": "neuron:5"}, (129, 200), 64),
        (NEURONS | {"objective": "neuron:5@0.95,0"}, (129, 201), 64),
        (NEURONS | {"objective": "neuron:5@1,1"}, (129, 201), 64),
        (LAYER | {"objective": "guided"}, (129, 200), 64),
        (LAYER | {"objective": "guided:mean"}, (129, 200), 64),
    ],
)
def test_tiles_equal_the_whole(model: Model, settings: dict, size: tuple[int, int], tile: int) -> None:
    assert_same(objective_of(model, **settings), pictures(*size).double(), tile=tile)


@pytest.mark.parametrize("settings", [{"layers": {"layer4": 1.0}}, {"objective": "class:clown"}])
def test_tiles_equal_the_whole_where_no_halo_covers_the_picture(model: Model, settings: dict) -> None:
    torch.manual_seed(0)
    thin = ResNet(Bottleneck, [1, 1, 1, 1], num_classes=3, width_per_group=16).eval().requires_grad_(False)
    objective = objective_of(Model(thin, model.card, "thin"), **settings)
    (reach,) = objective.trunk.reaches.values()
    assert (reach.field, reach.stride) == (75, 32)
    assert_same(objective, pictures(193, 257).double(), tile=64)


def test_a_batch_by_tiles_equals_its_images(model: Model) -> None:
    objective, images = objective_of(model, layers={"layer1": 1.0}), pictures(100, 97, count=2).double()
    scores, gradient = ascent(objective, images, tile=64)
    for index in range(2):
        score, alone = ascent(objective, images[index : index + 1], tile=64)
        torch.testing.assert_close(score, scores[index : index + 1])
        torch.testing.assert_close(alone, gradient[index : index + 1], rtol=1e-9, atol=1e-15)


def test_every_pixel_has_its_share_at_every_step(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    gradients: list[Tensor] = []

    def noted(objective: Objective, images: Tensor, *, tile: int | None) -> tuple[Tensor, Tensor]:
        scores, gradient = ascent(objective, images, tile=tile)
        gradients.append(gradient)
        return scores, gradient

    monkeypatch.setattr(engine, "ascent", noted)
    dream(model, pictures(97, 131), Recipe(**LAYER, octaves=1, iterations=3, tile=64), names="a")
    assert len(gradients) == 3
    for gradient in gradients:
        assert (gradient != 0).any(1).all()


def test_a_dream_by_tiles_is_the_dream_without_seams(model: Model) -> None:
    # In single precision rounding decides ties in the pooling, and three steps later the pictures differ by .01.
    model.network.double()
    photo = pictures(193, 208).double()
    recipe = Recipe(**LAYER, octaves=1, iterations=3, jitter=0, smoothing=0.0, strength=1.0)
    whole, parts = (dream(model, photo, recipe.model_copy(update={"tile": tile}), names="a") for tile in ("none", 64))
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-3)
    for axis in (2, 3):
        jumps = (parts - photo).diff(dim=axis).abs().movedim(axis, 0).flatten(1).mean(1)
        borders = torch.arange(63, len(jumps), 64)
        seam = jumps[borders].mean() / jumps.mean()
        assert seam == pytest.approx(1, abs=0.15)


def test_jittered_tiles_equal_the_whole_too(model: Model) -> None:
    model.network.double()
    recipe = Recipe(**LAYER, octaves=2, iterations=2, jitter=20)
    whole, parts = (
        dream(model, pictures(90, 131).double(), recipe.model_copy(update={"tile": tile}), names="a")
        for tile in ("none", 64)
    )
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-3)


def test_a_look_at_the_whole_picture_has_no_tiles(model: Model) -> None:
    objective = build_objective(model, Recipe(layers={"fc": 1.0}))
    assert ascent(objective, pictures(60, 64), tile=64)[0].isfinite()
    with pytest.raises(ModelError, match=r"whole picture.*set tile to none"):
        ascent(objective, pictures(65, 64), tile=64)


def test_a_network_that_loses_its_borders_has_no_tiles(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    borderless = Model(alexnet(weights=None, num_classes=3).eval().requires_grad_(False), model.card, "alexnet")
    recipe = Recipe(layers={"features.2": 1.0}, octaves=4)
    objective = build_objective(borderless, recipe)
    with pytest.raises(ModelError, match=r"borders.*set tile to none"):
        ascent(objective, pictures(130, 130), tile=64)
    monkeypatch.setattr(tiles, "_BUDGET", 1)
    assert tile_side(objective, Recipe(), batch=1, height=1500, width=2000) is None
    with pytest.raises(ModelError, match=r"borders.*set tile to none"):
        next(dream_steps(borderless, pictures(130, 130), recipe.model_copy(update={"tile": 64}), names="a"))


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read as Linux tells it")
def test_a_picture_of_twelve_megapixels_takes_less_than_three_gigabytes(
    tmp_path: Path, model_folder: ModelFolder
) -> None:
    """Of the whole command in a process of its own, with its libraries: the default recipe, one step at full size."""
    coarse = pictures(48, 64)[0]
    to_picture(coarse).resize((4096, 3072), Image.Resampling.BICUBIC).save(tmp_path / "photo.jpg")
    arguments = ["dream", "photo.jpg", "-o", "out", "--model", str(model_folder.directory), "--pixels", "4096"]
    program = (
        "import atexit\nfrom pathlib import Path\nfrom nightmare.cli import app\n"
        "atexit.register(lambda: print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]))\napp()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--octaves", "1", "--iterations", "1"],
        cwd=tmp_path, env={**os.environ, "NIGHTMARE_BACKEND": "sequential"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 made" in done.stdout
    kilobytes = int(done.stdout.split()[-1])
    assert kilobytes * 1024 < 3e9


def test_one_gradient_by_tiles_in_single_precision(model: Model) -> None:
    objective, image = build_objective(model, Recipe(**LAYER)), pictures(150, 193)
    whole, parts = (ascent(objective, image, tile=tile)[1] for tile in (None, 64))
    # Where two values of a pooling are equal but for rounding, single pixels may differ.
    assert (parts - whole).abs().mean() < 1e-3 * whole.abs().mean()
    exact = ascent(objective_of(model, **LAYER), image.double(), tile=None)[1]
    assert (whole - exact).abs().mean() < 1e-3 * exact.abs().mean()


def test_auto_is_a_matter_of_the_budget(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    objective = build_objective(model, Recipe(**LAYER))
    large = {"batch": 1, "height": 1500, "width": 2000}
    monkeypatch.setattr(tiles, "_BUDGET", 1 << 40)
    assert tile_side(objective, Recipe(**LAYER), **large) is None
    monkeypatch.setattr(tiles, "_BUDGET", 100 << 20)
    side = tile_side(objective, Recipe(**LAYER), **large)
    assert side is not None
    assert 64 <= side < 1500
    assert side % 8 == 0
    halo = tiles._grid(objective)[1]
    assert (side + 2 * halo) ** 2 * tiles._bytes_per_pixel(objective) <= 100 << 20
    half = tile_side(objective, Recipe(**LAYER), batch=2, height=1500, width=2000)
    assert half is not None
    assert half < side
    assert tile_side(objective, Recipe(**LAYER, tile="none"), **large) is None
    assert tile_side(objective, Recipe(**LAYER, tile=512), **large) == 512


def test_a_dream_under_a_small_budget_goes_by_tiles(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int | None] = []

    def noted(objective: Objective, images: Tensor, *, tile: int | None) -> tuple[Tensor, Tensor]:
        used.append(tile)
        return ascent(objective, images, tile=tile)

    monkeypatch.setattr(engine, "ascent", noted)
    recipe = Recipe(layers={"conv1": 1.0}, octaves=2, iterations=1)
    for budget in (1 << 40, 4 << 20):
        monkeypatch.setattr(tiles, "_BUDGET", budget)
        dream(model, pictures(270, 280), recipe, names="a")
    assert used[:3] == [None, None, None]  # the smaller octave never asks for tiles
    assert used[3] is not None


def test_tiles_that_are_nearly_all_halo_are_not_taken(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a deep layer a small budget would make hundreds of tiles that each compute nearly all."""
    deep = {"layers": {"layer4": 1.0}}
    objective = build_objective(model, Recipe(**deep))
    monkeypatch.setattr(tiles, "_BUDGET", 1 << 20)
    for height, width in ((600, 600), (2000, 3000)):
        done = tiles.work(objective, Recipe(**deep), height=height, width=width)
        assert done.pixels <= 4 * height * width
    whole = 2000 * 3000 * tiles._bytes_per_pixel(objective)
    assert done.bytes < 0.5 * whole
