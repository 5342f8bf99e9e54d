"""The benchmark of culling: faults are where it says, and its figures are counted as they are called."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import average_precision_score, f1_score

from benchmarks import ablation, culling, known_faults, noise
from benchmarks.noise import KINDS, LabelledSet, inject, smaller
from nightmare.cull.evidence import REFINEMENTS
from nightmare.data.arrays import Arrays
from nightmare.params import Params


def as_animals(split: pd.DataFrame) -> pd.DataFrame:
    """`split` with labels that have look-alikes."""
    return split.assign(label=split["label"].map({"disc": "frogs", "bars": "lizards"}))


def picture_of(arrays: Arrays, identity: str) -> NDArray[np.uint8]:
    return arrays.rgba[arrays.rows(pd.Series([identity]))[0]]


@pytest.mark.parametrize("kind", KINDS)
def test_known_faults_are_where_they_are_said_to_be(kind: str, tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    clean = LabelledSet(as_animals(tiny_split), tiny_arrays, list(tiny_split["id"][32:]))
    noised = inject(clean, kind, 0.3, seed=1)
    before = clean.split.set_index("id")["label"]
    pool = set(clean.split.loc[clean.split["side"] != "test", "id"])
    assert 4 < len(noised.faulty) < 16
    for row in noised.split.itertuples():
        original = row.id.removeprefix("copy-")
        picture, own = picture_of(noised.arrays, row.id), picture_of(tiny_arrays, original)
        relabelled, repainted = row.label != before[original], (picture != own).any()
        assert (relabelled or repainted) == (row.id in noised.faulty), row.id
        if row.id in noised.faulty:
            assert original in pool
    copies = noised.split[noised.split["id"].str.startswith("copy-")]
    assert bool(len(copies)) == (kind == "conflicting copies")
    groups = clean.split.set_index("id")["group"]
    assert all(row.group == groups[row.id.removeprefix("copy-")] for row in copies.itertuples())


def test_no_faults_are_none(tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    labels = as_animals(tiny_split)
    noised = inject(LabelledSet(labels, tiny_arrays, []), "symmetric", 0.0, seed=1)
    assert not noised.faulty
    assert noised.split["label"].equals(labels["label"])


def test_smaller_pictures_are_the_same_pictures(tiny_arrays: Arrays) -> None:
    half = smaller(tiny_arrays, 16)
    assert half.ids == tiny_arrays.ids
    assert half.rgba.shape == (40, 4, 16, 16)
    whole = tiny_arrays.rgba.astype(float)
    opaque = (whole[:, 3] == 255).all((1, 2))
    means = whole.reshape(40, 4, 16, 2, 16, 2).mean((3, 5))
    assert opaque.any()
    np.testing.assert_allclose(half.rgba[opaque], means[opaque], atol=1)


def test_what_a_strategy_found() -> None:
    faulty = pd.Series([True, True, True, False, False, False, False, False])
    removed = pd.Series([True, True, False, True, False, False, False, False])
    found = known_faults.figures(removed, faulty)
    assert found == {
        "removed": 3,
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "F1": pytest.approx(4 / 6),
        "false removals": pytest.approx(1 / 5),
    }
    nothing_wrong = known_faults.figures(removed, faulty & False)
    assert np.isnan(nothing_wrong["F1"])
    assert nothing_wrong["false removals"] == pytest.approx(3 / 8)


def test_confident_learning_is_given_its_best_filter() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, size=90)
    labels = np.where(np.arange(90) % 9 == 0, (truth + 1) % 3, truth)
    probability = generator.dirichlet([1, 1, 1], size=90) * 0.7 + np.eye(3)[truth] * 0.3
    table = pd.DataFrame(probability, columns=["p_a", "p_b", "p_c"])
    table = table.assign(id=[str(number) for number in range(90)], label=np.array(["a", "b", "c"])[labels])
    faulty = pd.Series(labels != truth)
    usual, best = ablation.by_filters(table, ("a", "b", "c"), faulty)
    scores = {
        name: f1_score(faulty, find_label_issues(labels, probability, filter_by=name, n_jobs=1))
        for name in ablation.FILTERS
    }
    default = find_label_issues(labels, probability, n_jobs=1)  # as the strategy asks it
    assert usual["F1"] == pytest.approx(f1_score(faulty, default))
    assert best["F1"] == pytest.approx(max(scores.values())) and best["F1"] > usual["F1"]
    rankings = {
        name: average_precision_score(faulty, -get_label_quality_scores(labels, probability, method=name))
        for name in ablation.ORDERS
    }
    assert usual["average precision"] == pytest.approx(rankings["normalized_margin"])
    assert best["average precision"] == pytest.approx(max(rankings.values())) and len(set(rankings.values())) > 1
    cautious = ablation.by_filters(table, ("a", "b", "c"), faulty & False)[1]
    assert cautious["false removals"] == min(
        find_label_issues(labels, probability, filter_by=name, n_jobs=1).mean() for name in ablation.FILTERS
    )


def test_a_temperature_is_found_again() -> None:
    generator = np.random.default_rng(0)
    said = generator.normal(size=(4000, 3)) * 2
    labels = np.array([generator.choice(3, p=row) for row in softmax(said, axis=1)])
    np.testing.assert_allclose(ablation.tempered(said * 20, labels), softmax(said, axis=1), atol=0.02)


def test_strategies_are_scored_by_what_was_injected(
    params: Params, tiny_split: pd.DataFrame, tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With verdicts that know the truth: they rank all faults first, and the network learns from the others alone.

    It knows the truth, too, unless it was taught a fault: then it takes all for bars.
    """
    clean = LabelledSet(tiny_split, tiny_arrays, [])
    noised = inject(clean, "symmetric", 0.2, seed=1)
    truth = tiny_split.set_index("id")["label"]
    taught: list[pd.DataFrame] = []
    right = [name for name in noised.split.loc[noised.split["side"] == "train", "id"] if name not in noised.faulty]
    doubted, strange = {right[0]}, {right[1]}  # as a picture, and as one of no class, though right
    hard: set[str] = set()  # looks like the other class, and nobody doubts it

    def knowing(pool: pd.DataFrame, *given: Any, strangers: bool, **named: Any) -> pd.DataFrame:
        said = pool["id"].map(truth)
        wrong = ((said != pool["label"]) | (pool["id"].isin(strange) & strangers)).astype(float)
        said = said.mask(pool["id"].isin(hard), said.map({"bars": "disc", "disc": "bars"}))
        table = pool[["id", "side", "label"]].assign(predicted=said, wrong=wrong)
        return table.assign(
            several=0.9 * pool["id"].isin(doubted), occluded=0.0, poor=0.0, p_bars=said == "bars", p_disc=said == "disc"
        )

    again: list[tuple[int, bool]] = []

    def exchanged(pool: pd.DataFrame, *given: Any, refinements: int, strangers: bool, **named: Any) -> pd.DataFrame:
        again.append((refinements, strangers))
        return pool[["id", "label"]].assign(repeat=0, exchanged=False, wrong=0.0)

    def tested(params: Params, split: pd.DataFrame, *given: Any, **named: Any) -> tuple[None, pd.DataFrame]:
        taught.append(split)
        held, learnt = split[split["side"] != "train"], split[(split["side"] == "train") & split["keep"]]
        said = held["id"].map(truth) if noised.faulty.isdisjoint(learnt["id"]) else "bars"
        held = held[["id", "side", "label"]].assign(predicted=said)
        return None, held.assign(p_bars=held["predicted"] == "bars", p_disc=held["predicted"] == "disc")

    asked: list[tuple[int, bool]] = []

    def noting(*given: Any, refinements: int, strangers: bool, **named: Any) -> pd.DataFrame:
        asked.append((refinements, strangers))
        return knowing(*given, strangers=strangers)

    for name, fake in (("cross_validate", noting), ("cross_validate_exchanged", exchanged)):
        monkeypatch.setattr(known_faults, name, fake)
    monkeypatch.setattr(known_faults, "trained_and_tested", tested)
    told = noised.split[noised.split["side"] != "test"]["id"].map(truth) == "bars"
    known = (np.where(told, 1.0, -1.0)[:, None], np.zeros((32, 3)))  # a feature that tells the classes apart
    parts = ablation.ablated(clean, "symmetric", 0.2, known=known, params=params, seed=1).set_index("strategy")
    assert parts["removed"].to_dict() == {
        "evidence": len(noised.faulty) + 2,
        "evidence without strangers": len(noised.faulty) + 1,
        "evidence of labels alone": len(noised.faulty),
        "first verdict": len(noised.faulty),
        "confident": len(noised.faulty),
        "confident, at best": len(noised.faulty),
        "confident, at best, uncalibrated": len(noised.faulty),
        "confident, at best, tempered": len(noised.faulty),
    }
    assert parts["F1"].iloc[2:].tolist() == [1] * 6
    assert asked == again == [(REFINEMENTS, True), (REFINEMENTS, False), (0, False)]
    doubted.clear()
    strange.clear()
    hard.update(right[:2])
    rows = known_faults.scored(clean, "symmetric", 0.2, known=known, params=params, seed=1).set_index("strategy")
    found = len(noised.faulty)
    assert rows.loc[["confident", "evidence"], "average precision"].tolist() == [pytest.approx(found / (found + 2)), 1]
    assert rows.loc[["misclassified", "evidence"], "hard kept"].tolist() == [0, 1]
    assert rows.loc["evidence", ["precision", "recall", "F1", "false removals"]].tolist() == [1, 1, 1, 0]
    assert rows["faulty"].tolist() == pytest.approx([len(noised.faulty) / 32] * 5)
    whole, *retrained = taught
    assert whole["keep"].all()
    assert set(whole.loc[whole["id"].map(truth) != whole["label"], "id"]) == noised.faulty
    assert [name for name in rows.index if name != "no culling"] == list(known_faults.STRATEGIES)
    *others, validation = sorted(known_faults.STRATEGIES)  # of its own side alone, from which nobody learns
    assert validation == "validation"
    after = dict(zip([name for name in known_faults.STRATEGIES if name in others], retrained, strict=True))
    untouched = noised.split[noised.split["side"] == "test"]
    all_bars = (untouched["label"] == "bars").mean()
    accuracy = {"no culling": all_bars, "validation": all_bars, "misclassified": 1, "confident": 1, "evidence": 1}
    assert rows["test accuracy"].to_dict() == pytest.approx(accuracy)
    assert 0 < all_bars < 1
    assert set(after["evidence"].loc[~after["evidence"]["keep"], "id"]) == noised.faulty
    # Validation, where all is taken for bars, loses the discs of its own side.
    bars, disc = known_faults.by_class(rows, "symmetric")
    pool = noised.split[noised.split["side"] != "test"]
    discs = pool[(pool["label"] == "disc") & ~pool["id"].isin(noised.faulty)]
    assert (bars["class"], bars["validation"], bars["evidence"]) == ("bars", 0, 0)
    assert (disc["class"], disc["evidence"]) == ("disc", 0)
    assert disc["validation"] == pytest.approx((discs["side"] == "val").mean()) != 0
    # Of a class of which nothing is left nobody can learn: no accuracy is said, nor the mean of the other runs.
    taught.clear()
    usual = known_faults.removed_by

    def emptying(predictions: pd.DataFrame, *given: Any, **named: Any) -> dict[str, Any]:
        return usual(predictions, *given, **named) | {"evidence": predictions["label"] == "disc"}

    monkeypatch.setattr(known_faults, "removed_by", emptying)
    emptied = known_faults.scored(clean, "symmetric", 0.2, known=known, params=params, seed=1)
    assert all({"disc", "bars"} == set(split.loc[split["keep"], "label"]) for split in taught)
    means = culling.means_of(pd.concat([rows.reset_index().assign(seed=1), emptied.assign(seed=2)]))
    silent = means[["test accuracy", "test accuracy, spread"]].isna()
    assert silent["test accuracy"].tolist() == silent["test accuracy, spread"].tolist() == [False] * 4 + [True]
    recalls = [rows.loc["evidence", "recall"], emptied.set_index("strategy").loc["evidence", "recall"]]
    assert means.loc["evidence", "recall"] == np.mean(recalls)
    scores = [rows.loc["evidence", "F1"], emptied.set_index("strategy").loc["evidence", "F1"]]
    assert means.loc["evidence", "F1, spread"] == pytest.approx(np.std(scores, ddof=1)) != 0


