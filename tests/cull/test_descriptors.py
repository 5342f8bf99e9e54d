"""Descriptors tell shape and colour, and their classifier never judges what it has seen."""

import numpy as np
import pandas as pd
import pytest

from nightmare.cull.descriptors import describe, judge_by_descriptors
from nightmare.data.arrays import Arrays

CLASSES = ("bars", "disc")


def test_two_classes_are_told_apart(tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    judged = judge_by_descriptors(tiny_split, tiny_arrays, classes=CLASSES)
    pool = tiny_split[tiny_split["side"] != "test"]
    assert sorted(judged["id"]) == list(pool["id"]), "the test side takes no part"
    assert (judged["label"] == judged["predicted"]).all()
    np.testing.assert_allclose(judged[["p_bars", "p_disc"]].sum(axis=1), 1)
    assert judged.set_index("id")["fold"].to_dict() == pool.set_index("id")["fold"].to_dict()


def test_an_image_is_judged_without_its_label(tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    first = judge_by_descriptors(tiny_split, tiny_arrays, classes=CLASSES).set_index("id")
    fold = tiny_split["fold"] == 0
    other = tiny_split.assign(label=tiny_split["label"].where(~fold | (tiny_split["id"] < tiny_split["id"][8]), "disc"))
    second = judge_by_descriptors(other, tiny_arrays, classes=CLASSES).set_index("id")
    judged = tiny_split.loc[fold, "id"]
    pd.testing.assert_series_equal(second.loc[judged, "p_disc"], first.loc[judged, "p_disc"])
    learnt = tiny_split.loc[tiny_split["fold"] == 1, "id"]
    assert not np.allclose(second.loc[learnt, "p_disc"], first.loc[learnt, "p_disc"])


def test_a_class_that_a_fold_has_not_learnt_has_no_probability(tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    third = tiny_split.assign(label=tiny_split["label"].where(tiny_split["id"] != tiny_split["id"][0], "rare"))
    judged = judge_by_descriptors(third, tiny_arrays, classes=("bars", "disc", "rare")).set_index("id")
    same_fold = tiny_split.loc[tiny_split["fold"] == tiny_split["fold"][0], "id"]
    assert (judged.loc[same_fold, "p_rare"] == 0).all()
    assert judged["p_rare"].max() > 0


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
