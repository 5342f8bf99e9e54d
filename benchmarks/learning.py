"""What training brings: `python -m benchmarks.learning accuracy`, and `dreams --out FOLDER`, after `make repro`.

`accuracy` trains the first network of the pipeline anew under other settings and over several seeds, for its balanced
accuracy (some nine hours on a core that does not multiply bfloat16). `dreams` trains the network that dreams for
equally long in other ways, for what three judges recognise in its portraits of the classes (40 minutes on 2 cores that
do; with `--photos FOLDER`, photographs in one folder per class instead of the default data). Choose settings by the
validation column: the test side says what the choice was worth (of dreams, judges who have learnt from it). After a
stop, run it again: trainings go on from their checkpoints. Minutes compare when nothing else runs.
"""

import argparse
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks import adversaries
from benchmarks.adversaries import USUAL, Adversary, fought_by
from benchmarks.luck import least_significant_difference
from benchmarks.noise import clean_photos, smaller
from benchmarks.portraits import CANVAS, JUDGE, FeatureJudge, feature_judge, fine_share, pairs_of
from benchmarks.timing import append_history, machine, print_table
from benchmarks.trained import pictures_of, trained_and_tested
from benchmarks.variants import Variant, accuracy_variants, dream_variants
from nightmare.atomic import save_picture, write_json
from nightmare.cache import fingerprint
from nightmare.cull.features import PIXELS
from nightmare.data.arrays import Arrays
from nightmare.data.canvases import load_canvases
from nightmare.dream.measures import darkening
from nightmare.dream.presets import PORTRAIT
from nightmare.dream.recognition import portrait_sheet, portraits, recognition, starting_points
from nightmare.params import Params, load_params
from nightmare.tables import PREDICTIONS, classes_of, read_table
from nightmare.train.checkpoint import checkpoint_path
from nightmare.train.evaluate import scores
from nightmare.train.filters import low_frequency_share
from nightmare.train.judge import judge_params, sides_swapped
from nightmare.train.model import Model, load_model, model_card, save_model
from nightmare.train.network import Network, pretrained_fingerprint

RETRAIN = Path("models/retrain")
CELL = 128  # pixels of a portrait on a sheet


@dataclass(frozen=True)
class Subject:
    """What networks are taught to dream of: `split`, its pictures as `arrays` of so many pixels, and the folder of the
    network that ResNets `start` from.

    Each of `judges` and `by_features` has learnt from other images than it, of whose it knows the balanced share that
    stands beside it.
    """

    split: pd.DataFrame
    arrays: Callable[[int], Arrays]
    start: Path
    judges: dict[str, tuple[Model, float]]
    by_features: tuple[FeatureJudge, float]


def dominance(judge: Model, dreams: Tensor, classes: Sequence[str]) -> float:
    """The share of `dreams` (classes, n, 3, side, side) in the class that `judge` sees most often.

    A training whose dreams all look alike has 1, and one that shows all classes has 1 / classes at best.
    """
    # All dreams stand in the row of every class: what is recognised in a row is how often its class is seen.
    everywhere = dreams.flatten(0, 1).expand(len(classes), -1, -1, -1, -1)
    return max(recognition(judge, everywhere, classes).classes.values())


def sheet_file(variant: str) -> str:
    """The file for the sheet of a variant, whose name may hold what a path must not."""
    return re.sub(r"[^a-z0-9.]+", "-", variant) + ".png"


def accuracy_table(runs: pd.DataFrame) -> list[dict[str, object]]:
    """A row per variant of `runs`, in their order, each compared to the first."""
    by_variant = runs.groupby("variant", sort=False)[["validation", "test", "minutes"]]
    means, spreads = by_variant.mean(), by_variant.std()
    return [
        {
            "variant": name,
            "validation": mean["validation"],
            "validation, spread": spreads.at[name, "validation"],
            "validation, difference": mean["validation"] - means["validation"].iloc[0],
            "test": mean["test"],
            "test, spread": spreads.at[name, "test"],
            "test, difference": mean["test"] - means["test"].iloc[0],
            "minutes": mean["minutes"],
        }
        for name, mean in means.iterrows()
    ]


def what_is_luck(runs: pd.DataFrame, side: str) -> float:
    """The difference between the means of two given variants of `runs` that seeds alone exceed in one of twenty cases.

    By the variance of seeds within variants, which is taken to be the same in all (see `least_significant_difference`).
    Other images of the same kind would move all figures.
    """
    by_variant = runs.groupby("variant")[side]
    sizes = by_variant.size()
    freedom = int((sizes - 1).sum())
    return least_significant_difference(by_variant.var().mean(), freedom=freedom, runs=sizes.min())


