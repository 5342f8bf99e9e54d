"""How work is spread: pure functions over items, mapped by joblib.

`NIGHTMARE_BACKEND` names a joblib backend (default `loky`, local processes). It is no parameter of the pipeline:
results are the same under every backend.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import joblib

from nightmare.progress import progress

__all__ = ["parallel_map"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result], items: Sequence[Item], *, label: str, unit: str, workers: int = -1
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in the order of `items`, with a progress bar.

    `workers` is joblib's `n_jobs`: -1 takes every core, 1 runs in this process. An exception in a worker is raised
    here and ends the map.
    """
    backend = os.environ.get("NIGHTMARE_BACKEND", "loky")
    with joblib.parallel_config(backend=backend):
        results = joblib.Parallel(n_jobs=workers, return_as="generator")(
            joblib.delayed(function)(item) for item in items
        )
        yield from progress(results, label=label, unit=unit, total=len(items))
