import pytest
import torch
from torch import Tensor, nn

from nightmare.dream.objectives import build_objective
from nightmare.dream.recipe import Recipe
from nightmare.dream.trunk import layer_ends
from nightmare.errors import ModelError
from nightmare.train.model import Model
from nightmare.train.network import normalise


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
