"""Part the labelled images into train, validation and test sides, and the pool into folds.

In: data/labels.csv, data/images.csv. Out: data/split.csv and reports/split/. Run: `dvc repro split`.
"""

import sys
from pathlib import Path

import pandas as pd

from nightmare.atomic import write_csv, write_json
from nightmare.data.split import SIDES, assign_split, split_faults
from nightmare.errors import InputError, exit_code
from nightmare.params import load_params
from nightmare.plots import save_bars
from nightmare.tables import IMAGES, LABELS, SPLIT, read_table, write_table

DATA = Path("data")
REPORTS = Path("reports/split")


def main() -> None:
    params = load_params()
    images = read_table(DATA / "images.csv", IMAGES)
    labels = read_table(DATA / "labels.csv", LABELS)
    if not labels["id"].isin(images["id"]).all():
        raise InputError("data/labels.csv names images that data/images.csv does not have: run `dvc repro label`")
    groups = dict(zip(images["id"], images["group"], strict=True))
    shares = {"test_share": params.split.test_share, "val_share": params.split.val_share}
    split = assign_split(labels, groups, seed=params.seed, folds=params.split.folds, **shares)
    sizes = split["side"].value_counts()
    if empty := [side for side in SIDES if side not in sizes]:
        raise InputError(
            f"{len(split)} images in {split['group'].nunique()} groups leave none for {', '.join(empty)}: "
            "add pictures, or raise split.test_share or split.val_share"
        )
    write_table(split, DATA / "split.csv", SPLIT)
    write_json(
        REPORTS / "metrics.json",
        {
            "n": len(split),
            **{side: int(sizes.get(side, 0)) for side in SIDES},
            "groups": split["group"].nunique(),
            **split_faults(split, **shares),
        },
    )
    sides = pd.DataFrame({"class": split["label"], "side": pd.Categorical(split["side"], SIDES)})
    counts = sides.groupby(["class", "side"], observed=False).size().reset_index(name="count")
    write_csv(REPORTS / "classes.csv", counts)
    save_bars(counts, REPORTS / "classes.png", category="class", stack="side", value="count", title="images per side")


if __name__ == "__main__":
    sys.exit(exit_code(main))
