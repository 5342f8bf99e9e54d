"""Sheets for the eye: what was removed and what nearly was, each picture under the evidence for it."""

from pathlib import Path

import pandas as pd
from PIL import Image

from nightmare.cull.cull import Culled
from nightmare.data.sheet import MOST_PICTURES, image_sheet

__all__ = ["borderline", "borderline_sheet", "removed_sheet"]

_BORDERLINE = 96


def borderline(culled: Culled, evidence: pd.DataFrame) -> pd.DataFrame:
    """The kept pool images that came nearest to removal, by rising margin."""
    kept = evidence[~evidence["id"].isin(culled.removed["id"])]
    return kept.sort_values(["margin", "id"]).head(_BORDERLINE)


def removed_sheet(culled: Culled, images: pd.DataFrame, shards: Path) -> Image.Image:
    """The surest of the removed images, class by class."""
    surest = culled.removed.sort_values(["margin", "id"]).head(MOST_PICTURES)
    title = f"removed ({len(culled.removed)})"
    if len(surest) < len(culled.removed):
        title = f"{title}: the surest {len(surest)}"
    return image_sheet(surest.sort_values(["label", "margin", "id"]), images, shards, caption=_caption, title=title)


def borderline_sheet(culled: Culled, evidence: pd.DataFrame, images: pd.DataFrame, shards: Path) -> Image.Image:
    """The pictures of `borderline`."""
    rows = borderline(culled, evidence)
    return image_sheet(rows, images, shards, caption=_caption, title=f"borderline, kept ({len(rows)})")


def _caption(row: dict) -> str:
    return f"{row['label']}\nlike {row['suggested']}\n{row['self_confidence']:.0%} : {row['confidence']:.0%}"
