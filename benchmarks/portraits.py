"""Whose dreams show their class: `python -m benchmarks.portraits`, after `make repro`.

Portraits of every class by the plain networks and by the robust one, each at the size that the network sees, with one
recipe, and the share that the judge recognises; it has another seed and has seen none of the images that the others
learnt from. A second judge learns from the same images as the first, but from features that only ImageNet has formed.
The sheet of docs/art.md holds the robust network's portraits from noise and from photos.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks.timing import append_history, machine, print_table
from benchmarks.trained import pictures_of
from nightmare.atomic import atomic_path
from nightmare.cull.discriminant import log_probabilities
from nightmare.cull.features import PIXELS, seen_by_network
from nightmare.data.arrays import Arrays
from nightmare.data.canvases import load_canvases
from nightmare.dream.engine import resized, to_picture
from nightmare.dream.measures import structure
from nightmare.dream.presets import PORTRAIT
from nightmare.dream.recognition import portrait_sheet, portraits, recognition, starting_points
from nightmare.tables import PREDICTIONS, read_table
from nightmare.train.evaluate import prediction_table, scores
from nightmare.train.model import load_model

JUDGE = Path("models/judge")
MODELS = ("train", "retrain", "robust")
CANVAS = 256  # longer side of the photos whose middles are dreamt on
CELL = 144  # side of a portrait on the sheet
STRUCTURE = 128  # side at which the structure of all portraits is measured
# What might matter in the recipe, one thing changed at a time.
RECIPES = {
    "portrait": PORTRAIT,
    "pixels": PORTRAIT.model_copy(update={"parametrisation": "pixels"}),
    "a third of the steps": PORTRAIT.model_copy(update={"iterations": 7}),
    "twice the steps": PORTRAIT.model_copy(update={"iterations": 40}),
    "five octaves": PORTRAIT.model_copy(update={"octaves": 5, "iterations": 12}),
    "one octave": PORTRAIT.model_copy(update={"octaves": 1, "iterations": 60}),
    "no turning": PORTRAIT.model_copy(update={"rotation": 0.0, "zoom": 0.0, "jitter": 0}),
}


class FeatureJudge:
    """Says of pictures which class they show, by features of ImageNet and what the pictures `taught` have taught."""

    def __init__(self, taught: NDArray[np.uint8], labels: Sequence[str], classes: Sequence[str]) -> None:
        self.features, self.classes = seen_by_network(taught), tuple(classes)
        self.believed = np.eye(len(classes))[[self.classes.index(label) for label in labels]]

    def __call__(self, rgba: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probabilities (n, classes) of pictures (n, 4, height, width)."""
        mean, deviation = self.features.mean(axis=0), self.features.std(axis=0) + 1e-9
        features = (np.concatenate([self.features, seen_by_network(rgba)]) - mean) / deviation
        believed = np.concatenate([self.believed, np.zeros((len(rgba), len(self.classes)))])
        # What is judged is a fold of its own, which learns from the other one.
        judged = np.arange(len(features)) >= len(self.features)
        said: NDArray[np.float64] = np.exp(log_probabilities(features, believed, judged.astype(np.int64)))[judged]
        return said

    def recognised(self, dreams: Tensor) -> float:
        """The share of `dreams` (classes, n, 3, side, side) that it gives their class."""
        opaque = torch.cat([dreams.flatten(0, 1), torch.ones_like(dreams.flatten(0, 1)[:, :1])], dim=1)
        said = self((opaque.clamp(0, 1) * 255).round().byte().numpy()).argmax(axis=1)
        return float(np.mean(said.reshape(len(dreams), -1) == np.arange(len(dreams))[:, None]))


def feature_judge(split: pd.DataFrame, arrays: Arrays, classes: Sequence[str]) -> tuple[FeatureJudge, float]:
    """A judge that has learnt from the validation and test rows, and its balanced accuracy on the training rows."""
    taught, unseen = split[split["side"] != "train"], split[split["side"] == "train"]
    judge = FeatureJudge(arrays.rgba[arrays.rows(taught["id"])], list(taught["label"]), classes)
    said = prediction_table(unseen, judge(arrays.rgba[arrays.rows(unseen["id"])]), tuple(classes))
    return judge, scores(said)["balanced_accuracy"]


def save_sheet(path: Path, sheet: Image.Image) -> None:
    """Write `sheet` as a JPEG, a tenth of its PNG, for a document."""
    with atomic_path(path) as temporary:
        sheet.save(temporary, "JPEG", quality=85)


def pairs_of(starts: Tensor, dreams: Tensor) -> list[tuple[Image.Image, Image.Image]]:
    """Each of `dreams` (classes, n, 3, side, side) behind the one of `starts` (n, 3, side, side) that it began with."""
    return [(to_picture(start), to_picture(dream)) for row in dreams for start, dream in zip(starts, row, strict=True)]


def fine_share(starts: Tensor, dreams: Tensor) -> float:
    """How much of what `dreams` (classes, n, 3, side, side) changed of `starts` (n, 3, side, side) is fine, 0 to 1.

    The mean of what `measures.structure` finds below 8 pixels of a side of `STRUCTURE`, to which all are brought.
    """
    before, after = (
        resized(pictures, (STRUCTURE, STRUCTURE)).clamp(0, 1) for pictures in (starts, dreams.flatten(0, 1))
    )
    pairs = pairs_of(before, after.unflatten(0, dreams.shape[:2]))
    return float(np.mean([structure(start, dream)[0] for start, dream in pairs]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4, help="starting points of each kind")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["portrait"])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sheet", type=Path, help="where the portraits of the last model go, as a JPEG")
    wishes = parser.parse_args()
    print(machine())
    judge = load_model(JUDGE)
    by_features, known = feature_judge(*pictures_of("data/split.csv", pixels=PIXELS), judge.card.classes)
    judged = read_table("reports/judge/predictions.csv", PREDICTIONS)
    print(
        f"balanced accuracy on images that were not seen: {scores(judged)['balanced_accuracy']:.2f} of the judge, "
        f"{known:.2f} of the judge by features"
    )
    canvases = load_canvases(Path("data/canvases"), pixels=CANVAS)
    rows: list[dict[str, object]] = []
    for recipe in wishes.recipes:
        for name in wishes.models:
            model = load_model(Path("models") / name)
            starts = starting_points(canvases, count=wishes.count, pixels=model.card.pixels, seed=1)
            made = [portraits(model, squares, RECIPES[recipe]) for squares in starts]
            said = [recognition(judge, dreams, model.card.classes) for dreams in made]
            rows.append(
                {
                    "recipe": recipe,
                    "model": name,
                    "noise": said[0].share,
                    "photos": said[1].share,
                    "noise, error": said[0].error,
                    "photos, error": said[1].error,
                    "noise, by features": by_features.recognised(made[0]),
                    "photos, by features": by_features.recognised(made[1]),
                    "noise, fine": fine_share(starts[0], made[0]),
                    "photos, fine": fine_share(starts[1], made[1]),
                    "n": said[0].n,
                }
            )
            print_table(rows[-1:], title=f"{recipe}, {name}: said at once")
            append_history(rows[-1:], name="portraits")
    print_table(rows, title="Share of portraits that the judges recognise (chance 0.1)")
    if wishes.sheet:
        both = torch.cat(made, dim=1)
        sheet = portrait_sheet(both, recognition(judge, both, model.card.classes), cell=CELL, title="")
        save_sheet(wishes.sheet, sheet)


if __name__ == "__main__":
    main()
