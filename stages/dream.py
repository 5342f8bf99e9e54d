"""Stage dream: the robust model dreams over the canvases, and a judge says what it recognises.

In: models/robust, models/judge, data/canvases and the photos of installed packages. Out: dreams/ with the pictures,
their table, an album and a sheet; reports/dream/ with metrics, a small sheet and portraits of the classes.
"""

import sys
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image

from nightmare.atomic import atomic_directory, save_picture, write_json
from nightmare.data.canvases import load_canvases
from nightmare.dream.gallery import Commission, commissions, dream_sheet, fulfil, summary
from nightmare.dream.presets import PORTRAIT
from nightmare.dream.recipe import Recipe
from nightmare.dream.recognition import judged, portrait_sheet, portraits, recognition, starting_points
from nightmare.dream.sweep import Axis, sweep
from nightmare.dream.workers import ModelFolder
from nightmare.errors import exit_code
from nightmare.parallel import parallel_map
from nightmare.params import load_params
from nightmare.tables import DREAMS, write_table
from nightmare.train.model import load_model

MODEL = Path("models/robust")
JUDGE = Path("models/judge")
CANVASES = Path("data/canvases")
REPORTS = Path("reports/dream")


def main() -> None:
    params = load_params()
    model, judge = load_model(MODEL), load_model(JUDGE)
    folder = ModelFolder(MODEL.resolve(), model.sha256)
    classes = model.card.classes
    canvases = load_canvases(CANVASES, pixels=params.dream.pixels)
    settings = params.dream.model_dump(include=set(Recipe.model_fields))
    recipe = Recipe.checked({"seed": params.seed, **settings})
    wanted = commissions(canvases, recipe, classes=classes if params.dream.classes else ())
    # Before anything is dreamt, since it refuses to make more portraits than there are photos.
    starts = starting_points(canvases, count=params.dream.portraits, pixels=model.card.pixels, seed=params.seed)
    with atomic_directory("dreams") as directory:
        make = partial(fulfil, folder=folder, directory=directory.resolve())
        dreams = pd.DataFrame(parallel_map(make, wanted, label="dreams", unit="dream"))
        dreams["judged"] = judged(judge, (_picture(directory / name) for name in dreams["path"]))
        write_table(dreams, directory / "dreams.csv", DREAMS)
        save_picture(directory / "sheet.png", dream_sheet(dreams, canvases, directory, cell=params.dream.pixels))
        save_picture(REPORTS / "sheet.png", dream_sheet(dreams, canvases, directory, cell=128))
        small = load_canvases(CANVASES, pixels=params.dream.pixels // 2)[0]
        album = sweep(
            folder,
            Commission(small, recipe),
            rows=Axis("octaves", params.dream.album_octaves),
            columns=Axis("iterations", params.dream.album_iterations),
            directory=directory.resolve() / "album",
        )
        save_picture(directory / "album.png", album)
    metrics = summary(dreams, class_count=len(classes))
    of_class = dreams[dreams["objective"].str.startswith("class:")]
    if len(of_class):
        right = of_class["judged"] == of_class["objective"].str.removeprefix("class:")
        metrics |= {"recognised_canvases": float(right.mean()), "recognised_canvases_n": len(right)}
    for name, squares in zip(("noise", "photos"), starts, strict=True):
        made = portraits(model, squares, PORTRAIT.model_copy(update={"seed": params.seed}))
        recognised = recognition(judge, made, classes)
        metrics |= {f"recognised_{name}": recognised.share, f"recognised_{name}_error": recognised.error}
        metrics["recognised_n"] = recognised.n
        title = f"Dreams of each class from {name}: {recognised.share:.0%} recognised"
        save_picture(REPORTS / f"portraits_{name}.png", portrait_sheet(made, recognised, cell=96, title=title))
    write_json(REPORTS / "metrics.json", metrics)


def _picture(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


if __name__ == "__main__":
    sys.exit(exit_code(main))
