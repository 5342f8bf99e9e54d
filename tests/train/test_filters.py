"""The number for filters tells blobs from noise."""

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from nightmare.train import filters
from nightmare.train.filters import filters_sheet, low_frequency_share
from nightmare.train.network import build_network


def test_smooth_filters_score_higher_than_random_ones() -> None:
    torch.manual_seed(0)
    network = build_network("resnet18", 2)
    random = low_frequency_share(network)
    assert 0.1 < random < 0.35
    with torch.no_grad():
        weight = network.conv1.weight
        network.conv1.weight.copy_(F.avg_pool2d(F.avg_pool2d(weight, 3, 1, 1), 3, 1, 1))
    assert low_frequency_share(network) > 0.7


def test_sheet_shows_all_filters_the_strongest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_network("resnet18", 2)
    with torch.no_grad():
        network.conv1.weight[5] *= 100
    shown: list[Image.Image] = []
    monkeypatch.setattr(filters, "contact_sheet", lambda pictures, *given, **named: shown.extend(pictures))
    filters_sheet(network)
    assert len(shown) == 64
    strongest = network.conv1.weight[5].detach()
    scaled = (strongest - strongest.min()) / (strongest.max() - strongest.min())
    assert shown[0].getpixel((0, 0)) == pytest.approx((scaled[:, 0, 0] * 255).round().tolist(), abs=1)
