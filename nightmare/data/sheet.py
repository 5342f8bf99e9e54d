"""Contact sheets of images of the data set, read from their shards."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from PIL import Image

from nightmare.data.store import read_image
from nightmare.sheets import contact_sheet

__all__ = ["MOST_PICTURES", "image_sheet"]

MOST_PICTURES = 240  # more pictures than that are no sheet that anybody reads


def image_sheet(
    rows: pd.DataFrame, images: pd.DataFrame, directory: Path, *, caption: Callable[[dict], str], title: str
) -> Image.Image:
    """The pictures of `rows` (column `id`), in their order, each under `caption(row)`; a long table shows its head."""
    by_id = {row.id: row for row in images.itertuples(index=False)}
    shown = rows.head(MOST_PICTURES).to_dict("records")
    if len(shown) < len(rows):
        title = f"{title}: the first {MOST_PICTURES} of {len(rows)}"
    pictures = [read_image(directory, by_id[row["id"]]) for row in shown]
    return contact_sheet(pictures, [caption(row) for row in shown], columns=12, cell=96, title=title)
