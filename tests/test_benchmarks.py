"""The benchmarks measure what they say: their loops make the engine's dream, and medians are medians."""

import time

import pytest
import torch

from benchmarks.dream import random_model
from benchmarks.plain import bare_convolutions, first_loop, mended_loop, mended_network
from benchmarks.timing import alternated, print_table
from nightmare.dream.engine import dream
from nightmare.dream.recipe import Recipe

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
