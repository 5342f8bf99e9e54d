"""The benchmarks measure what they say: their loops make the engine's dream, and medians are medians."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from benchmarks import culling, timing, training
from benchmarks.dream import random_model
from benchmarks.noise import KINDS, LabelledSet, inject, smaller
from benchmarks.plain import bare_convolutions, first_loop, mended_loop, mended_network
from benchmarks.timing import alternated, append_history, print_table
from benchmarks.training import Prepare, Training, against_the_usual, architectures, data_side, extras, parts
from benchmarks.usual import usual_epoch, usual_loader, write_folder
from nightmare.data.arrays import Arrays
from nightmare.dream.engine import dream
from nightmare.dream.recipe import Recipe
from nightmare.params import AdversarialParams, ModelParams, Params, TrainParams
from nightmare.train.loop import train_network
from nightmare.train.network import build_network

CLASSIC = Recipe(layers={"layer3": 1.0}, octaves=2, iterations=2, jitter=4, smoothing=0.0, strength=1.0)


def test_all_loops_make_one_dream() -> None:
    model = random_model(18)
    model.network.double()
    photo = torch.rand(1, 3, 48, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = dream(model, photo, CLASSIC, names=["photo"])
    mended = mended_loop(mended_network(model.network), photo, CLASSIC)
    first = first_loop(model.network, photo, CLASSIC)
    torch.testing.assert_close(mended, ours, rtol=0, atol=1e-6)
    torch.testing.assert_close(first, ours, rtol=0, atol=1e-6)
    assert (ours - photo).abs().mean() > 0.01


def test_the_floor_runs_every_convolution_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    network = mended_network(random_model(18).network)
    run = bare_convolutions(network, torch.rand(1, 3, 64, 64), torch.channels_last)
    forward: list[int] = []
    real = torch.nn.functional.conv2d
    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda *given: forward.append(1) or real(*given))
    with torch.autograd.profiler.profile() as events:
        run()
    backward = [event for event in events.function_events if event.name == "aten::convolution_backward"]
    assert len(forward) == len(backward) == sum(isinstance(part, torch.nn.Conv2d) for part in network.modules())


def test_times_are_taken_in_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def slow_at_first(name: str) -> None:
        time.sleep(0.05 if name not in order else 0)
        order.append(name)

    times = alternated({"a": lambda: slow_at_first("a"), "b": lambda: slow_at_first("b")}, rounds=3)
    assert order == ["a", "b"] * 4
    assert all(taken < 0.05 for taken in times.values())


def test_tables_are_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"depth": 18, "ratio": 0.98765}, {"depth": 50, "ratio": 123.4}], title="Steps")
    assert capsys.readouterr().out.splitlines()[3:] == [
        "| depth | ratio |",
        "| ----- | ----- |",
        "| 18    | 0.988 |",
        "| 50    | 123   |",
    ]


ADVERSARY = AdversarialParams(norm="l2", epsilon=0.5, steps=1)


@pytest.fixture
def prepare(
    tiny_split: pd.DataFrame,
    tiny_arrays: Arrays,
    tiny_model: ModelParams,
    tiny_train: TrainParams,
    tiny_canvases: torch.Tensor,
) -> Prepare:
    def prepared(pixels: int, batches: int | None = None, *, network: str = "resnet", **changes: Any) -> Training:
        assert pixels == 32
        learning = tiny_split[tiny_split["side"] == "train"]
        return Training(
            learning.head(batches * tiny_train.batch) if batches else learning,
            tiny_arrays,
            tiny_canvases,
            classes=("bars", "disc"),
            model=tiny_model.model_copy(update={"network": network}),
            train=tiny_train.model_copy(update=changes),
            seed=1,
        )

    return prepared


@pytest.mark.parametrize("changes", [{}, {"first_pixels": 24, "averaging": 0.9, "adversarial": ADVERSARY}])
def test_the_training_that_is_timed_is_the_one_of_the_pipeline(
    changes: dict[str, Any],
    prepare: Prepare,
    tiny_split: pd.DataFrame,
    tiny_arrays: Arrays,
    tiny_model: ModelParams,
    tiny_train: TrainParams,
    tiny_canvases: torch.Tensor,
) -> None:
    changes = {"schedule": "constant", "epochs": 1, **changes}
    expected = train_network(
        tiny_split,
        tiny_arrays,
        classes=("bars", "disc"),
        model=tiny_model,
        train=tiny_train.model_copy(update=changes),
        seed=1,
        name="test",
        canvases=tiny_canvases,
    ).network
    training = prepare(32, **changes)
    training.epoch()
    ours = training.average.module if training.average else training.network
    for one, other in zip(ours.state_dict().values(), expected.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of the usual loop come from this process: two more would learn nothing else."""
    real = torch.utils.data.DataLoader
    quiet = {"num_workers": 0, "persistent_workers": False}
    monkeypatch.setattr("benchmarks.usual.DataLoader", lambda *given, **named: real(*given, **{**named, **quiet}))


