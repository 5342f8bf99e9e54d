"""Sheets for the eye: what was removed and what nearly was, each picture under the evidence for it."""

from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from nightmare.cull.cull import Culled
from nightmare.cull.strategies import likeliest_fault
from nightmare.data.sheet import MOST_PICTURES, image_sheet
from nightmare.tables import FAULTS

__all__ = ["borderline", "borderline_sheet", "removed_sheet"]

_BORDERLINE = 96
_SUREST_FIRST: dict[str, Any] = {"by": ["doubt", "margin", "id"], "ascending": [False, True, True]}


def borderline(culled: Culled, evidence: pd.DataFrame) -> pd.DataFrame:
    """The kept pool images that are most doubtful, the surest first."""
    kept = evidence[~evidence["id"].isin(culled.removed["id"])]
    return kept.sort_values(**_SUREST_FIRST).head(_BORDERLINE)


def removed_sheet(culled: Culled, images: pd.DataFrame, shards: Path) -> Image.Image:
    """The surest of the removed images, class by class."""
    surest = culled.removed.sort_values(**_SUREST_FIRST).head(MOST_PICTURES)
    title = f"removed ({len(culled.removed)})"
    if len(surest) < len(culled.removed):
        title = f"{title}: the surest {len(surest)}"
    by_class = surest.sort_values("label", kind="stable")
    return image_sheet(by_class, images, shards, caption=_caption, title=title)


def borderline_sheet(culled: Culled, evidence: pd.DataFrame, images: pd.DataFrame, shards: Path) -> Image.Image:
    """The pictures of `borderline`."""
    rows = borderline(culled, evidence)
    return image_sheet(rows, images, shards, caption=_caption, title=f"borderline, kept ({len(rows)})")


def _caption(row: dict) -> str:
    if fault := likeliest_fault(row):
        return f"{row['label']}\n{FAULTS[fault]}\n{row[fault]:.0%}"
    return f"{row['label']}\nlike {row['suggested']}\nwrong: {row['wrong']:.0%}"
