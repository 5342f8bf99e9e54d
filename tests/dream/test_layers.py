"""The list of layers: names that recipes take, shapes and receptive fields that the network really has."""

import pytest
import torch
from torchvision.models.feature_extraction import create_feature_extractor

from nightmare.dream.layers import Layer, layers
from nightmare.dream.trunk import layer_ends
from nightmare.train.model import Model


@pytest.fixture
def found(model: Model) -> dict[str, Layer]:
    return {layer.name: layer for layer in layers(model, height=96, width=128)}


def test_every_name_of_a_recipe_is_listed_with_its_shape(model: Model, found: dict[str, Layer]) -> None:
    assert list(found) == list(layer_ends(model.network))
    ends = layer_ends(model.network)
    network = create_feature_extractor(model.network, list(dict.fromkeys(ends.values())))
    shapes = {name: tuple(value.shape[1:]) for name, value in network(torch.zeros(1, 3, 96, 128)).items()}
    assert {name: layer.shape for name, layer in found.items()} == {name: shapes[end] for name, end in ends.items()}


@pytest.mark.parametrize("name", ["conv1", "maxpool", "layer1", "layer2.0.conv1", "layer2"])
def test_a_position_depends_on_the_field_that_is_stated(model: Model, name: str) -> None:
    layer = {layer.name: layer for layer in layers(model, height=320, width=320)}[name]
    network = create_feature_extractor(model.network, [layer_ends(model.network)[name]])
    photo = torch.rand(1, 3, 320, 320, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    photo.requires_grad_()
    (output,) = network.double()(photo).values()
    middle = output.shape[-1] // 2
    output[0, :, middle, middle].square().sum().backward()
    assert photo.grad is not None
    rows = photo.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    # Pooling takes the largest alone, and ReLU shuts paths: a position may see less than it could, never more.
    assert layer.field - 8 * (layer.stride > 2) <= rows.max() - rows.min() + 1 <= layer.field
    assert layer.stride == 320 // output.shape[-1]


def test_cost_grows_to_the_whole_network(found: dict[str, Layer]) -> None:
    stages = [found[name].cost for name in ("conv1", "layer1", "layer2", "layer3", "layer4", "fc")]
    assert stages == sorted(stages)
    assert stages[0] < 0.1
    assert stages[-1] == 1.0
    # Counted by hand for ResNet-18: the four stages cost 23, 21, 21 and 21 of 100, the first convolution 7.
    assert found["layer3"].cost == pytest.approx(0.77, abs=0.02)
