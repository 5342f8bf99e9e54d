"""Progress bars with rate and time left: shown after two seconds, and only on a terminal."""

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

__all__ = ["progress"]

Item = TypeVar("Item")


def progress(items: Iterable[Item], *, label: str, unit: str, total: int | None = None) -> "tqdm[Item]":
    """Iterate over `items` under a bar that says `label`, count, `unit`s per second and time left.

    The bar may be given live figures with `set_postfix`.
    """
    return tqdm(items, desc=label, unit=unit, total=total, delay=2, disable=None, dynamic_ncols=True)
