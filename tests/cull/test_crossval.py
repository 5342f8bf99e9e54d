"""Out-of-sample means out of sample: nothing judges what it was learnt from, nor a near-duplicate of it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from nightmare.cull import crossval
from nightmare.cull.crossval import cross_validate, cross_validate_exchanged
from nightmare.cull.evidence import REFINEMENTS, Evidence
from nightmare.errors import InputError
from nightmare.params import CrossvalParams
from nightmare.tables import EVIDENCE, INJECTED, write_table

CLASSES = ("bars", "disc")


@pytest.fixture
def pool() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"{number:016x}" for number in range(60)],
            "label": ["bars", "disc"] * 30,
            "grade": "A",
            "group": [f"{number // 4}" for number in range(60)],
            "side": "train",
            "fold": 0,
            "keep": True,
        }
    )


@pytest.fixture
def features(pool: pd.DataFrame) -> NDArray[np.float64]:
    noise = np.random.default_rng(0).normal(size=(60, 5))
    noise[:, 0] += 4 * (pool["label"] == "disc").to_numpy()
    return noise


def run(pool: pd.DataFrame, features: NDArray[np.float64], *, folds: int = 5, repeats: int = 2, seed: int = 1) -> Any:
    settings = CrossvalParams(folds=folds, repeats=repeats)
    return cross_validate(
        pool, features, np.full((len(pool), 3), [0.1, 0.2, 0.3]), classes=CLASSES, crossval=settings, seed=seed
    )


def partitions_of(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.int64]]:
    seen: list[NDArray[np.int64]] = []

    def weigh(
        features: object,
        labels: NDArray,
        partitions: NDArray[np.int64],
        *,
        class_count: int,
        refinements: int,
        strangers: bool,
    ) -> Evidence:
        assert (refinements, strangers) == (REFINEMENTS, True), "what the pipeline asks for"
        seen.append(partitions)
        return Evidence(np.full((len(labels), class_count), 1 / class_count), np.zeros(len(labels)))

    monkeypatch.setattr(crossval, "weigh_labels", weigh)
    return seen


def test_a_row_per_image_with_its_probabilities(pool: pd.DataFrame, features: NDArray, tmp_path: Any) -> None:
    table = run(pool, features)
    assert list(table["id"]) == list(pool["id"])
    np.testing.assert_allclose(table[["p_bars", "p_disc"]].sum(axis=1), 1)
    assert (table["predicted"] == table["label"]).mean() > 0.9
    assert table["wrong"].max() < 0.5
    assert table.loc[5, ["several", "occluded", "poor"]].tolist() == [0.1, 0.2, 0.3]
    write_table(table, tmp_path / "evidence.csv", EVIDENCE)


def test_an_exchanged_label_is_the_most_doubtful(pool: pd.DataFrame, features: NDArray) -> None:
    exchanged = pool.assign(label=pool["label"].where(pool.index != 7, "bars"))
    assert run(exchanged, features)["wrong"].argmax() == 7


def test_folds_part_no_group_and_spread_the_classes(
    pool: pd.DataFrame, features: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = partitions_of(monkeypatch)
    run(pool, features, folds=5, repeats=3)
    assert seen[0].shape == (3, 60)
    for folds in seen[0]:
        assert set(folds) == set(range(5))
        assert pool.assign(of=folds).groupby("group")["of"].nunique().eq(1).all()
        assert pd.crosstab(folds, pool["label"]).to_numpy().min() >= 4
    assert not np.array_equal(seen[0][0], seen[0][1]), "each repeat cuts elsewhere"
    run(pool, features, folds=5, repeats=3)
    np.testing.assert_array_equal(seen[0], seen[1])
    run(pool, features, folds=5, repeats=3, seed=2)
    assert not np.array_equal(seen[0], seen[2])


def test_a_rare_class_has_fewer_folds(pool: pd.DataFrame, features: NDArray, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = partitions_of(monkeypatch)
    rare = pool[(pool["label"] == "bars") | (pool.index < 12)]  # discs in three groups
    run(rare, features[rare.index], folds=10)
    assert set(seen[0].ravel()) == {0, 1, 2}


def test_a_class_of_near_duplicates_alone_is_refused(pool: pd.DataFrame, features: NDArray) -> None:
    rare = pool[(pool["label"] == "bars") | (pool.index < 4)]
    with pytest.raises(InputError, match="all images of disc are near-duplicates"):
        run(rare, features[rare.index])


def exchanged(pool: pd.DataFrame, features: NDArray[np.float64], *, repeats: int = 3, seed: int = 1) -> pd.DataFrame:
    settings = CrossvalParams(folds=5, repeats=repeats)
    return cross_validate_exchanged(pool, features, classes=CLASSES, crossval=settings, seed=seed)


def test_exchanged_labels_are_known_and_doubted(pool: pd.DataFrame, features: NDArray, tmp_path: Any) -> None:
    table = exchanged(pool, features * [3, 1, 1, 1, 1])  # so far apart that nothing is in doubt but the labels
    assert list(table["id"]) == 3 * list(pool["id"])
    assert list(table["repeat"]) == [0] * 60 + [1] * 60 + [2] * 60
    other = table["label"].to_numpy() != np.tile(pool["label"], 3)
    np.testing.assert_array_equal(table["exchanged"], other)
    for _, repeat in table.groupby("repeat"):
        assert repeat["label"].value_counts().to_dict() == {"bars": 30, "disc": 30}, "no class grows"
    assert 2 <= other.sum() <= 20, "a tenth, of which half get a label like their own"
    assert table.loc[other, "wrong"].mean() > 0.5
    assert table.loc[~other, "wrong"].mean() < 0.05
    write_table(table, tmp_path / "injected.csv", INJECTED)


def test_each_repeat_and_seed_exchanges_others(pool: pd.DataFrame, features: NDArray) -> None:
    flags = exchanged(pool, features)["exchanged"].to_numpy().reshape(3, 60)
    assert not np.array_equal(flags[0], flags[1])
    np.testing.assert_array_equal(exchanged(pool, features)["exchanged"], flags.ravel())
    assert not np.array_equal(exchanged(pool, features, seed=2)["exchanged"], flags.ravel())


def test_each_repeat_has_a_partition_of_its_own(
    pool: pd.DataFrame, features: NDArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = partitions_of(monkeypatch)
    run(pool, features, folds=5, repeats=3)
    exchanged(pool, features, repeats=3)
    np.testing.assert_array_equal(np.concatenate(seen[1:]), seen[0])


def test_both_are_asked_as_wished(pool: pd.DataFrame, features: NDArray, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, bool]] = []

    def weigh(features: object, labels: NDArray, partitions: object, **wishes: Any) -> Evidence:
        asked.append((wishes["refinements"], wishes["strangers"]))
        return Evidence(np.full((len(labels), 2), 0.5), np.zeros(len(labels)))

    monkeypatch.setattr(crossval, "weigh_labels", weigh)
    settings = CrossvalParams(folds=5, repeats=1)
    wishes: dict[str, Any] = {"classes": CLASSES, "crossval": settings, "seed": 1, "refinements": 1, "strangers": False}
    cross_validate(pool, features, np.zeros((len(pool), 3)), **wishes)
    cross_validate_exchanged(pool, features, **wishes)
    assert asked == [(1, False)] * 2


def test_exchanging_refuses_a_class_of_near_duplicates_alone(pool: pd.DataFrame, features: NDArray) -> None:
    rare = pool[(pool["label"] == "bars") | (pool.index < 4)]
    with pytest.raises(InputError, match="all images of disc are near-duplicates"):
        exchanged(rare, features[rare.index])
