"""Progress bars with rate and time left: shown after two seconds, and only on a terminal."""

from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

__all__ = ["progress", "progress_bar"]

Item = TypeVar("Item")
_MANNERS: dict[str, Any] = {"delay": 2, "disable": None, "dynamic_ncols": True}


def progress(items: Iterable[Item], *, label: str, unit: str, total: int | None = None) -> "tqdm[Item]":
    """Iterate over `items` under a bar that says `label`, count, `unit`s per second and time left."""
    return tqdm(items, desc=label, unit=unit, total=total, **_MANNERS)


def progress_bar(*, label: str, unit: str, total: int, done: int = 0) -> "tqdm[None]":
    """A bar to be moved with `update()`, for loops in loops; `done` was finished before an interruption."""
    return tqdm(desc=label, unit=unit, total=total, initial=done, **_MANNERS)
