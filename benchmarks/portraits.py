"""Whose dreams show their class: `python -m benchmarks.portraits`, after `make repro`.

Portraits of every class by the plain networks and by the robust one, with one recipe, and the share that the judge
recognises; it has another seed and has seen none of the images that the others learnt from. The sheet of docs/art.md
holds the robust network's from noise and from photos.
"""

import argparse
from pathlib import Path

import torch

from benchmarks.timing import append_history, machine, print_table
from nightmare.atomic import atomic_path
from nightmare.data.canvases import load_canvases
from nightmare.dream.presets import PORTRAIT
from nightmare.dream.recognition import portrait_sheet, portraits, recognition, starting_points
from nightmare.train.model import load_model

JUDGE = Path("models/judge")
MODELS = ("train", "retrain", "robust")
# What turned out to matter in the recipe, one thing taken away at a time.
RECIPES = {
    "portrait": PORTRAIT,
    "pixels": PORTRAIT.model_copy(update={"parametrisation": "pixels"}),
    "one octave": PORTRAIT.model_copy(update={"octaves": 1, "iterations": 60}),
    "no turning": PORTRAIT.model_copy(update={"rotation": 0.0, "zoom": 0.0, "jitter": 0}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4, help="starting points of each kind")
    parser.add_argument("--pixels", type=int, default=128, help="side of the portraits")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["portrait"])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sheet", type=Path, help="where the portraits of the last model go, as a JPEG")
    wishes = parser.parse_args()
    print(machine())
    judge = load_model(JUDGE)
    canvases = load_canvases(Path("data/canvases"), pixels=2 * wishes.pixels)
    clouds, squares = starting_points(canvases, count=wishes.count, pixels=wishes.pixels, seed=1)
    rows: list[dict[str, object]] = []
    for recipe in wishes.recipes:
        for name in wishes.models:
            model = load_model(Path("models") / name)
            made = [portraits(model, starts, RECIPES[recipe]) for starts in (clouds, squares)]
            said = [recognition(judge, dreams, model.card.classes) for dreams in made]
            rows.append(
                {"recipe": recipe, "model": name, "noise": said[0].share, "photos": said[1].share, "n": said[0].n}
            )
    print_table(rows, title="Share of portraits that the judge recognises (chance 0.1)")
    append_history(rows, name="portraits")
    if wishes.sheet:
        both = torch.cat(made, dim=1)
        sheet = portrait_sheet(both, recognition(judge, both, model.card.classes), cell=2 * wishes.pixels, title="")
        with atomic_path(wishes.sheet) as temporary:
            sheet.save(temporary, "JPEG", quality=85)


if __name__ == "__main__":
    main()
