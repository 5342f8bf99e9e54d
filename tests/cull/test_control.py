"""The control loses as many images as culling took, others, by the luck of the seed alone."""

import numpy as np
import pandas as pd

from nightmare.cull.control import culled_at_random

SPLIT = pd.DataFrame(
    {
        "id": [f"{number:016x}" for number in range(400)],
        "label": np.repeat(["frogs", "skulls"], 200),
        "side": np.tile(["train"] * 6 + ["val"] * 2 + ["test"] * 2, 40),
        "grade": np.tile(["A", "A", "B"], 134)[:400],
    }
)
CULLED = SPLIT.assign(keep=(SPLIT["side"] == "test") | (np.arange(400) % np.where(SPLIT["label"] == "frogs", 3, 7) > 0))


def test_as_many_of_each_class_side_and_grade_are_kept_and_others() -> None:
    control = culled_at_random(CULLED, seed=1)
    stratum = ["label", "side", "grade"]
    pd.testing.assert_series_equal(control.groupby(stratum)["keep"].sum(), CULLED.groupby(stratum)["keep"].sum())
    assert 0.1 < (control["keep"] != CULLED["keep"]).mean() < 0.5
    assert control.loc[control["side"] == "test", "keep"].all()
    pd.testing.assert_frame_equal(control.drop(columns="keep"), SPLIT)


def test_the_seed_decides_and_the_order_of_rows_does_not() -> None:
    control = culled_at_random(CULLED, seed=1)
    assert not control["keep"].equals(culled_at_random(CULLED, seed=2)["keep"])
    shuffled = culled_at_random(CULLED.sample(frac=1, random_state=0), seed=1)
    pd.testing.assert_frame_equal(shuffled.sort_index(), control)
