"""Plots as PNG files, so that every curve can be read without a network and beside another experiment's."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from nightmare.atomic import atomic_path

__all__ = ["save_bars", "save_confusion", "save_curves"]

_INK, _PAPER, _GRID = "#e8e4da", "#17151c", "#3a3644"
_COLORS = ("#e4572e", "#6cc3a0", "#d9c15c", "#8d86c9")


def save_curves(history: pd.DataFrame, path: Path, *, panels: Sequence[tuple[str, Sequence[str]]]) -> None:
    """One panel per (title, columns) over the column `epoch`; columns that `history` lacks are left out."""
    figure, axes = _figure(columns=len(panels), width=5.2 * len(panels), height=3.6)
    for axis, (title, columns) in zip(axes, panels, strict=True):
        present = [column for column in columns if column in history.columns]
        for column, color in zip(present, _COLORS, strict=False):
            axis.plot(history["epoch"], history[column], color=color, label=column.replace("_", " "))
        axis.set(title=title, xlabel="epoch")
        if present:
            axis.legend(frameon=False, labelcolor=_INK)
    _save(figure, path)


def save_confusion(counts: NDArray[np.int64], classes: Sequence[str], path: Path, *, title: str) -> None:
    """A confusion matrix: rows are labels, columns predictions, colour the share of the row, figures the counts."""
    side = 1.8 + 0.55 * len(classes)
    figure, (axis,) = _figure(columns=1, width=side + 0.6, height=side)
    share = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    axis.imshow(share, cmap="magma", vmin=0, vmax=1)
    names = [name.replace("_", " ") for name in classes]
    axis.set_xticks(range(len(classes)), names, rotation=45, ha="right")
    axis.set_yticks(range(len(classes)), names)
    axis.set(title=title, xlabel="predicted", ylabel="label")
    axis.grid(visible=False)
    for row, column in np.ndindex(*counts.shape):
        if counts[row, column]:
            color = _PAPER if share[row, column] > 0.6 else _INK
            axis.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=8)
    _save(figure, path)


def save_bars(table: pd.DataFrame, path: Path, *, category: str, stack: str, value: str, title: str) -> None:
    """Horizontal bars of `value` per `category`, stacked by `stack` in the order in which `table` has it."""
    wide = table.pivot_table(index=category, columns=stack, values=value, aggfunc="sum", fill_value=0)
    wide = wide[list(dict.fromkeys(table[stack]))]
    figure, (axis,) = _figure(columns=1, width=7, height=1 + 0.36 * len(wide))
    left = np.zeros(len(wide))
    for column, color in zip(wide.columns, _COLORS, strict=False):
        axis.barh([str(name).replace("_", " ") for name in wide.index], wide[column], left=left, color=color)
        left = left + wide[column].to_numpy()
    names = [str(column) for column in wide.columns]
    legend = figure.legend(names, loc="outside right upper", frameon=False, labelcolor=_INK, title=stack)
    legend.get_title().set_color(_INK)
    axis.invert_yaxis()
    axis.set(title=title, xlabel=value)
    _save(figure, path)


def _figure(*, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), facecolor=_PAPER, layout="constrained")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for axis in axes:
        axis.set_facecolor(_PAPER)
        axis.grid(color=_GRID, linewidth=0.5)
        axis.set_axisbelow(True)
        axis.tick_params(colors=_INK, labelcolor=_INK)
        for text in (axis.title, axis.xaxis.label, axis.yaxis.label):
            text.set_color(_INK)
        for spine in axis.spines.values():
            spine.set_color(_GRID)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        # No software or date in the file: equal plots are equal bytes.
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
