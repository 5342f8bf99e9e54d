"""Stage crossval: what networks and hand-made descriptors that never saw an image say of it, for culling to go by.

In: data/split.csv, images. Out: reports/crossval/. Apart from cull, so that a new threshold trains nothing.
"""

import sys
from pathlib import Path

from nightmare.atomic import write_json
from nightmare.cull.crossval import cross_validate
from nightmare.cull.descriptors import judge_by_descriptors
from nightmare.data.arrays import load_arrays
from nightmare.errors import exit_code
from nightmare.params import load_params
from nightmare.plots import save_confusion
from nightmare.tables import IMAGES, MARGINS, PREDICTIONS, SPLIT, read_table, write_table
from nightmare.train.backgrounds import background_canvases
from nightmare.train.evaluate import confusion, recalls, scores

REPORTS = Path("reports/crossval")


def main() -> None:
    params = load_params()
    split = read_table("data/split.csv", SPLIT)
    images = read_table("data/images.csv", IMAGES)
    classes = tuple(sorted(split["label"].unique()))
    arrays = load_arrays(images[images["id"].isin(split["id"])], Path("data/images"), pixels=params.model.pixels)
    judged = cross_validate(
        split,
        arrays,
        classes=classes,
        model=params.model,
        train=params.train,
        crossval=params.crossval,
        seed=params.seed,
        canvases=background_canvases(params.model.pixels),
    )
    predictions = judged.predictions
    descriptors = judge_by_descriptors(split, arrays, classes=classes)
    write_table(predictions, REPORTS / "predictions.csv", PREDICTIONS)
    write_table(descriptors, REPORTS / "descriptors.csv", PREDICTIONS)
    write_table(judged.margins, REPORTS / "margins.csv", MARGINS)
    write_json(
        REPORTS / "metrics.json",
        {
            **scores(predictions),
            "grade": recalls(predictions, by="grade"),
            "descriptors": scores(descriptors),
        },
    )
    save_confusion(
        confusion(predictions, classes),
        classes,
        REPORTS / "confusion.png",
        title=f"out of fold, n = {len(predictions)}",
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
