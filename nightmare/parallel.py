"""How work is spread: pure functions over items, mapped by joblib.

`NIGHTMARE_BACKEND` names a joblib backend (default `loky`, local processes). It is no parameter of the pipeline:
results are the same under every backend, as long as a task has the same number of threads (`OMP_NUM_THREADS`), since
sums of floats depend on how they are cut.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import joblib

from nightmare.errors import ParameterError
from nightmare.progress import progress

__all__ = ["parallel_map"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    label: str,
    unit: str,
    workers: int = -1,
    ordered: bool = True,
) -> Iterator[Result]:
    """Yield `function(item)` for each item, with a progress bar, in the order of `items` or as they are done.

    `workers` is joblib's `n_jobs`: -1 takes every core, 1 runs in this process. An exception in a worker is raised
    here and ends the map. Raises `ParameterError` for a backend that joblib does not know.
    """
    backend = os.environ.get("NIGHTMARE_BACKEND", "loky")
    known = sorted({*joblib.parallel.BACKENDS, *joblib.parallel.EXTERNAL_BACKENDS})
    if backend not in known:
        raise ParameterError(f"NIGHTMARE_BACKEND={backend} is no backend of joblib: it knows {', '.join(known)}")
    with joblib.parallel_config(backend=backend):
        results = joblib.Parallel(n_jobs=workers, return_as="generator" if ordered else "generator_unordered")(
            joblib.delayed(function)(item) for item in items
        )
        yield from progress(results, label=label, unit=unit, total=len(items))
