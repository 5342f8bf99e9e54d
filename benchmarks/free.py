"""What colours and balance in training do to dreams: `python -m benchmarks.free --sheet free.jpg`, after `make repro`.

The dreams of 2019 were dark, and one class, the worms, was in many; its authors wondered whether colour jitter and
even classes cure that. So the first network of the pipeline is trained with more and less of either, for half as long
as by default (some 45 minutes on a core with AVX2 alone), and dreams over squares of the shipped photos as stage dream
does, of no class in particular. After a stop, run it again: trainings go on from their checkpoints.
"""

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from PIL import Image

from benchmarks.learning import learnt
from benchmarks.portraits import save_sheet
from benchmarks.timing import append_history, machine, print_table
from benchmarks.trained import pictures_of
from benchmarks.variants import accuracy_variants
from nightmare.data.canvases import load_canvases
from nightmare.dream.engine import dream, to_picture, to_tensor
from nightmare.dream.measures import class_bias, measure_dream
from nightmare.dream.recipe import Recipe
from nightmare.params import Params, load_params
from nightmare.sheets import contact_sheet
from nightmare.train.model import Model, model_card

CANVASES = Path("data/canvases")
SHOWN = 8  # dreams of each training on the sheet
CELL = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path, required=True, help="where a row of dreams per training goes, as a JPEG")
    wishes = parser.parse_args()
    print(machine())
    params = load_params()
    recipe = Recipe.checked({"seed": params.seed, **params.dream.model_dump(include=set(Recipe.model_fields))})
    canvases = load_canvases(CANVASES, pixels=params.dream.pixels)
    squares = [square for canvas in canvases for square in squares_of(canvas.image)]
    split, arrays = pictures_of("data/split.csv", pixels=params.model.pixels)
    rows: list[dict[str, object]] = []
    pictures: list[Image.Image | None] = []
    captions: list[str] = []
    for name, varied in trainings(params).items():
        network, figures = learnt(varied, split, arrays)
        model = Model(network.requires_grad_(False), model_card(varied, split), sha256="")
        dreams = dreams_of(model, squares, recipe)
        rows.append({"training": name, "validation": figures["validation"], **measured(model, squares, dreams, recipe)})
        print_table(rows[-1:], title=name)
        append_history(rows[-1:], name="free-dreams")
        # Of each photo some.
        pictures += dreams[:: max(1, len(dreams) // SHOWN)][:SHOWN]
        captions += [name, *[""] * (SHOWN - 1)]
    print_table(rows, title="Dreams of no class in particular, over squares of photos")
    save_sheet(wishes.sheet, contact_sheet(pictures, captions, columns=SHOWN, cell=CELL, title="Dreams"))


def trainings(params: Params) -> dict[str, Params]:
    """Those of `params`, the first, and with other jitter or balance, all for half as many epochs."""
    train = params.train.model_copy(update={"epochs": math.ceil(params.train.epochs / 2)})
    half = params.model_copy(update={"train": train})
    known = accuracy_variants(half)
    wild = half.model_copy(update={"train": train.model_copy(update={"color_jitter": 0.8})})
    return {
        "default": half,
        "no colour jitter": known["no colour jitter"],
        "wild colours": wild,
        "balance 0": known["balance 0"],
        "balance 1": known["balance 1"],
    }


def squares_of(photo: Image.Image) -> list[Image.Image]:
    """The four corners of `photo` and its middle, as squares of half its longer side, or of all of its shorter one."""
    side = min(*photo.size, max(photo.size) // 2)
    right, bottom = photo.width - side, photo.height - side
    places = [(0, 0), (right, 0), (right // 2, bottom // 2), (0, bottom), (right, bottom)]
    return [photo.crop((left, top, left + side, top + side)) for left, top in places]


def dreams_of(model: Model, squares: Sequence[Image.Image], recipe: Recipe) -> list[Image.Image]:
    """Of each of `squares` what `model` dreams by `recipe`."""
    return [
        to_picture(dream(model, to_tensor(square), recipe, names=[f"square {number}"])[0])
        for number, square in enumerate(squares)
    ]


def measured(
    model: Model, squares: Sequence[Image.Image], dreams: Sequence[Image.Image], recipe: Recipe
) -> dict[str, object]:
    """How dark and how much of one class `dreams` of `squares` are, the class being what `model` sees more of."""
    with torch.no_grad():
        measures = [measure_dream(model, *pair, recipe) for pair in zip(squares, dreams, strict=True)]
    seen = [one.dreamt_class for one in measures]
    bias = class_bias(seen, class_count=len(model.card.classes))
    darkening = pd.Series([one.darkening for one in measures])
    return {
        "n": len(dreams),
        "darkening": float(darkening.mean()),
        "darkening, spread": float(darkening.std()),
        "class entropy": bias.entropy,
        "largest class": bias.largest_share,
        "which": Counter(seen).most_common(1)[0][0],
    }


if __name__ == "__main__":
    main()
