"""The second judge of benchmarks/portraits.py knows what it was taught, and nothing of what it judges."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from benchmarks import portraits
from benchmarks.portraits import FeatureJudge, feature_judge
from nightmare.data.arrays import Arrays

CLASSES = ("bars", "disc")


@pytest.fixture
def judge(tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> FeatureJudge:
    return FeatureJudge(tiny_arrays.rgba[24:], list(tiny_split["label"][24:]), CLASSES)


def test_it_knows_pictures_like_those_that_it_was_taught(
    judge: FeatureJudge, tiny_split: pd.DataFrame, tiny_arrays: Arrays
) -> None:
    said = judge(tiny_arrays.rgba[:24])
    assert said.shape == (24, 2)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert [CLASSES[row] for row in said.argmax(axis=1)] == list(tiny_split["label"][:24])


def test_a_dream_counts_where_it_shows_its_own_class(judge: FeatureJudge, tiny_arrays: Arrays) -> None:
    drawn = torch.from_numpy(tiny_arrays.rgba[3::4, :3] / 255).float()  # photographs, all of bars
    discs = torch.from_numpy(tiny_arrays.rgba[::4, :3] / 255).float()[: len(drawn)]
    assert judge.recognised(torch.stack([drawn, discs])) > 0.8
    assert judge.recognised(torch.stack([discs, drawn])) < 0.2
    assert 0.4 < judge.recognised(torch.stack([drawn, drawn])) < 0.6


def test_it_is_taught_by_the_sides_that_no_dreaming_network_learnt_from(
    tiny_split: pd.DataFrame, tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        portraits, "seen_by_network", lambda rgba: seen.append(rgba) or rgba[:, :3].mean(axis=(2, 3)).astype(float)
    )
    _, known = feature_judge(tiny_split, tiny_arrays, CLASSES)
    np.testing.assert_array_equal(seen[0], tiny_arrays.rgba[24:])
    np.testing.assert_array_equal(seen[1], tiny_arrays.rgba[:24])
    assert known == 1


def test_stripes_are_fine_and_waves_are_not_at_every_size() -> None:
    def changed(side: int, waves: int) -> Tensor:
        across = torch.linspace(0, 2 * math.pi * waves, side + 1)[:-1]
        return (0.5 + 0.2 * torch.cos(across + 0.4)).expand(1, 3, side, side)

    for side in (64, 128):
        grey = torch.full((1, 3, side, side), 0.5)
        stripes, wave = changed(side, waves=24), changed(side, waves=4)
        assert portraits.fine_share(grey, stripes[None]) > 0.95
        assert portraits.fine_share(grey, wave[None]) < 0.05
        assert portraits.fine_share(grey, torch.stack([stripes, wave])) == pytest.approx(0.5, abs=0.05)
