"""Features see what a picture shows, whatever its size; the weights are those of ImageNet, and nothing else is read."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data as photographs
from skimage.transform import resize

from nightmare.cull import features
from nightmare.cull.features import as_network_input, features_of, pretrained, seen_by_network
from nightmare.data.arrays import Arrays

TABBY, ESPRESSO, ROCKET = (281, 285), (967, 967), (657, 657)  # classes of ImageNet, first and last


def picture(name: str, side: int) -> NDArray[np.uint8]:
    image = getattr(photographs, name)()
    edge = min(image.shape[:2])
    top, left = (image.shape[0] - edge) // 2, (image.shape[1] - edge) // 2
    square = resize(image[top : top + edge, left : left + edge], (side, side), anti_aliasing=True)
    opaque = np.concatenate([square, np.ones((side, side, 1))], axis=2)
    return (opaque * 255).round().astype(np.uint8).transpose(2, 0, 1)


@pytest.mark.parametrize(("name", "classes"), [("chelsea", TABBY), ("coffee", ESPRESSO), ("rocket", ROCKET)])
def test_the_network_knows_photographs(name: str, classes: tuple[int, int]) -> None:
    """So layers were not mixed up, and pictures enter as it expects them."""
    with torch.inference_mode():
        logits = pretrained()(as_network_input(picture(name, 200)[None]))
    assert classes[0] <= int(logits.argmax()) <= classes[1]


def test_the_same_thing_looks_alike_at_any_size() -> None:
    small, large = seen_by_network(picture("chelsea", 96)[None]), seen_by_network(picture("chelsea", 200)[None])
    other = seen_by_network(picture("coffee", 96)[None])
    assert small.shape == (1, 736)
    assert np.linalg.norm(small - large) < 0.5 * np.linalg.norm(small - other)


def test_a_picture_has_its_features_in_any_company(tiny_arrays: Arrays) -> None:
    together = seen_by_network(tiny_arrays.rgba)
    np.testing.assert_allclose(seen_by_network(tiny_arrays.rgba[34:36]), together[34:36], atol=1e-4)


def test_features_are_in_units_of_their_deviation_and_descriptors_count_less(tiny_arrays: Arrays) -> None:
    found = features_of(tiny_arrays.rgba, seen_by_network(tiny_arrays.rgba))
    assert found.shape == (40, 736 + 40), "not more components than pictures"
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    deviations = found[:, :736].std(axis=0)
    np.testing.assert_allclose(deviations[deviations > 0], 1, atol=1e-6)
    share = np.square(found[:, 736:]).sum() / np.square(found).sum()
    assert 0.1 < share < 0.3, "2212 descriptors, a third as large each"


def test_pictures_enter_in_the_range_and_size_of_the_network() -> None:
    white = np.full((1, 4, 50, 50), 255, dtype=np.uint8)
    black = white.copy()
    black[:, :3] = 0
    assert as_network_input(white).shape == (1, 3, 224, 224)
    torch.testing.assert_close(as_network_input(white), torch.ones(1, 3, 224, 224))
    torch.testing.assert_close(as_network_input(black), torch.full((1, 3, 224, 224), -127 / 128))


def test_the_network_sees_its_input_and_nothing_else(tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def pooled(network: object, images: torch.Tensor) -> torch.Tensor:
        seen.append(images)
        return torch.zeros(len(images), 2)

    monkeypatch.setattr(features, "_pooled", pooled)
    assert seen_by_network(tiny_arrays.rgba).shape == (40, 2)
    torch.testing.assert_close(torch.cat(seen), as_network_input(tiny_arrays.rgba))


def test_means_of_the_stages_and_deviations_of_the_first() -> None:
    image = as_network_input(picture("coffee", 224)[None])
    with torch.inference_mode():
        pooled = features._pooled(pretrained(), image)[0]
        network: Any = pretrained()
        stages = network.bn1(network.conv_stem(image))
        means = []
        for number, stage in enumerate(network.blocks):
            stages = stage(stages)
            if number == 4:
                deviations = stages.flatten(2).std(2)[0]
            means.append(stages.flatten(2).mean(2)[0])
    torch.testing.assert_close(pooled, torch.cat([means[4], deviations, means[5], means[6]]))


def test_mattes_are_plain_whatever_hides_behind_transparency() -> None:
    clear = np.zeros((1, 4, 64, 64), dtype=np.uint8)
    hidden = clear.copy()
    hidden[:, 0] = 255
    np.testing.assert_allclose(seen_by_network(hidden), seen_by_network(clear), atol=1e-6)