def main() -> None:
    params = load_params()
    trainings, dreaming = accuracy_variants(params), dream_variants(params)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    questions = parser.add_subparsers(dest="question", required=True)
    accuracy = questions.add_parser("accuracy", help="what brings balanced accuracy")
    accuracy.add_argument("--seeds", type=int, choices=range(2, 10), default=3, help="trainings of each variant")
    _add_variants(accuracy, trainings)
    dreams = questions.add_parser("dreams", help="what brings dreams that a judge recognises, in equal time")
    dreams.add_argument(
        "--portraits", type=int, default=2, help="of each class from noise, and from as many photos if there are"
    )
    _add_variants(dreams, dreaming)
    dreams.add_argument("--photos", type=Path, help="a folder of photographs, one folder per class")
    dreams.add_argument("--out", type=Path, required=True, help="folder for a sheet of portraits per variant")
    given = parser.parse_args()
    print(machine())
    if given.question == "accuracy":
        ask_for_accuracy({name: trainings[name] for name in given.variants}, seeds=given.seeds)
    else:
        variants = {name: dreaming[name] for name in given.variants}
        subject = photographs(params, given.photos, out=given.out) if given.photos else default_data(params)
        history = "learning-dreams-photos" if given.photos else "learning-dreams"
        ask_for_dreams(variants, subject, count=given.portraits, out=given.out, history=history)


def _add_variants(question: argparse.ArgumentParser, variants: Mapping[str, object]) -> None:
    names = list(variants)
    question.add_argument(
        "--variants", nargs="+", choices=names, default=names, metavar="NAME", help="only these, in this order"
    )


def ask_for_accuracy(variants: dict[str, Params], *, seeds: int) -> None:
    runs: list[dict[str, object]] = []
    for name, varied in variants.items():
        pictures = pictures_of("data/split.csv", pixels=varied.model.pixels)
        for number in range(seeds):
            _, figures = learnt(_seeded(varied, number), *pictures)
            runs.append({"variant": name, "seed": number, **figures})
        print_table(runs[-seeds:], title=f"{name}: said at once")
        append_history(runs[-seeds:], name="learning-accuracy", repeated=False)
    table = pd.DataFrame(runs)
    rows = accuracy_table(table)
    print_table(rows, title=f"Balanced accuracy, means over {seeds} seeds, spreads as standard deviations")
    append_history(rows, name="learning-accuracy-means", repeated=False)
    for side in ("validation", "test"):
        luck = what_is_luck(table, side)
        print(f"{side}: seeds alone bring a difference of {luck:.3f} in one of twenty cases, more for the best of many")


def default_data(params: Params) -> Subject:
    """The images that culling kept, and the networks of the pipeline."""
    split, _ = pictures_of("data/culled.csv", pixels=params.model.pixels)

    def arrays(pixels: int) -> Arrays:
        return pictures_of("data/culled.csv", pixels=pixels)[1]

    judged = read_table("reports/judge/predictions.csv", PREDICTIONS)
    judges = {
        "efficientnet": (load_model(JUDGE), scores(judged)["balanced_accuracy"]),
        "resnet": _unseeing_judge(params, split, arrays),
    }
    return Subject(split, arrays, RETRAIN, judges, feature_judge(split, arrays(PIXELS), classes_of(split)))


def photographs(params: Params, folder: Path, *, out: Path) -> Subject:
    """Those below `folder`, a network that learnt them as stage train does, kept in `out`, and a judge of its own."""
    photos = clean_photos(folder, seed=params.seed)
    split, arrays = photos.split, smaller(photos.arrays, params.model.pixels)
    save_model(out / "start", learnt(params, split, arrays)[0], model_card(params, split))

    def resized(pixels: int) -> Arrays:
        return smaller(photos.arrays, pixels)

    judges = {
        "efficientnet": _judge(judge_params(params), split, resized),
        "resnet": _unseeing_judge(params, split, resized),
    }
    return Subject(split, resized, out / "start", judges, feature_judge(split, photos.arrays, classes_of(split)))


def _unseeing_judge(params: Params, split: pd.DataFrame, arrays: Callable[[int], Arrays]) -> tuple[Model, float]:
    """One that knows nothing but the images of the subject: what ImageNet has taught may deceive judge and judged."""
    same = {"network": "resnet", "pixels": params.model.pixels, "epochs": params.train.epochs}
    judge = params.judge.model_copy(update=same)
    return _judge(judge_params(params.model_copy(update={"judge": judge})), split, arrays)


def _judge(judging: Params, split: pd.DataFrame, arrays: Callable[[int], Arrays]) -> tuple[Model, float]:
    swapped = sides_swapped(split)
    network, figures = learnt(judging, swapped, arrays(judging.model.pixels))
    card = model_card(judging, swapped)
    return Model(network.requires_grad_(False), card, sha256=""), figures["validation"]


