"""Networks of torchvision by name and weights: read from both kinds of file, refused in words."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from nightmare.dream.classifiers import load_classifier
from nightmare.dream.engine import dream
from nightmare.dream.layers import layers
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.errors import ModelError


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v3_small"])
def test_weights_of_either_kind_are_its_own(tmp_path: Path, name: str, suffix: str) -> None:
    torch.manual_seed(3)
    network = models.get_model(name, weights=None, num_classes=5).eval()
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    model = load_classifier(name, path)
    photo = torch.rand(1, 3, 64, 64)
    assert all(torch.equal(value, state[key]) for key, value in model.network.state_dict().items())
    torch.testing.assert_close(model.network(photo), network(photo))
    assert model.card.classes == tuple(f"class_{number}" for number in range(5))
    assert not any(weight.requires_grad for weight in model.network.parameters())
    assert ModelFolder.at(Path(name), weights=path).load().sha256 == model.sha256
    dreamt = dream(model, photo, Recipe(objective="class:class_3", octaves=1, iterations=2))
    assert not torch.equal(dreamt, photo)
    assert layers(model, height=64, width=64)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
@pytest.mark.parametrize("has_heads", [True, False])
def test_inception_networks_see_what_torchvision_shows_them(tmp_path: Path, name: str, has_heads: bool) -> None:
    options = {"num_classes": 2, "aux_logits": has_heads, "init_weights": False}
    network = models.get_model(name, weights=None, transform_input=True, **options).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    photo = torch.rand(1, 3, 80, 80)
    torch.testing.assert_close(load_classifier(name, tmp_path / "weights.pth").network(photo), network(photo))


def test_a_thousand_classes_are_those_of_imagenet(tmp_path: Path) -> None:
    torch.save(models.squeezenet1_1(weights=None).state_dict(), tmp_path / "weights.pth")
    classes = load_classifier("squeezenet1_1", tmp_path / "weights.pth").card.classes
    assert len(classes) == 1000
    assert classes[30] == "bullfrog"


def test_what_does_not_fit_is_refused_in_words(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pth"
    with pytest.raises(ModelError, match=r"no weights at .*weights\.pth"):
        load_classifier("resnet18", weights)
    torch.save(models.squeezenet1_1(weights=None).state_dict(), weights)
    with pytest.raises(ModelError, match=r"no classifier resnet19 .* did you mean .*resnet1"):
        load_classifier("resnet19", weights)
    with pytest.raises(ModelError, match="it is of another network"):
        load_classifier("resnet18", weights)
    with pytest.raises(ModelError, match="does not hold the weights of squeezenet1_0"):
        load_classifier("squeezenet1_0", weights)
    torch.save({"code": print}, weights)
    with pytest.raises(ModelError, match="refused"):
        load_classifier("squeezenet1_1", weights)
