"""A cut, folded and in-place network computes what the plain one does, on the way there and back, and leaves it be."""

import math
from typing import Any

import pytest
import torch
from networks import far_from_identity
from torch import Tensor, nn
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor

from nightmare.dream.engine import dream
from nightmare.dream.kernels import Packed
from nightmare.dream.objectives import build_objective
from nightmare.dream.recipe import Recipe
from nightmare.dream.tiles import ascent
from nightmare.dream.trunk import checked_layer, cut, layer_ends
from nightmare.errors import ModelError
from nightmare.train.model import Model
from nightmare.train.network import normalise


def network_of(name: str) -> nn.Module:
    """A network in double precision whose batch normalisation is far from the identity."""
    torch.manual_seed(0)
    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    network: nn.Module = getattr(models, name)(weights=None, num_classes=3, **options)
    if isinstance(network, models.ResNet):
        network.conv1.bias = nn.Parameter(torch.rand(64))  # torchvision has none before a normalisation
    return frozen(network)


def frozen(network: nn.Module) -> nn.Module:
    """The network in double precision as it is used, its normalisations far from the identity."""
    far_from_identity(network)
    return network.double().eval().requires_grad_(False)


class Shortcut(nn.Module):
    """A ReLU whose gradient is also that of the path beside it, whatever stands between it and the sum."""

    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        self.first, self.second, self.relu = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()
        self.between = between

    def forward(self, images: Tensor) -> Tensor:
        early = self.first(images)
        return early + self.between(self.relu(self.second(early)))


class Twice(nn.Module):
    """One convolution that is called two times, with another normalisation behind each."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.shared = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
        self.one, self.two = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        early = self.stem(images)
        return self.one(self.shared(early)) + self.two(self.shared(early))


class Named(nn.Module):
    """A ReLU that is called with its argument's name, before a pool that also tells where its values are from."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.pool = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2, return_indices=True)

    def forward(self, images: Tensor) -> Tensor:
        values, places = self.pool(self.relu(input=self.conv(images)))
        return values + places


def plain(network: nn.Module, name: str, images: Tensor) -> Tensor:
    """The activations of one name in the network itself: what its module gives, or where it is none the node."""
    if name not in dict(network.named_modules()):
        activations: Tensor = create_feature_extractor(network, [name])(normalise(images))[name]
        return activations if activations.ndim == 4 else activations[:, :, None, None]
    caught: list[Tensor] = []
    # Copied at once, before anything works in place; the first of several calls bears the module's own name.
    handle = network.get_submodule(name).register_forward_hook(lambda _, __, output: caught.append(output.clone()))
    network(normalise(images))
    handle.remove()
    return caught[0] if caught[0].ndim == 4 else caught[0][:, :, None, None]


def assert_same(network: nn.Module, names: list[str], size: tuple[int, int]) -> None:
    """Values at all of `names`, cut at once, and the gradient of a sum over them that tells their places apart."""
    ends = layer_ends(network)
    nodes = {name: checked_layer(name, ends) for name in names}
    images = torch.rand(1, 3, *size, dtype=torch.float64)
    leaf = images.clone().requires_grad_()
    found = cut(network, tuple(sorted(set(nodes.values()))), torch.float64)(leaf)
    expected = torch.zeros_like(images)
    scores = []
    for name, node in nodes.items():
        own = images.clone().requires_grad_()
        value = plain(network, name, own)
        weight = torch.randn(value.shape, dtype=torch.float64)
        assert (found[node] - value).abs().max() < 1e-10 * value.abs().max(), name
        scores.append((found[node].square() * weight).mean())
        (part,) = torch.autograd.grad((value.square() * weight).mean(), own)
        expected += part
    (gradient,) = torch.autograd.grad(torch.stack(scores).sum(), leaf)
    assert (gradient - expected).abs().max() < 1e-10 * expected.abs().max()


