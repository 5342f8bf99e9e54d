"""Descriptors tell shape and colour."""

import numpy as np
import pytest

from nightmare.cull.descriptors import describe
from nightmare.data.arrays import Arrays


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 0, 255), (252, 234, 43), (128, 128, 128)])
def test_every_colour_is_counted(colour: tuple[int, int, int]) -> None:
    picture = np.full((1, 4, 32, 32), 255, dtype=np.uint8)
    picture[0, :3] = np.array(colour)[:, None, None]
    histograms = np.split(describe(picture)[0, 1812:], [64, 128, 192, 256])
    assert [len(part) for part in histograms] == [64, 64, 64, 64, 144]
    np.testing.assert_allclose([np.square(part).sum() for part in histograms], 1)


def test_shape_and_colour_are_described_at_any_size(tiny_arrays: Arrays) -> None:
    picture = tiny_arrays.rgba[1:2]
    described = describe(picture)
    assert described.shape == (1, 2212)
    larger = picture.repeat(4, axis=2).repeat(4, axis=3)
    apart = np.abs(describe(255 - picture) - described).mean()
    assert np.abs(describe(larger) - described).mean() < 0.2 * apart
    shape, colour = slice(0, 1764), slice(1764, None)
    recoloured = picture[:, [2, 1, 0, 3]]
    change = np.abs(describe(recoloured) - described)[0]
    assert change[shape].mean() < 1e-6, "outlines are where they were"
    assert change[colour].mean() > 0.1
    turned = np.abs(describe(picture.transpose(0, 1, 3, 2)) - described)[0]
    assert turned[shape].mean() > 0.01
