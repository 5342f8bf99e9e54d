"""Stages train, retrain, control, robust and judge: one program, several inputs.

`python -m stages.train train data/split.csv` trains on all images (ANF), `retrain data/culled.csv` on those that
culling kept (ANF--), `control data/culled.csv` on as many that were kept at random, `robust data/culled.csv` on those
of retrain against an adversary, the network that dreams, and `judge data/split.csv` on the images that none of those
has learnt from. Writes models/<stage>/ and reports/<stage>/.
"""

import sys
import time
from pathlib import Path

from nightmare.cull.control import culled_at_random
from nightmare.data.arrays import load_arrays
from nightmare.errors import exit_code
from nightmare.params import load_params, overridden
from nightmare.tables import IMAGES, SPLIT, classes_of, read_table
from nightmare.train.backgrounds import background_canvases
from nightmare.train.evaluate import prediction_table
from nightmare.train.judge import judge_params, one_fold_watched, sides_swapped
from nightmare.train.loop import predict, train_network
from nightmare.train.model import model_card, save_model
from nightmare.train.report import write_training_report

SHARDS = Path("data/images")


def main() -> None:
    start = time.monotonic()
    stage, split_path = sys.argv[1:]
    params = load_params()
    split = read_table(split_path, SPLIT)
    if stage == "robust":
        # Learning to see from nothing under attack takes several times as long as under none: it starts from a network
        # that sees already, the plain one where it is of the same kind, else the one that ImageNet has taught.
        of_one_kind = params.robust.network == params.model.network
        first_weights = "models/retrain/model.safetensors" if of_one_kind else "imagenet"
        params = overridden(params, params.robust, pretrained=first_weights)
    elif stage == "control":
        split = culled_at_random(split, seed=params.seed)
    elif stage == "judge":
        params = judge_params(params)
        split = sides_swapped(split)
    images = read_table("data/images.csv", IMAGES)
    images = images[images["id"].isin(split["id"])]
    classes = classes_of(split)
    arrays = load_arrays(images, SHARDS, pixels=params.model.pixels)
    trained = train_network(
        one_fold_watched(split) if stage == "judge" else split,
        arrays,
        classes=classes,
        model=params.model,
        train=params.train,
        seed=params.seed,
        name=stage,
        canvases=background_canvases(params.model.pixels),
    )
    directory, card = Path("models") / stage, model_card(params, split)
    save_model(directory, trained.network, card)
    for epoch, network in trained.earlier():
        save_model(directory / "epochs" / f"{epoch:04}", network, card)
    # Culled validation rows are predicted too: evaluate shows what leaving them out does to the figure.
    judged = split[split["side"] != "train"]
    write_training_report(
        Path("reports") / stage,
        trained,
        prediction_table(judged, predict(trained.network, arrays, judged["id"]), classes),
        classes=classes,
        images=images,
        shards=SHARDS,
        unseen="images of the training side" if stage == "judge" else "validation",
    )
    # Into no output, since it never repeats: who asks later finds it in the log of a queued experiment.
    print(f"{stage}: {(time.monotonic() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    sys.exit(exit_code(main))