def test_luck_is_what_neither_strategy_nor_seed_explains() -> None:
    generator = np.random.default_rng(0)
    strategies, seeds = ["no culling", "validation", "confident", "evidence"], range(200)
    of_strategy, of_seed = [0.3, 0.9, 0.4, 0.6], generator.normal(size=len(seeds))
    runs = pd.DataFrame(
        [
            {"noise": noise, "strategy": name, "seed": seed, "test accuracy": level + of_seed[seed] + shift}
            for noise in ("none", "symmetric 0.2")
            for level, name in zip(of_strategy, strategies, strict=True)
            for seed, shift in zip(seeds, 0.05 * generator.normal(size=len(seeds)), strict=True)
        ]
    )
    # Two standard errors of a difference of two means over 200 seeds.
    assert culling.what_is_luck(runs) == pytest.approx(1.96 * 0.05 * np.sqrt(2 / 200), rel=0.1)
    loud = runs.assign(**{"test accuracy": runs["test accuracy"] + 100 * (runs["strategy"] == "validation")})
    assert culling.what_is_luck(loud) == culling.what_is_luck(runs)


def test_all_kinds_of_faults_are_asked_for() -> None:
    assert {kind for kind, _ in culling.ROWS} == {"none", *KINDS}
    pairs = {("frogs", "lizards"), ("scorpions", "creepy_crawlies"), ("skulls", "satan"), ("clowns", "horror_girls")}
    assert set(noise.LOOKALIKES.items()) == pairs | {(second, first) for first, second in pairs}


