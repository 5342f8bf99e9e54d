import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from nightmare.dream import objectives
from nightmare.dream.engine import dream
from nightmare.dream.objectives import build_objective
from nightmare.dream.recipe import Recipe
from nightmare.dream.trunk import layer_ends
from nightmare.errors import InputError, ModelError
from nightmare.train.model import Model
from nightmare.train.network import normalise

GUIDED = Recipe(layers={"layer2": 1.0}, objective="guided")


def hooked(model: Model, layer: str, images: Tensor) -> Tensor:
    """The activations of a named module in the untouched network."""
    caught: list[Tensor] = []
    module = model.network.get_submodule(layer)
    # Copied at once: the network's own ReLU works in place.
    handle = module.register_forward_hook(lambda _, __, output: caught.append(output.clone()))
    model.network(normalise(images))
    handle.remove()
    return caught[-1]


@pytest.mark.parametrize(
    "layer",
    [
        "conv1",
        "bn1",
        "maxpool",
        "layer1",
        "layer2.0",
        "layer3.1.conv2",
        "layer3.1.bn2",
        "layer3.0.downsample",
        "layer4",
    ],
)
def test_energy_is_that_of_the_whole_network(model: Model, photos: Tensor, layer: str) -> None:
    expected = hooked(model, layer, photos).square().flatten(1).mean(1) / 2
    scores = build_objective(model, Recipe(layers={layer: 1.0}))(photos)
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-6)


def test_weights_combine_layers_and_none_changes_another(model: Model, photos: Tensor) -> None:
    weights = {"bn1": 2.0, "layer3.1.conv1": -0.5, "layer4": 1.0, "layer2": 0.0}
    alone = [weight * build_objective(model, Recipe(layers={name: 1.0}))(photos) for name, weight in weights.items()]
    together = build_objective(model, Recipe(layers=weights))(photos)
    torch.testing.assert_close(together, torch.stack(alone).sum(0), rtol=1e-4, atol=1e-6)


def test_two_names_of_one_place_count_twice(model: Model, photos: Tensor) -> None:
    once = build_objective(model, Recipe(layers={"layer2": 1.0}))(photos)
    twice = build_objective(model, Recipe(layers={"layer2": 1.0, "layer2.1": 1.0}))(photos)
    torch.testing.assert_close(twice, 2 * once)


@pytest.mark.parametrize("size", [(33, 47), (64, 64), (70, 150)])
def test_class_is_the_mean_of_the_logits_of_all_positions_at_any_size(model: Model, size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size)
    features = hooked(model, "layer4", images)
    head = model.network.fc
    logits = nn.functional.conv2d(features, head.weight[:, :, None, None], head.bias)
    scores = build_objective(model, Recipe(objective="class:skull"))(images)
    torch.testing.assert_close(scores, logits[:, 1].mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_the_model_is_left_as_it_was(model: Model, photos: Tensor) -> None:
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    for _ in range(3):
        build_objective(model, Recipe(layers={"bn1": 1.0, "layer4": 1.0}))(photos)
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items())
    for module in model.network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module.training
    assert not any(weight.requires_grad for weight in model.network.parameters())


def test_nothing_behind_the_deepest_layer_is_computed(model: Model, photos: Tensor) -> None:
    with torch.no_grad():
        model.network.layer4[0].conv1.weight.fill_(torch.nan)
    assert build_objective(model, Recipe(layers={"layer3": 1.0}))(photos).isfinite().all()
    assert build_objective(model, Recipe(layers={"layer4": 1.0}))(photos).isnan().all()


def test_wrong_names_are_answered_with_near_ones_and_a_list(model: Model) -> None:
    with pytest.raises(ModelError, match=r"no layer layer33 .*did you mean layer3\b.*layer1, layer1\.0"):
        build_objective(model, Recipe(layers={"layer33": 1.0}))
    with pytest.raises(ModelError, match=r"no layer inception4c .*layer4"):
        build_objective(model, Recipe(layers={"inception4c": 0.0, "layer3": 1.0}))
    with pytest.raises(ModelError, match=r"no class skulls .*did you mean skull\?.*clown, skull, spider"):
        build_objective(model, Recipe(objective="class:skulls"))


def test_every_listed_layer_can_be_dreamt_of(model: Model) -> None:
    names = list(layer_ends(model.network))
    assert {"layer3", "layer3.1", "layer3.1.conv2", "fc"} <= set(names)
    assert "x" not in names
    recipe = Recipe(layers=dict.fromkeys(names, 1.0))
    assert build_objective(model, recipe)(torch.rand(1, 3, 40, 40)).isfinite().all()


