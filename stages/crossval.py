"""Stage crossval: what classifiers that never saw an image say of it, and what that says of its label;
and which pictures are poor examples of anything.

In: data/split.csv, images. Out: reports/crossval/, with what is said after some labels were exchanged. Apart from cull,
so that a new threshold judges nothing anew.
"""

import sys
from pathlib import Path

from nightmare.atomic import write_json
from nightmare.cull.crossval import cross_validate, cross_validate_exchanged
from nightmare.cull.faults import find_faults
from nightmare.cull.features import PIXELS, features_of, seen_by_network
from nightmare.data.arrays import load_arrays
from nightmare.errors import exit_code
from nightmare.params import load_params
from nightmare.plots import save_confusion
from nightmare.tables import EVIDENCE, IMAGES, INJECTED, SPLIT, classes_of, read_table, write_table
from nightmare.train.evaluate import confusion, recalls, scores

REPORTS = Path("reports/crossval")


def main() -> None:
    params = load_params()
    split = read_table("data/split.csv", SPLIT)
    images = read_table("data/images.csv", IMAGES)
    classes = classes_of(split)
    pool = split[split["side"] != "test"]
    arrays = load_arrays(images[images["id"].isin(pool["id"])], Path("data/images"), pixels=PIXELS)
    rgba = arrays.rgba[arrays.rows(pool["id"])]
    seen = seen_by_network(rgba)
    features = features_of(rgba, seen)
    predictions = cross_validate(
        pool,
        features,
        find_faults(rgba, seen, pool["group"].to_numpy(dtype=str), seed=params.seed),
        classes=classes,
        crossval=params.crossval,
        seed=params.seed,
    )
    write_table(predictions, REPORTS / "predictions.csv", EVIDENCE)
    injected = cross_validate_exchanged(pool, features, classes=classes, crossval=params.crossval, seed=params.seed)
    write_table(injected, REPORTS / "injected.csv", INJECTED)
    write_json(REPORTS / "metrics.json", {**scores(predictions), "grade": recalls(predictions, by="grade")})
    save_confusion(
        confusion(predictions, classes),
        classes,
        REPORTS / "confusion.png",
        title=f"out of fold, n = {len(predictions)}",
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