def test_a_second_thing_comes_from_images_that_test_nobody(tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    """Pictures of one colour each, by side, tell where the second thing in a picture is from."""
    shades = {"train": 50, "val": 100, "test": 200}
    rgba = np.full_like(tiny_arrays.rgba, 255)
    for identity, side in zip(tiny_split["id"], tiny_split["side"], strict=True):
        rgba[tiny_arrays.rows(pd.Series([identity]))[0], :3] = shades[side]
    split = as_animals(tiny_split)
    noised = inject(LabelledSet(split, replace(tiny_arrays, rgba=rgba), []), "multi-object", 0.3, seed=1)
    pixels = rgba.shape[-1]
    for identity in noised.faulty:
        own = shades[noised.split.set_index("id").loc[identity, "side"]]
        middle = picture_of(noised.arrays, identity)[0, pixels // 2]
        assert (middle[pixels // 4], middle[3 * pixels // 4]) == (own, shades["test"])
    sides = {side: set(own["group"]) for side, own in split.groupby("side")}
    left = {side: set(own["group"]) for side, own in noised.split.groupby("side")}
    assert left["train"] == sides["train"] and left["val"] == sides["val"]
    assert left["test"] < sides["test"] and len(sides["test"] - left["test"]) <= len(sides["test"]) / 4 + 1


def test_covered_pictures_are_covered_by_two_thirds(tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    split = as_animals(tiny_split)
    noised = inject(LabelledSet(split, tiny_arrays, []), "occluded", 0.3, seed=1)
    assert noised.faulty
    for identity in noised.faulty:
        picture = picture_of(noised.arrays, identity)
        colors, counts = np.unique(picture.reshape(4, -1), axis=1, return_counts=True)
        assert colors[3, counts.argmax()] == 255
        assert counts.max() / counts.sum() == pytest.approx(2 / 3, abs=0.02)


def test_drawings_judged_by_eye() -> None:
    seen = pd.Series(["clean", "clean", "hard", "kin", "wrong", "wrong"])
    doubted = pd.Series([False, True, True, True, True, False])
    assert culling._judged_by_eye(doubted, seen) == {
        "removed": 4,
        "precision, wrong": 0.25,
        "precision, wrong or kin": 0.5,
        "recall, wrong": 0.5,
        "clean lost": 0.5,
        "hard lost": 1.0,
    }


def test_doubts_are_held_against_what_was_seen() -> None:
    facts = pd.DataFrame({"label": ["a"] * 4, "doubt": [0.01, 0.03, 0.6, 0.95]})
    seen = pd.Series(["clean", "kin", "hard", "wrong"])
    low, middle, high = culling._believed_and_seen(facts["doubt"], seen)
    assert (low["doubt"], low["n"], low["mean"]) == ("0 to 0.05", 2, pytest.approx(0.02))
    assert (low["wrong"], low["wrong or kin"], middle["wrong or kin"], high["wrong"]) == (0, 0.5, 0, 1)
    rows = culling._lost(facts["doubt"] > 0.5, pd.Series(["a", "b", "a", "b"]), seen, {"a": 0.1, "b": 0.2})
    assert rows == [
        {"class": "a", "right": 2, "lost": 1, "share": 0.5, "where labels were exchanged": 0.1},
        {
            "class": "b",
            "right": 0,
            "lost": 0,
            "share": pytest.approx(np.nan, nan_ok=True),
            **{"where labels were exchanged": 0.2},
        },
    ]


def test_a_budget_is_held_against_what_was_seen(params: Params) -> None:
    """Two classes of five; of the right ones of a, the verdicts doubt one, and of b none."""
    names = [f"{number}" for number in range(10)]
    label = ["a"] * 5 + ["b"] * 5
    doubt = [0.9, 0.6, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1]
    facts = pd.DataFrame({"id": names, "label": label, "several": 0.0, "occluded": 0.0, "poor": 0.0})
    facts = facts.assign(wrong=doubt, doubt=doubt)
    injected = facts[["id", "label", "wrong"]].assign(repeat=0, exchanged=False)
    seen = pd.Series(["wrong", *["clean"] * 4, "kin", *["hard"] * 4])
    wide = culling._within(0.5, facts, injected, seen, params.cull)
    assert wide == {
        "budget": 0.5,
        "classes held back": 0,
        "removed": 3,
        "precision, wrong or kin": pytest.approx(2 / 3),
        "lost where labels were exchanged": pytest.approx((0.1 + 0.4 + 0.1) / (0.1 + 0.4 + 2.7 + 0.1 + 3.6)),
        "lost by eye": 1 / 8,
        "most of a class": 1 / 4,
        "which": "a",
    }
    narrow = culling._within(0.05, facts, injected, seen, params.cull)
    assert (narrow["classes held back"], narrow["removed"], narrow["lost by eye"]) == (1, 2, 0)
