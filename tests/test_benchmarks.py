"""The benchmarks measure what they say: their loops make the engine's dream, and medians are medians."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image

from benchmarks import timing, training
from benchmarks.dream import random_model
from benchmarks.plain import bare_convolutions, first_loop, mended_loop, mended_network
from benchmarks.timing import alternated, append_history, print_table
from benchmarks.training import Prepare, Training, against_the_usual, architectures, data_side, extras, parts
from benchmarks.usual import usual_epoch, usual_loader, write_folder
from nightmare.data.arrays import Arrays
from nightmare.dream.engine import dream
from nightmare.dream.recipe import Recipe
from nightmare.params import AdversarialParams, ModelParams, TrainParams
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


def test_what_a_benchmark_says_again_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(timing, "HISTORY", tmp_path)
    for rows in ([{"variant": "plain", "test": 0.56}], [{"variant": "plain", "test": 0.56}, {"variant": "plain"}]):
        append_history(rows, name="runs", repeated=False)
    assert pd.read_csv(tmp_path / "runs.csv")["test"].fillna(0).tolist() == [0.56, 0]
    append_history([{"variant": "plain", "test": 0.56}], name="runs")
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 3


def test_no_figure_stands_where_the_run_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(timing, "HISTORY", tmp_path)
    with pytest.raises(ValueError, match="dreams: time stands for the run already"):
        append_history([{"time": 0.5}], name="dreams")
    assert not list(tmp_path.iterdir())
