"""Times that can be compared: taken in turns in one run, their medians, and a history of all runs."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import torch

from nightmare.atomic import write_csv
from nightmare.results import markdown_table

__all__ = ["alternated", "append_history", "machine", "print_table"]

HISTORY = Path(__file__).parent / "history"


def _commit() -> str:
    """What is checked out, and whether more than the histories differs from it."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)benchmarks/history")
    return f"{name}-dirty" if changed else name


def _git(*words: str) -> str:
    here = Path(__file__).parents[1]
    return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True).stdout.strip()


# At the start: who works on while a benchmark runs changes the files, not the code that runs.
_COMMIT = _commit()


def alternated(works: Mapping[str, Callable[[], object]], *, rounds: int = 5) -> dict[str, float]:
    """Median seconds of each of `works`, after one round that does not count: one of each, then again."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def machine() -> str:
    """Processor, threads and version of PyTorch: figures of two machines are not compared.

    Nor those of two kinds of processor that go by one name: what multiplies bfloat16 trains in other sums.
    """
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in _cpuinfo())}
    bfloat16 = "bfloat16" if "_bf16" in told.get("flags", "") else "no bfloat16"
    name = told.get("model name") or platform.processor()
    return f"{name}, {bfloat16}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def print_table(rows: list[dict[str, object]], *, title: str) -> None:
    """Print `rows` as a Markdown table; numbers with three digits that matter."""
    table = markdown_table(list(rows[0]), [[_shown(value) for value in row.values()] for row in rows])
    print(f"\n{title}\n", table, sep="\n", flush=True)


def append_history(rows: list[dict[str, object]], *, name: str, repeated: bool = True) -> None:
    """Add `rows` with time, commit and machine to the history called `name`, which gets a column for what is new.

    Without `repeated`, rows that stand there already are left out: those of a benchmark that goes on from what it has,
    whose figures are of an earlier commit and machine.

    Raises `ValueError` for a column of theirs that is called like one of these three.
    """
    path = HISTORY / f"{name}.csv"
    stamp = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "commit": _COMMIT, "machine": machine()}
    if taken := stamp.keys() & {column for row in rows for column in row}:
        raise ValueError(f"{name}: {', '.join(sorted(taken))} stands for the run already: give the column another name")
    table = pd.DataFrame([{**stamp, **{column: _shown(value) for column, value in row.items()}} for row in rows])
    if path.exists():
        kept = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = pd.concat([kept, table], ignore_index=True).fillna("")
        if not repeated:
            again = table.duplicated(subset=[column for column in table if column not in stamp])
            table = table[~again | (table.index < len(kept))]
    write_csv(path, table)


def _shown(value: object) -> str:
    return (
        f"{value:.3g}"
        if isinstance(value, float) and value < 100
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if os.access(path, os.R_OK) else []