@pytest.mark.parametrize("channels", [(3,), (3, 17, 60)])
def test_channel_is_the_mean_of_its_activations(model: Model, photos: Tensor, channels: tuple[int, ...]) -> None:
    recipe = Recipe(layers={"layer2": 2.0}, objective=f"channel:{','.join(map(str, channels))}")
    expected = 2 * hooked(model, "layer2", photos)[:, list(channels)].mean((1, 2, 3))
    torch.testing.assert_close(build_objective(model, recipe)(photos), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("where", "row", "column"), [("", 3, 4), ("@0,0", 0, 0), ("@0.26,0.9", 5, 2), ("@1,0.5", 3, 7), ("@.5,1", 5, 4)]
)
def test_neuron_is_one_activation(model: Model, photos: Tensor, where: str, row: int, column: int) -> None:
    activations = hooked(model, "layer2", photos)
    assert activations.shape[2:] == (6, 8)
    scores = build_objective(model, Recipe(layers={"layer2": 1.0}, objective=f"neuron:7{where}"))(photos)
    torch.testing.assert_close(scores, activations[:, 7, row, column], rtol=1e-4, atol=1e-6)


def test_a_channel_that_is_not_there_is_refused(model: Model, photos: Tensor) -> None:
    with pytest.raises(ModelError, match="no channel 128 in layer2: it has 0 to 127"):
        build_objective(model, GUIDED.model_copy(update={"objective": "channel:0,128"}))(photos)


def products(model: Model, photos: Tensor, guides: list[Tensor]) -> Tensor:
    """Of all positions of the photos with all of the guides: (batch, positions, guide positions)."""
    here = hooked(model, "layer2", photos).flatten(2)
    there = torch.cat([hooked(model, "layer2", guide).flatten(2)[0] for guide in guides], dim=1)
    return here.transpose(1, 2) @ there / here.shape[1]


@pytest.fixture
def guides() -> list[Tensor]:
    """Two of different sizes."""
    generator = torch.Generator().manual_seed(8)
    return [torch.rand(1, 3, 40, 72, generator=generator), torch.rand(1, 3, 33, 35, generator=generator) ** 3]


@pytest.mark.parametrize("count", [1, 2])
def test_guided_is_the_best_of_products(model: Model, photos: Tensor, guides: list[Tensor], count: int) -> None:
    shown, leaf, oracle = guides[:count], photos.clone().requires_grad_(), photos.clone().requires_grad_()
    scores = build_objective(model, GUIDED, guides=shown)(leaf)
    expected = products(model, oracle, shown).amax(2).mean(1)
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-6)
    gradients = [torch.autograd.grad(scores.sum(), leaf)[0], torch.autograd.grad(expected.sum(), oracle)[0]]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3 * float(gradients[1].abs().max()))


def test_guided_by_the_mean_is_the_product_with_it(model: Model, photos: Tensor, guides: list[Tensor]) -> None:
    recipe = GUIDED.model_copy(update={"objective": "guided:mean"})
    expected = products(model, photos, guides).mean((1, 2))
    scores = build_objective(model, recipe, guides=guides)(photos)
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("at_once", [1, 100, 1000])
def test_matches_are_the_same_in_small_blocks(
    model: Model, photos: Tensor, guides: list[Tensor], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build_objective(model, GUIDED, guides=guides)(photos)
    monkeypatch.setattr(objectives, "_MATCHES_AT_ONCE", at_once)
    torch.testing.assert_close(build_objective(model, GUIDED, guides=guides)(photos), whole)


@pytest.mark.parametrize("objective", ["guided", "guided:mean"])
def test_a_guided_dream_climbs_towards_its_own_guide(
    model: Model, photos: Tensor, guides: list[Tensor], objective: str
) -> None:
    recipe = GUIDED.model_copy(update={"objective": objective, "octaves": 1, "iterations": 6, "strength": 1.0})
    dreams = [dream(model, photos, recipe, names="abc", guides=[guide]) for guide in guides]
    assert (dreams[0] - dreams[1]).abs().mean() > 0.01
    for guide, dreamt in zip(guides, dreams, strict=True):
        score = build_objective(model, recipe, guides=[guide])
        assert (score(dreamt) > 1.3 * score(photos)).all()


def test_guides_are_needed_where_they_count_and_refused_where_not(model: Model, guides: list[Tensor]) -> None:
    with pytest.raises(InputError, match="there is no guide"):
        build_objective(model, GUIDED)
    with pytest.raises(InputError, match="class:skull ignores guides"):
        build_objective(model, Recipe(objective="class:skull"), guides=guides)


@pytest.mark.parametrize("name", ["squeezenet1_1", "alexnet", "densenet121", "googlenet", "mobilenet_v2"])
def test_class_is_the_logit_of_any_network_of_torchvision(model: Model, name: str) -> None:
    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    network = getattr(models, name)(weights=None, num_classes=3, **options).eval().requires_grad_(False)
    images = torch.rand(2, 3, 97, 140)  # that none was made for
    scores = build_objective(Model(network, model.card, name), Recipe(objective="class:skull"))(images)
    torch.testing.assert_close(scores, network(normalise(images))[:, 1], rtol=1e-4, atol=1e-5)
