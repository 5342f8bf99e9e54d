"""The benchmark of signals puts faulty labels first where a signal knows them, and says how well it does."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import signals
from benchmarks.noise import Noised
from nightmare.data.arrays import Arrays
from nightmare.params import ModelParams, Params, TrainParams


def test_margin_is_the_lead_over_the_next_class() -> None:
    logits = np.array([[3.0, 1.0, -1.0], [3.0, 1.0, -1.0], [0.0, 0.5, 2.0]])
    margin = signals.margin_of(logits, pd.Series(["a", "b", "c"]), ("a", "b", "c"))
    assert margin.tolist() == [2.0, -2.0, 1.5]


def test_neighbours_are_others_than_near_duplicates() -> None:
    features = np.array([[0.0], [0.0], [1.0], [1.1], [9.0], [9.1]])
    labels = np.array(["frogs", "frogs", "skulls", "skulls", "frogs", "skulls"])
    apart = np.array([*"abcdef"])
    together = np.array([*"aacdef"])
    everyone = signals.strange_neighbours(features, labels, apart)
    assert everyone == pytest.approx([3 / 5, 3 / 5, 3 / 5, 3 / 5, 3 / 5, 3 / 5])
    assert signals.strange_neighbours(features, labels, together)[0] == pytest.approx(3 / 4), "not its own copy"


def test_only_the_nearest_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "NEIGHBOURS", 2)
    features = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    labels = np.array(["frogs", "skulls", "frogs", "skulls", "skulls", "skulls"])
    assert signals.strange_neighbours(features, labels, np.arange(6).astype(str)).tolist() == [0.5, 1, 0.5, 0, 0, 0]


def test_signals_are_ranked_alone_and_beside_evidence() -> None:
    faulty = np.array([True, True, False, False, False, False])
    given = {
        "evidence": np.array([2.0, 0.0, 0.1, -1.0, -1.0, -1.0]),
        "knows": np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        "says nothing": np.zeros(6),
    }
    scores = signals.ranked(given, faulty)
    assert scores["evidence"] == scores["evidence + says nothing"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["evidence + knows"] == 1
    assert scores["says nothing"] == pytest.approx(2 / 6), "chance"
    assert scores["knows"] == pytest.approx((1 + 2 / 6) / 2)


def test_what_looks_like_another_class_is_doubted(params: Params) -> None:
    generator = np.random.default_rng(0)
    truth = np.arange(120) % 3
    features = generator.normal(size=(120, 8)) + 4 * np.eye(8)[truth]
    faulty = np.arange(120) < 12
    labels = np.array(["a", "b", "c"])[np.where(faulty, (truth + 1) % 3, truth)]
    names = np.arange(120).astype(str)
    pool = pd.DataFrame({"id": names, "label": labels, "group": names, "side": "train", "grade": "A", "keep": True})
    said = signals.signals_of(pool, features, params=params, seed=1)
    scores = signals.ranked(said, faulty)
    assert min(scores[name] for name in ("evidence", "margin", "neighbours")) > 0.9
    assert said["disagreement"].min() >= 0 < said["disagreement"].max()


def test_a_label_that_is_not_learnt_has_a_small_area(
    params: Params, tiny_model: ModelParams, tiny_train: TrainParams, tiny_arrays: Arrays, tiny_split: pd.DataFrame
) -> None:
    faulty = ["0000000000000004", "000000000000000b", "000000000000001a"]
    other = tiny_split["label"].map({"disc": "bars", "bars": "disc"})
    split = tiny_split.assign(label=tiny_split["label"].mask(tiny_split["id"].isin(faulty), other))
    params = params.model_copy(update={"model": tiny_model, "train": tiny_train.model_copy(update={"epochs": 5})})
    noised = Noised(split, tiny_arrays, set(faulty))
    area = signals.area_under_margin(noised, params=params, seed=1)
    pool = signals.pool_of(split)
    assert len(area) == len(pool) == 32
    doubted = set(pool["id"].to_numpy()[np.argsort(-area)[:6]])
    assert doubted >= set(faulty)