def ask_for_dreams(variants: dict[str, Variant], subject: Subject, *, count: int, out: Path, history: str) -> None:
    split, classes = subject.split, classes_of(subject.split)
    for judge, (_, known) in {**subject.judges, "features": subject.by_features}.items():
        print(f"judge {judge}: balanced accuracy {known:.2f} on images that it has not seen")
    canvases = load_canvases(Path("data/canvases"), pixels=CANVAS)
    rows: list[dict[str, object]] = []
    for name, variant in variants.items():
        varied = variant.params
        if varied.model.network == "resnet":
            start = str(subject.start / "model.safetensors")
            varied = varied.model_copy(update={"model": varied.model.model_copy(update={"pretrained": start})})
        network, figures = learnt(varied, split, subject.arrays(varied.model.pixels), variant.adversary)
        model = Model(network.requires_grad_(False), model_card(varied, split), sha256="")
        starts = starting_points(canvases, count=count, pixels=varied.model.pixels, seed=1)
        from_noise, from_photos = (portraits(model, squares, PORTRAIT) for squares in starts)
        both = torch.cat([from_noise, from_photos], dim=1)
        recognised = {by: recognition(judge, both, classes) for by, (judge, _) in subject.judges.items()}
        rows.append(
            {
                "variant": name,
                "epochs": varied.train.epochs,
                **figures,
                **{f"by {by}": said.share for by, said in recognised.items()},
                "by features": subject.by_features[0].recognised(both),
                "n": 2 * count * len(classes),
                "dominance": dominance(subject.judges["efficientnet"][0], both, classes),
                "darkening": _darkening(starts[1], from_photos),
                "fine": fine_share(torch.cat(starts), both),
                "low frequencies": low_frequency_share(network),
            }
        )
        print_table(rows[-1:], title=f"{name}: said at once, since a run that is stopped dreams all of it anew")
        append_history(rows[-1:], name=history)
        said = recognised["efficientnet"]
        sheet = portrait_sheet(both, said, cell=CELL, title=f"{name}: {said.share:.0%} recognised")
        save_picture(out / sheet_file(name), sheet)
    print_table(
        rows,
        title=f"Trained equally long, with one seed: shares of portraits (by chance {1 / len(classes):.2g})",
    )


def _darkening(photos: Tensor, dreams: Tensor) -> float:
    """The mean of `measures.darkening` over `dreams` (classes, n, 3, side, side) of `photos` (n, 3, side, side)."""
    return float(np.mean([darkening(photo, dream) for photo, dream in pairs_of(photos, dreams)]))


def _seeded(params: Params, number: int) -> Params:
    return params.model_copy(update={"seed": params.seed + number})


def learnt(
    params: Params, split: pd.DataFrame, arrays: Arrays, adversary: Adversary = USUAL
) -> tuple[Network, dict[str, float]]:
    """A network trained under `params` as stage train trains, its balanced accuracies and what it took in minutes."""
    # Its name tells its checkpoints from those against another adversary, or an earlier one of that name.
    name = f"learning-{adversary.name}".replace(" ", "-")
    if adversary is not USUAL:
        name += "-" + fingerprint({"program": Path(adversaries.__file__).read_text(encoding="utf-8")})
    determinants = {
        **params.model_dump(include={"model", "train", "seed"}),
        "adversary": name,
        "pretrained": pretrained_fingerprint(params.model.pretrained),
        "rows": split.sort_values("id")[["id", "label", "side", "grade", "keep"]].to_numpy().tolist(),
    }
    # Kept like the checkpoints, since a training that goes on from one takes only a part of its time, and one that was
    # finished none. Ctrl-C loses nothing of it, a kill what the run had taken.
    clock = checkpoint_path("learning-minutes", determinants).with_name("minutes.json")
    taken = json.loads(clock.read_text(encoding="utf-8")) if clock.exists() else {"minutes": 0.0, "finished": False}
    finished, start = False, time.monotonic()
    try:
        with fought_by(adversary):
            network, table = trained_and_tested(params, split, arrays, seed=params.seed, name=name)
        finished = True
    finally:
        if not taken["finished"]:
            minutes = taken["minutes"] + (time.monotonic() - start) / 60
            write_json(clock, taken := {"minutes": minutes, "finished": finished})
    # A judge has no test side.
    names = {"val": "validation", "test": "test"}
    accuracies = {names[side]: scores(rows)["balanced_accuracy"] for side, rows in table.groupby("side", sort=False)}
    return network, {**accuracies, "minutes": taken["minutes"]}


if __name__ == "__main__":
    main()