def drawings() -> Iterator[tuple[str, Image.Image]]:
    for number in range(16):
        label, color = ("bars", "blue") if number % 2 else ("disc", "red")
        yield label, Image.new("RGB", (40, 48), color)


@pytest.mark.usefixtures("one_worker")
def test_the_usual_loop_learns(tmp_path: Path) -> None:
    write_folder(drawings(), tmp_path)
    torch.manual_seed(0)
    network = build_network("resnet18", 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    loader = usual_loader(tmp_path, pixels=32, batch=8)
    images, labels = next(iter(loader))
    assert images.shape == (8, 3, 32, 32)
    assert images.min() < -1, "normalised"
    for mixed in (False, True, True, True, False, False):
        usual_epoch(loader, network, optimizer, label_smoothing=0.1, mixed=mixed)
    images, labels = next(iter(loader))
    # Not all of them: another number of threads sums otherwise, and pictures are cropped at random.
    assert (network(images).argmax(dim=1) == labels).float().mean() >= 0.75


@pytest.mark.usefixtures("one_worker")
def test_every_table_of_training_compares_what_it_says(prepare: Prepare) -> None:
    shares = data_side(prepare, rounds=1, sides={32: 1})
    assert [row["seen pixels"] for row in shares] == [32, 24]
    (row,) = against_the_usual(prepare, drawings, rounds=1, sides={32: 2})
    assert all(isinstance(value, float) and value > 0 for name, value in row.items() if name != "pixels")
    rows = {row["part"]: row for row in parts(prepare, rounds=1, pixels=32)}
    assert rows["whole step"]["share"] == 1
    assert set(rows) > {"augmentation", "forward and backward", "optimiser"}
    costs = extras(prepare, averaging=0.9, adversarial=ADVERSARY, rounds=1, pixels=32)
    assert [row["training"] for row in costs] == ["plain", "averaging", "adversary of one step", "both"]
    assert costs[0]["ratio"] == 1
    both = architectures(prepare, adversarial=ADVERSARY, rounds=1, sides=[32])
    assert [row["network"] for row in both] == ["resnet", "efficientnet"]
    for row in both:
        assert row["ratio"] == pytest.approx(float(str(row["with an adversary, ms"])) / float(str(row["plain, ms"])))


@pytest.mark.usefixtures("one_worker")
def test_ratios_of_training_say_who_is_faster(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"constant": 0.9, "training": 1.0, "usual": 3.0, "same precision": 2.0, "ours": 1.0}
    monkeypatch.setattr(training, "alternated", lambda works, rounds: {name: seconds[name] for name in works})
    assert [row["share of the rate"] for row in data_side(prepare, rounds=1, sides={32: 1})] == [0.9, 0.9]
    (row,) = against_the_usual(prepare, drawings, rounds=1, sides={32: 2})
    assert (row["ours : usual"], row["ours : usual in our precision"]) == (3, 2)
    assert row["ours, images/s"] == 3 * row["usual loop, images/s"] > 0


def test_a_history_gets_columns_for_what_is_new(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(timing, "HISTORY", tmp_path / "history")
    append_history([{"variant": "plain", "n": 40}], name="dreams")
    append_history([{"variant": "robust", "share": 0.12345, "n": 40}, {"variant": "none", "n": 3}], name="dreams")
    with (tmp_path / "history/dreams.csv").open(newline="", encoding="utf-8") as file:
        rows = [{name: row[name] for name in ("variant", "n", "share")} for row in csv.DictReader(file)]
    assert rows == [
        {"variant": "plain", "n": "40", "share": ""},
        {"variant": "robust", "n": "40", "share": "0.123"},
        {"variant": "none", "n": "3", "share": ""},
    ]


def test_no_figure_stands_where_the_run_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(timing, "HISTORY", tmp_path)
    with pytest.raises(ValueError, match="dreams: time stands for the run already"):
        append_history([{"time": 0.5}], name="dreams")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_known_faults_are_where_they_are_said_to_be(kind: str, tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    names = {"disc": "frogs", "bars": "lizards"}
    clean = LabelledSet(
        tiny_split.assign(label=tiny_split["label"].map(names)), tiny_arrays, list(tiny_split["id"][32:])
    )
    noised = inject(clean, kind, 0.3, seed=1)
    before = clean.split.set_index("id")["label"]
    pool = set(clean.split.loc[clean.split["side"] != "test", "id"])
    assert 4 < len(noised.faulty) < 16
    for row in noised.split.itertuples():
        original = row.id.removeprefix("copy-")
        position = noised.arrays.rows(pd.Series([row.id]))[0]
        picture = noised.arrays.rgba[position]
        own = tiny_arrays.rgba[tiny_arrays.rows(pd.Series([original]))[0]]
        relabelled, repainted = row.label != before[original], (picture != own).any()
        assert (relabelled or repainted) == (row.id in noised.faulty), row.id
        if row.id in noised.faulty:
            assert original in pool
    copies = noised.split[noised.split["id"].str.startswith("copy-")]
    assert bool(len(copies)) == (kind == "conflicting copies")
    groups = clean.split.set_index("id")["group"]
    assert all(row.group == groups[row.id.removeprefix("copy-")] for row in copies.itertuples())


def test_no_faults_are_none(tiny_split: pd.DataFrame, tiny_arrays: Arrays) -> None:
    labels = tiny_split.assign(label=tiny_split["label"].map({"disc": "frogs", "bars": "lizards"}))
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
    found = culling._found(removed, faulty)
    assert found == {
        "removed": 3,
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "F1": pytest.approx(4 / 6),
        "false removals": pytest.approx(1 / 5),
    }
    nothing_wrong = culling._found(removed, faulty & False)
    assert np.isnan(nothing_wrong["F1"])
    assert nothing_wrong["false removals"] == pytest.approx(3 / 8)


def test_strategies_are_scored_by_what_was_injected(
    params: Params, tiny_split: pd.DataFrame, tiny_arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With verdicts that know the truth: they rank all faults first, and the network learns from the others alone."""
    clean = LabelledSet(tiny_split, tiny_arrays, [])
    noised = inject(clean, "symmetric", 0.2, seed=1)
    truth = tiny_split.set_index("id")["label"]
    taught: list[pd.DataFrame] = []
    doubted = {next(name for name in tiny_split["id"] if name not in noised.faulty)}  # as a picture, though right

    def knowing(pool: pd.DataFrame, *given: Any, **named: Any) -> pd.DataFrame:
        said = pool["id"].map(truth)
        wrong = (said != pool["label"]).astype(float)
        table = pool[["id", "side", "label"]].assign(predicted=said, wrong=wrong)
        return table.assign(
            several=0.9 * pool["id"].isin(doubted), occluded=0.0, poor=0.0, p_bars=said == "bars", p_disc=said == "disc"
        )

    def exchanged(pool: pd.DataFrame, *given: Any, **named: Any) -> pd.DataFrame:
        return pool[["id", "label"]].assign(repeat=0, exchanged=False, wrong=0.0)

    def tested(params: Params, split: pd.DataFrame, *given: Any, **named: Any) -> tuple[None, pd.DataFrame]:
        taught.append(split)
        held = split[split["side"] != "train"]
        return None, held[["id", "side", "label"]].assign(predicted="bars", p_bars=1.0, p_disc=0.0)

    for name, fake in (("cross_validate", knowing), ("cross_validate_exchanged", exchanged)):
        monkeypatch.setattr(culling, name, fake)
    monkeypatch.setattr(culling, "trained_and_tested", tested)
    known = (np.zeros((32, 1)), np.zeros((32, 3)))
    with_faults, alone = culling.ablated(clean, "symmetric", 0.2, known=known, params=params, seed=1).itertuples()
    assert (with_faults.strategy, with_faults.removed) == ("evidence", len(noised.faulty) + 1)
    assert (alone.strategy, alone.removed, alone.F1) == ("evidence of labels alone", len(noised.faulty), 1)
    doubted.clear()
    rows = culling._scored(clean, "symmetric", 0.2, known=known, params=params, seed=1).set_index("strategy")
    assert rows.loc[["confident", "evidence"], "average precision"].tolist() == [1, 1]
    assert rows.loc["evidence", ["precision", "recall", "F1", "false removals"]].tolist() == [1, 1, 1, 0]
    assert rows["faulty"].tolist() == pytest.approx([len(noised.faulty) / 32] * 5)
    whole, *retrained = taught
    assert whole["keep"].all()
    assert set(whole.loc[whole["id"].map(truth) != whole["label"], "id"]) == noised.faulty
    assert [name for name in rows.index if name != "no culling"] == list(culling.STRATEGIES)
    after = dict(zip(culling.STRATEGIES, retrained, strict=True))
    assert set(after["evidence"].loc[~after["evidence"]["keep"], "id"]) == noised.faulty
    # Validation, where all is taken for bars, loses the discs of its own side.
    bars, disc = culling._by_class(rows, "symmetric")
    pool = noised.split[noised.split["side"] != "test"]
    discs = pool[(pool["label"] == "disc") & ~pool["id"].isin(noised.faulty)]
    assert (bars["class"], bars["validation"], bars["evidence"]) == ("bars", 0, 0)
    assert (disc["class"], disc["evidence"]) == ("disc", 0)
    assert disc["validation"] == pytest.approx((discs["side"] == "val").mean()) != 0


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
