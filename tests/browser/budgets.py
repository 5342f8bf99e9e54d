"""What a studio and its tests may take: beyond a budget the summary warns, and beyond three times of it the tests fail.

Three times, since machines are shared. Of each budget the median counts: one slow page is no slow studio. Of the time
that all tests take there is only a warning: most of it is Chromium's, on two cores of an old processor three times that
of new ones, and nothing of it is the studio's fault.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

BUDGETS = {
    "a studio answers after": 10.0,
    "a page can be used after": 3.0,
    "a stamp takes beyond its model": 0.06,
    # Four minutes in all.
    "tests side by side take": 190.0,
    "tests alone take": 50.0,
}
WARNED_OF = {"tests side by side take", "tests alone take"}
FAILING = 3


class Spent:
    """`seconds` that were spent on each of `BUDGETS`."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in BUDGETS}

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name].append(seconds)

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """What happens within is spent on the budget of this `name`, unless it fails."""
        begun = time.monotonic()
        yield
        self.add(name, time.monotonic() - begun)

    def lines(self) -> list[str]:
        """A line for each budget that something was spent on."""
        return [
            f"{name} {median:.3g} s (median of {len(self.seconds[name])}); budget {BUDGETS[name]:g} s"
            + self._said(name, median)
            for name, median in self._medians().items()
        ]

    def _said(self, name: str, median: float) -> str:
        if name in self.failing():
            return f": FAILED, over {FAILING} times as much"
        return ": warning, over it" if median > BUDGETS[name] else ""

    def failing(self) -> list[str]:
        """The budgets that were overspent three times."""
        return [
            name
            for name, median in self._medians().items()
            if name not in WARNED_OF and median > FAILING * BUDGETS[name]
        ]

    def _medians(self) -> dict[str, float]:
        return {name: statistics.median(seconds) for name, seconds in self.seconds.items() if seconds}


SPENT = Spent()