CASES = [
    ("resnet18", ["conv1"]),
    ("resnet18", ["bn1"]),
    ("resnet18", ["relu"]),
    ("resnet18", ["layer1.0.relu"]),
    ("resnet18", ["layer2.0.conv1"]),
    ("resnet18", ["layer3"]),
    ("resnet18", ["conv1", "layer2"]),
    ("resnet18", ["bn1", "layer1.0.add", "layer1.0.relu_1", "layer2"]),
    ("resnet18", ["layer1.1.bn2", "layer2.0.downsample", "layer2.0.bn2", "layer3.0.conv1"]),
    ("resnet50", ["conv1"]),
    ("resnet50", ["layer3"]),
    ("resnet50", ["bn1", "layer1.0.conv3", "layer1.0.downsample.0", "layer2.0.relu_1", "layer2"]),
    ("resnet50", ["layer1.2.bn3", "layer1.2.add", "fc"]),
    ("densenet121", ["features.norm0", "features.denseblock1.denselayer2.norm2", "features.transition1"]),
    ("mobilenet_v2", ["features.0", "features.2.conv.1", "features.4"]),
    ("squeezenet1_1", ["features.0", "features.3.squeeze", "features.5"]),
    ("resnet18", ["layer1.0.bn1", "layer2"]),
    ("resnet50", ["layer1.1.bn2", "layer2"]),
    ("densenet121", ["features.norm5", "classifier"]),
    ("googlenet", ["conv1.bn", "conv2"]),
    ("resnet18", ["maxpool"]),
    ("resnet18", ["relu", "maxpool", "layer1"]),
    ("vgg11", ["features.1", "features.5", "features.10"]),
]


@pytest.mark.parametrize(("name", "targets"), CASES)
def test_the_cheap_network_equals_the_plain_one(name: str, targets: list[str]) -> None:
    assert_same(network_of(name), targets, (65, 47))


@pytest.mark.parametrize("size", [(32, 32), (33, 32), (32, 33), (35, 51), (38, 41)])
def test_odd_and_even_sides(size: tuple[int, int]) -> None:
    assert_same(network_of("resnet18"), ["conv1", "layer1.0.add", "layer2"], size)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this processor has no kernels to pack for")
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1", "densenet121"])
def test_single_precision_with_its_own_kernels_too(name: str) -> None:
    network, images = network_of(name).float(), torch.rand(1, 3, 65, 48)
    nodes = [node for node in layer_ends(network).values() if "." in node][:40][-1:]
    trunk = cut(network, tuple(nodes), torch.float32)
    assert any(isinstance(module, Packed) for module in trunk.network.modules())
    found, expected = images.clone().requires_grad_(), images.clone().requires_grad_()
    values, plain_values = trunk(found)[nodes[0]], plain(network, nodes[0], expected)
    assert (values - plain_values).abs().max() < 1e-5 * plain_values.abs().max()
    (gradient,) = torch.autograd.grad(values.square().mean(), found)
    (plain_gradient,) = torch.autograd.grad(plain_values.square().mean(), expected)
    assert (gradient - plain_gradient).abs().max() < 1e-4 * plain_gradient.abs().max()


def test_every_layer_at_once() -> None:
    network = network_of("resnet18")
    names = [name for name in layer_ends(network) if not name.startswith(("layer2", "layer3", "layer4"))]
    assert_same(network, [*names, "layer2.0.conv1"], (33, 40))


@pytest.mark.parametrize("between", [nn.Identity(), nn.Dropout(), nn.Unflatten(1, (4, 1)), nn.Flatten(0, 1)])
def test_a_gradient_that_two_paths_share_is_not_overwritten(between: nn.Module) -> None:
    if isinstance(between, nn.Unflatten):
        between = nn.Sequential(between, nn.Flatten(1, 2))
    elif isinstance(between, nn.Flatten):
        between = nn.Sequential(between, nn.Unflatten(0, (1, 4)))
    assert_same(frozen(Shortcut(between)), ["add"], (20, 21))


def test_a_convolution_of_two_normalisations_is_folded_into_both() -> None:
    assert_same(frozen(Twice()), ["add"], (20, 21))


def test_the_first_pool_leaves_its_relu_a_quarter_of_the_values() -> None:
    network = network_of("resnet18")
    names = [node.name for node in cut(network, ("layer1.0.conv1",), torch.float64).network.graph.nodes]
    assert names.index("maxpool") < names.index("relu")


def test_a_pool_that_tells_places_stays_behind_its_relu() -> None:
    assert_same(frozen(Named()), ["add"], (20, 21))


@pytest.mark.parametrize("options", [{"groups": 3}, {"padding_mode": "reflect"}, {"bias": False}])
def test_other_first_convolutions(options: dict[str, Any]) -> None:
    network = nn.Sequential(nn.Conv2d(3, 6, 7, stride=2, padding=3, **options), nn.Conv2d(6, 2, 3))
    assert_same(frozen(network), ["1"], (33, 40))


def test_normalisation_by_what_it_sees_is_not_folded() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Conv2d(4, 2, 3))
    assert_same(frozen(network), ["2"], (20, 21))


