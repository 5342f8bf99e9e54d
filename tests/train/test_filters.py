"""The number for filters tells blobs from noise."""

import torch
import torch.nn.functional as F

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


def test_sheet_shows_all_filters() -> None:
    assert filters_sheet(build_network("resnet18", 2)).width > 16 * 42
