"""The control of culling: a data set that lost as many images, drawn at random.

What culling did to a network is what it did beyond this.
"""

import numpy as np
import pandas as pd

from nightmare.seeds import derived_seed

__all__ = ["culled_at_random"]


def culled_at_random(split: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """The culled `split` table with other rows kept: as many of each class and side, whatever speaks against them."""
    keep = split.sort_values("id")["keep"]
    for (label, side), rows in split.sort_values("id").groupby(["label", "side"]):
        generator = np.random.default_rng(derived_seed(seed, "control", str(label), str(side)))
        keep[rows.index] = generator.permutation(keep[rows.index].to_numpy())
    return split.assign(keep=keep)
