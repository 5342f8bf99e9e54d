"""The control of culling: a data set that lost as many images, drawn at random.

What culling did to a network is what it did beyond this.
"""

import numpy as np
import pandas as pd

from nightmare.seeds import derived_seed

__all__ = ["culled_at_random"]


def culled_at_random(split: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """The culled `split` table with other rows kept: as many of each class, side and grade, whatever they show."""
    keep = split.sort_values("id")["keep"]
    for names, rows in split.sort_values("id").groupby(["label", "side", "grade"]):
        generator = np.random.default_rng(derived_seed(seed, "control", *map(str, names)))
        keep[rows.index] = generator.permutation(keep[rows.index].to_numpy())
    return split.assign(keep=keep)
