"""Faults made on purpose are what they are called, and those of a set are found by them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nightmare.cull import faults
from nightmare.cull.faults import Examples, find_faults, make_examples, weigh_faults
from nightmare.tables import FAULTS


def drawings(count: int, ink: tuple[int, int, int], *, side: int = 64) -> NDArray[np.uint8]:
    """Squares of `ink` in the middle of nothing."""
    rgba = np.zeros((count, 4, side, side), dtype=np.uint8)
    rgba[:, :3, 16:48, 16:48] = np.array(ink).reshape(3, 1, 1)
    rgba[:, 3, 16:48, 16:48] = 255
    return rgba


def photographs(count: int, color: tuple[int, int, int]) -> NDArray[np.uint8]:
    rgba = drawings(count, color)
    rgba[:, :3] = np.array(color).reshape(3, 1, 1)
    rgba[:, 3] = 255
    return rgba


def area(rgba: NDArray[np.uint8], ink: tuple[int, int, int]) -> NDArray[np.float64]:
    """How many pixels of each picture have the colour `ink`."""
    near = np.abs(rgba[:, :3].astype(int) - np.array(ink).reshape(3, 1, 1)).max(axis=1) < 40
    counts: NDArray[np.float64] = (near & (rgba[:, 3] > 128)).sum(axis=(1, 2)).astype(float)
    return counts


RED, BLUE = (255, 0, 0), (0, 0, 255)


def made(rgba: NDArray[np.uint8], partners: NDArray[np.uint8], *, seed: int = 0) -> dict[str, NDArray[np.uint8]]:
    return {name: examples.rgba for name, examples in make_examples(rgba, partners, seed=seed).items()}


def test_several_shows_both_things_smaller() -> None:
    several = made(drawings(200, RED), drawings(200, BLUE))["several"]
    for ink in (RED, BLUE):
        share = area(several, ink) / 32**2
        assert share.min() > 0.05
        assert 0.2 < share.mean() < 0.4
        assert share.max() < 0.5
    assert several[:, 3].min(axis=(1, 2)).max() == 0, "a drawing stays one"


def test_one_thing_alone_is_as_small_and_where_it_is_beside_another() -> None:
    examples = made(drawings(200, RED), drawings(200, BLUE))
    alone, several = examples["alone"], examples["several"]
    np.testing.assert_array_equal(area(alone, BLUE), 0)
    np.testing.assert_array_equal(area(alone, RED), area(several, RED))


def test_photographs_lie_on_a_ground_or_share_the_picture() -> None:
    several = made(photographs(200, RED), photographs(200, BLUE))["several"]
    assert several[:, 3].min() == 255
    both = (area(several, RED) + area(several, BLUE)) / 64**2
    halves = both > 0.97
    assert 0.3 < halves.mean() < 0.7
    assert both[~halves].max() < 0.9
    for ink in (RED, BLUE):
        assert area(several, ink).min() > 0.04 * 64**2


def test_drawings_leave_photographs_whole_and_nothing_stands_behind_these() -> None:
    rgba, partners = photographs(40, RED), drawings(40, BLUE)
    rgba[:10] = drawings(10, RED)
    examples = make_examples(rgba, partners, seed=0)
    assert examples["several"].rgba[10:, 3].min() == 255
    np.testing.assert_array_equal(examples["several"].of, np.arange(40))
    np.testing.assert_array_equal(examples["before a block"].of, np.arange(10))
    assert "before a block" not in make_examples(rgba[10:], partners[10:], seed=0)


def test_some_pairs_touch_and_colours_stay_what_they_are() -> None:
    half = drawings(300, RED)
    half[:, 3] //= 2
    several = made(half, half)["several"]
    shown = several[:, 3] > 20
    assert several[:, 0][shown].min() > 250, "whatever the alpha"
    across, down = (shown.any(axis=axis).sum(axis=1) for axis in (1, 2))
    assert 0.2 < ((across == 32) & (down == 16) | (across == 16) & (down == 32)).mean() < 0.5


@pytest.mark.parametrize("side", [7, 33])
def test_pictures_of_any_size_can_be_made_of(side: int) -> None:
    for pictures in made(drawings(3, RED, side=side), drawings(3, BLUE, side=side)).values():
        assert pictures.shape == (3, 4, side, side)


def test_a_block_hides_half_to_four_fifths_of_what_is_drawn() -> None:
    whole = drawings(300, RED)
    covered = made(whole, whole)["occluded"]
    hidden = 1 - (covered == whole).all(axis=1)[:, 16:48, 16:48].mean(axis=(1, 2))
    assert hidden.min() > 0.49
    assert hidden.max() < 0.85
    assert np.ptp(hidden) > 0.2
    in_front = covered[:, 3] == 255
    assert in_front.mean(axis=(1, 2)).std() > 0.05, "blocks are of many shapes"


def test_a_block_behind_a_drawing_hides_nothing() -> None:
    whole = drawings(300, RED)
    examples = made(whole, whole)
    behind, covered = examples["before a block"], examples["occluded"]
    np.testing.assert_array_equal(behind[:, :, 16:48, 16:48], whole[:, :, 16:48, 16:48])
    np.testing.assert_array_equal(behind[:, 3], covered[:, 3])


def test_poor_pictures_are_blurred_faded_or_noisy() -> None:
    rgba = drawings(300, RED)
    rgba[:, :3, 16:48, 16:32] = 0  # an edge
    poor = made(rgba, rgba)["poor"].astype(float)
    contrast = np.abs(poor[:, 0, 24:40, 20:28].mean(axis=(1, 2)) - poor[:, 0, 24:40, 36:44].mean(axis=(1, 2)))
    grain = poor[:, 0, 24:40, 36:44].std(axis=(1, 2))
    soft = (poor[:, 3] % 255 > 0).mean(axis=(1, 2)) > 0.05
    faded, noisy = contrast < 45, grain > 30
    for some in (faded, noisy, soft):
        assert 0.2 < some.mean() < 0.45
    assert ((faded.astype(int) + noisy + soft) == 1).all()


def test_the_same_seed_makes_the_same_faults() -> None:
    rgba, partners = drawings(8, RED), drawings(8, BLUE)
    once, again, other = (made(rgba, partners, seed=seed) for seed in (1, 1, 2))
    assert set(once) > set(FAULTS)
    for name in once:
        np.testing.assert_array_equal(once[name], again[name])
        assert not np.array_equal(once[name], other[name])


def features_with(faulty: int, *, count: int = 300, seed: int = 0) -> tuple[Any, ...]:
    """Features of whole pictures, the first `faulty` of them with the second fault, and of made ones."""
    generator = np.random.default_rng(seed)
    seen = generator.normal(size=(count, 12))
    of = np.arange(count)
    examples = {name: (generator.normal(size=(count, 12)), of) for name in (*FAULTS, "alone")}
    for column, name in enumerate(FAULTS):
        examples[name][0][:, column] += 4
    seen[:faulty, 1] += 4
    return seen, examples, generator.integers(0, 5, count)


@pytest.mark.parametrize("faulty", [3, 60])
def test_faults_are_found_by_those_that_were_made(faulty: int) -> None:
    weighed = weigh_faults(*features_with(faulty))
    found = weighed[:, 1] > 0.5
    assert found[:faulty].mean() > 0.6
    assert found[faulty:].mean() < 0.02
    assert (weighed[:, [0, 2]] < 0.5).mean() > 0.99, "and called what they are"


def test_what_whole_made_pictures_have_is_no_fault() -> None:
    seen, examples, folds = features_with(0)
    seen[:30, 1] += 4
    examples["alone"][0][:, 1] += 4
    assert (weigh_faults(seen, examples, folds) > 0.5).sum() == 0
    del examples["alone"]
    assert (weigh_faults(seen, examples, folds) > 0.5).sum() > 15


def test_a_whole_set_loses_next_to_nothing() -> None:
    for seed in range(3):
        assert (weigh_faults(*features_with(0, seed=seed)).sum(axis=1) > 0.5).mean() < 0.01


def test_many_faulty_pictures_do_not_pass_for_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """With weak features the faulty fifth of a set teaches that faulty is whole, unless it learns again."""
    seen, examples, folds = features_with(60)
    seen[:60, 5] += 3  # what the faulty ones have in common, and the made ones have not
    examples["alone"][0][:60] = seen[:60]

    def recall() -> float:
        return float((weigh_faults(seen, examples, folds)[:60, 1] > 0.5).mean())

    learnt_again = recall()
    monkeypatch.setattr(faults, "_ROUNDS", 1)
    assert learnt_again > recall() + 0.2
    monkeypatch.undo()
    # Nor what was made of them: another picture in their place would leave them whole for ever.
    examples["alone"] = examples["alone"][0], np.arange(300)[::-1].copy()
    assert learnt_again > recall() + 0.1


def test_what_was_made_of_a_picture_is_judged_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, examples, folds = features_with(0)
    examples["alone"] = examples["alone"][0][:7], np.arange(7) * 40
    seen[:, -1] = np.arange(300)
    for features, of in examples.values():
        features[:, -1] = of  # so that each says what it was made of
    judged: list[Any] = []
    judge = faults.log_probabilities

    def noting(features: Any, labels: Any, folds: Any) -> NDArray[np.float64]:
        judged.append(np.unique(np.column_stack([features[:, -1], folds]), axis=0)[:, 1])
        return judge(features, labels, folds)

    monkeypatch.setattr(faults, "log_probabilities", noting)
    weigh_faults(seen, examples, folds)
    for folds_by_origin in judged:
        np.testing.assert_array_equal(folds_by_origin, folds)
    assert judged


def test_made_pictures_lie_in_the_fold_of_all_that_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    rgba = drawings(40, RED)
    rgba[:, 0, 16:48, 16:48] = np.arange(40).reshape(-1, 1, 1) * 6  # so that each can be told

    def number(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        return pictures[:, 0, 20, 20].astype(float) / 6

    def making(sources: Any, others: Any, *, seed: int) -> dict[str, Examples]:
        rows = np.arange(len(sources))
        return {
            "several": Examples(sources, rows),
            "alone": Examples(others, rows),
            "few": Examples(sources[3:4], rows[3:4]),
        }

    def weighing(seen: Any, made: Any, folds: Any) -> NDArray[np.float64]:
        calls.append((made, folds))
        return np.zeros((len(seen), 3))

    monkeypatch.setattr(faults, "seen_by_network", number)
    monkeypatch.setattr(faults, "make_examples", making)
    monkeypatch.setattr(faults, "weigh_faults", weighing)
    groups = np.array([str(row // 2) for row in range(40)])
    assert find_faults(rgba, number(rgba), groups, seed=1).shape == (40, 3)
    made_of, folds = calls[0]
    assert set(folds) == set(range(5))
    np.testing.assert_array_equal(folds[::2], folds[1::2], "near-duplicates lie together")
    assert set(made_of) == {"several", "alone", "few"}, "whole ones are handed on too"
    for name in ("several", "few"):
        np.testing.assert_array_equal(*made_of[name], "each knows what it was made of")
    partners, of = made_of["alone"]
    np.testing.assert_array_equal(folds[partners.astype(int)], folds[of], "second things are of the same fold")
    assert (groups[partners.astype(int)] != groups[of]).all()
    monkeypatch.setattr(faults, "_MOST_MADE", 10)
    find_faults(rgba, number(rgba), groups, seed=1)
    of = calls[1][0]["several"][1]
    assert len(of) == 10
    assert of.max() > 15, "from all over the set"


def test_where_all_are_near_duplicates_no_fault_is_found() -> None:
    rgba = drawings(5, RED)
    assert (find_faults(rgba, np.zeros((5, 3)), np.full(5, "g"), seed=1) == 0).all()


def test_a_covered_drawing_among_whole_ones_is_found_in_real_features(tiny_arrays: Any) -> None:
    rgba = np.array(tiny_arrays.rgba)
    rgba[:4] = made(rgba, rgba[::-1], seed=9)["occluded"][:4]
    weighed = find_faults(
        rgba,
        faults.seen_by_network(rgba),
        np.array(tiny_arrays.ids),
        seed=1,
    )
    ranks = weighed[:, 1].argsort()[::-1]
    assert set(ranks[:4]) == set(range(4))
