"""Stage evaluate: the models before and after culling, its control and the dreaming one, on rows that nothing culled.

In: models/train, models/control, models/retrain, models/robust, data/culled.csv, images. Out: reports/evaluate/.
It has no parameters: architecture, classes and input size come from inside the model files.
"""

import sys
from pathlib import Path

from nightmare.atomic import write_csv, write_json
from nightmare.cull.compare import compared, inflation_table, recall_table
from nightmare.data.arrays import load_arrays
from nightmare.device import best_device
from nightmare.errors import exit_code
from nightmare.plots import save_confusion
from nightmare.tables import IMAGES, PREDICTIONS, SPLIT, read_table, write_table
from nightmare.train.evaluate import confusion, prediction_table
from nightmare.train.loop import predict
from nightmare.train.model import load_model

REPORTS = Path("reports/evaluate")


def main() -> None:
    culled = read_table("data/culled.csv", SPLIT)
    judged = culled[culled["side"] != "train"]
    images = read_table("data/images.csv", IMAGES)
    images = images[images["id"].isin(culled["id"])]
    predictions = {}
    for name in ("train", "control", "retrain", "robust"):
        model = load_model(Path("models") / name, device=best_device())
        classes = model.card.classes
        arrays = load_arrays(images, Path("data/images"), pixels=model.card.pixels)
        predictions[name] = prediction_table(judged, predict(model.network, arrays, judged["id"]), classes)
        test = predictions[name][predictions[name]["side"] == "test"]
        title = f"{name}: test, n = {len(test)}"
        save_confusion(confusion(test, classes), classes, REPORTS / f"confusion_{name}.png", title=title)
    comparison = compared(predictions, culled)
    write_json(REPORTS / "metrics.json", comparison)
    write_csv(REPORTS / "comparison.csv", inflation_table(comparison))
    write_csv(REPORTS / "recall.csv", recall_table(predictions))
    final = predictions["retrain"]
    write_table(final[final["side"] == "test"], REPORTS / "predictions.csv", PREDICTIONS)


if __name__ == "__main__":
    sys.exit(exit_code(main))
