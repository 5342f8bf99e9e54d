"""Maps keep the order unless they need not, whatever the backend, and pass errors on."""

import io
import sys
import time

import pytest

from nightmare.errors import ParameterError
from nightmare.parallel import parallel_map
from nightmare.progress import _MANNERS, progress, progress_bar


def tripled(number: int) -> int:
    if number == 13:
        raise ValueError("thirteen")
    return number * 3


def slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@pytest.mark.parametrize("backend", ["loky", "threading", "sequential"])
def test_order_and_errors(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", backend)
    assert list(parallel_map(tripled, range(9), label="t", unit="n")) == list(range(0, 27, 3))
    with pytest.raises(ValueError, match="thirteen"):
        list(parallel_map(tripled, [1, 13], label="t", unit="n"))


def test_who_is_done_first_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "threading")  # a process may be late to start
    moments = [0.8, 0.0, 0.0]
    done = parallel_map(slept, moments, label="t", unit="n", workers=2, ordered=False)
    assert list(done) == sorted(moments)


def test_an_unknown_backend_is_named_with_the_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTMARE_BACKEND", "locky")
    with pytest.raises(ParameterError, match=r"NIGHTMARE_BACKEND=locky .*loky"):
        list(parallel_map(tripled, [1], label="t", unit="n"))


def test_bars_are_quiet_away_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setitem(_MANNERS, "delay", 0)  # else so short a loop is quiet on any stream
    assert list(progress(range(3), label="work", unit="n")) == [0, 1, 2]
    with progress_bar(label="work", unit="n", total=3) as bar:
        bar.update(3)
    assert stream.getvalue() == ""