@pytest.mark.parametrize(
    ("between", "field"),
    [
        (nn.SiLU(), 5),
        (nn.MaxPool2d((1, 5), stride=1, padding=(0, 2)), 9),
        (nn.GroupNorm(2, 4), math.inf),
        (nn.InstanceNorm2d(4), math.inf),
        (nn.BatchNorm2d(4, track_running_stats=False), math.inf),
        (nn.Softmax2d(), math.inf),  # of an unknown module the worst is assumed
    ],
)
def test_how_far_a_layer_looks(between: nn.Module, field: float) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), between, nn.Conv2d(4, 2, 3, padding=1))
    assert cut(frozen(network), ("2",), torch.float64).reaches["2"].field == field


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "inception_v3", "squeezenet1_1", "resnet18"])
def test_the_smallest_side_leaves_every_layer_a_position(name: str) -> None:
    options = {"aux_logits": False, "init_weights": False} if name == "inception_v3" else {}
    network = getattr(models, name)(weights=None, num_classes=3, **options).eval()
    last = "Mixed_7c" if name == "inception_v3" else "layer4" if name == "resnet18" else "features"
    end = checked_layer(last, layer_ends(network))
    trunk = cut(network, (end,), torch.float32)
    assert min(trunk(torch.rand(1, 3, trunk.smallest_side, 150))[end].shape) == 1
    if name in ("alexnet", "vgg11", "inception_v3"):  # the others pad or fill up, and need less
        with pytest.raises(RuntimeError, match=r"too small|greater than"):
            trunk(torch.rand(1, 3, trunk.smallest_side - 1, 150))


def test_weights_that_change_are_seen() -> None:
    network = frozen(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    images = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    first = cut(network, ("1",), torch.float64)
    assert cut(network, ("1",), torch.float64) is first
    network[0].weight.mul_(2)
    assert cut(network, ("1",), torch.float64)(images)["1"].max() > 1.5 * first(images)["1"].max()
    assert_same(network, ["1"], (8, 8))
    network[0].weight.data = torch.zeros_like(network[0].weight)  # as a move to another device does it
    network[0].bias.data = torch.zeros_like(network[0].bias)
    assert not cut(network, ("1",), torch.float64)(images)["1"].any()


def test_a_layer_that_gives_no_tensor_is_refused() -> None:
    network = models.shufflenet_v2_x0_5(weights=None, num_classes=3).eval()
    node = checked_layer("stage2.1.chunk", layer_ends(network))
    with pytest.raises(ModelError, match=r"stage2\.1\.chunk gives is no tensor but tuple"):
        cut(network, (node,), torch.float32)(torch.rand(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("name", "targets", "precision"),
    [
        ("resnet18", ["layer3"], "float32"),
        ("resnet18", ["layer3"], "bfloat16"),
        ("resnet18", ["layer1.0.conv1"], "bfloat16"),
        ("squeezenet1_1", ["features.6"], "bfloat16"),
    ],
)
def test_the_model_is_not_touched(name: str, targets: list[str], precision: str, model: Model) -> None:
    network = getattr(models, name)(weights=None, num_classes=3).eval()  # with weights that learn
    modules = [(key, module, getattr(module, "inplace", None)) for key, module in network.named_modules()]
    state = {key: value.clone() for key, value in network.state_dict().items()}
    recipe = Recipe(layers=dict.fromkeys(targets, 1.0), precision=precision, octaves=1, iterations=1)
    dream(Model(network, model.card, "fresh"), torch.rand(1, 3, 40, 40), recipe, names="a")
    assert [(key, module, getattr(module, "inplace", None)) for key, module in network.named_modules()] == modules
    for key, value in network.state_dict().items():
        assert value.dtype == state[key].dtype
        assert torch.equal(value, state[key])
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks
    for weight in network.parameters():
        assert weight.grad is None
        assert weight.requires_grad


def test_a_network_that_learns_goes_on_learning() -> None:
    network = models.resnet18(weights=None, num_classes=3).train()
    cut(network, ("conv1", "layer1.0.bn2"), torch.float32)
    assert all(weight.requires_grad for weight in network.parameters())
    assert all(module.training for module in network.modules())


def test_half_the_bits_point_the_same_way(model: Model) -> None:
    images = torch.rand(2, 3, 48, 64)
    full, half = (
        ascent(build_objective(model, Recipe(precision=precision)), images, tile=None)
        for precision in ("float32", "bfloat16")
    )
    torch.testing.assert_close(half[0], full[0], rtol=0.03, atol=0)
    assert half[1].dtype == torch.float32
    assert (torch.cosine_similarity(half[1].flatten(1), full[1].flatten(1)) > 0.95).all()


def test_an_unknown_layer_is_answered_with_near_ones() -> None:
    ends = layer_ends(network_of("resnet18"))
    assert checked_layer("layer3", ends) == "layer3.1.relu_1"
    with pytest.raises(ModelError, match=r"no layer layer3\.7 in the model: did you mean layer3\.1"):
        checked_layer("layer3.7", ends)
