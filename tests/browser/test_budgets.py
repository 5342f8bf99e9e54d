"""Budgets are told, warned of beyond what they allow, and failed for beyond three times of it, by the median."""

import pytest
from budgets import BUDGETS, WARNED_OF, Spent

ANSWERS, USABLE, *_ = BUDGETS


@pytest.mark.parametrize(
    ("seconds", "warned", "failing"),
    [([2.9], False, False), ([3.1], True, False), ([9.1], True, True), ([1.0, 1.0, 60.0], False, False)],
)
def test_the_median_is_held_against_the_budget(seconds: list[float], warned: bool, failing: bool) -> None:
    spent = Spent()
    for each in seconds:
        spent.add(USABLE, each)
    (line,) = spent.lines()
    assert ("warning" in line, "FAILED" in line) == (warned and not failing, failing)
    assert spent.failing() == ([USABLE] if failing else [])


def test_of_slow_tests_there_is_only_a_warning() -> None:
    spent = Spent()
    for name in WARNED_OF:
        spent.add(name, 10 * BUDGETS[name])
    assert spent.failing() == []
    assert all("warning" in line for line in spent.lines())


def test_what_fails_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = Spent()
    with pytest.raises(ZeroDivisionError), spent.on(ANSWERS):
        raise ZeroDivisionError
    assert spent.lines() == []
    clock = iter((1.0, 1.25))
    monkeypatch.setattr("budgets.time.monotonic", lambda: next(clock))
    with spent.on(ANSWERS):
        pass
    (line,) = spent.lines()
    assert line.startswith(f"{ANSWERS} 0.25 s (median of 1)")
