from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from nightmare.data.canvases import Canvas
from nightmare.dream.engine import dream_pictures, to_picture
from nightmare.dream.gallery import Commission, commissions, dream_filename, dream_sheet, fulfil, summary
from nightmare.dream.picture import read_provenance
from nightmare.dream.recipe import Recipe
from nightmare.dream.workers import ModelFolder
from nightmare.tables import DREAMS, read_table, write_table
from nightmare.train.model import Model

BRIEF = Recipe(layers={"layer2": 1.0}, octaves=1, iterations=2, jitter=2)


@pytest.fixture
def canvases(photos: Tensor) -> list[Canvas]:
    return [Canvas(name, to_picture(photos[n]), str(n) * 64, "CC0-1.0", "me") for n, name in enumerate(("cat", "sea"))]


def test_every_canvas_and_every_class_is_dreamt_of_under_its_own_name(canvases: list[Canvas]) -> None:
    wanted = commissions(canvases, BRIEF, classes=("clown", "skull", "spider"))
    assert [commission.filename for commission in wanted] == [
        "cat-energy.png",
        "sea-energy.png",
        "cat-class-clown.png",
        "sea-class-skull.png",
        "cat-class-spider.png",
    ]
    assert len(commissions(canvases, BRIEF, classes=())) == 2


def test_a_class_name_cannot_leave_the_folder(canvases: list[Canvas]) -> None:
    odd = BRIEF.model_copy(update={"objective": "class:../../etc"})
    assert "/" not in Commission(canvases[0], odd).filename


def test_a_file_of_any_recipe_and_photo_can_be_written(tmp_path: Path) -> None:
    # A temporary name is longer by a dot, the number of the process and `.part`.
    longest = 255 - len(".9999999.part") - 1
    many = ",".join(map(str, range(300)))
    names = [
        dream_filename(name, BRIEF.model_copy(update={"objective": objective}), mark="012345", suffix=".webp")
        for name in ("sea", "海" * 80)
        for objective in (f"channel:{many}", f"channel:{many},7", "energy")
    ]
    assert len(set(names)) == len(names)
    assert names[2] == "sea-energy-012345.webp"
    for name in names:
        assert len(name.encode()) <= longest
        (tmp_path / name).touch()


def test_a_picture_says_what_made_it_and_can_be_made_again(
    tmp_path: Path, model: Model, model_folder: ModelFolder, canvases: list[Canvas]
) -> None:
    recipe = BRIEF.model_copy(update={"objective": "class:skull"})
    row = fulfil(Commission(canvases[1], recipe), folder=model_folder, directory=tmp_path)
    provenance = read_provenance(tmp_path / row["path"])
    assert provenance.model == model.sha256
    assert provenance.canvas == canvases[1].sha256
    assert provenance.recipe == recipe
    (again,) = dream_pictures(model, [canvases[1].image], provenance.recipe, names=[provenance.canvas])
    with Image.open(tmp_path / row["path"]) as picture:
        assert picture.tobytes() == again.tobytes()
    assert len(row["octave_gains"].split()) == recipe.octaves
    assert provenance.threads == torch.get_num_threads()
    assert provenance.torch == torch.__version__
    assert asdict(provenance.measures).items() <= row.items()
    write_table(pd.DataFrame([row]), tmp_path / "dreams.csv", DREAMS)
    assert read_table(tmp_path / "dreams.csv", DREAMS).loc[0, "canvas"] == "sea"


def test_the_summary_counts_all_and_judges_bias_by_free_dreams() -> None:
    dreams = pd.DataFrame(
        {
            "objective": ["energy", "energy", "class:skull"],
            "dreamt_class": ["worm", "worm", "skull"],
            "activation_gain": [2.0, 4.0, 90.0],
            "darkening": [-0.2, 0.1, 0.4],
            "clipped_share": [0.0, 0.3, 0.0],
            "distance": [0.1, 0.1, 0.4],
            "structure_fine": [0.6, 0.6, 0.9],
            "similarity": [0.5, 0.5, 0.2],
            "class_shift": [0.1, 0.2, 0.9],
        }
    )
    metrics = summary(dreams, class_count=10)
    assert metrics == pytest.approx(
        {
            "n": 3,
            "activation_gain": 3.0,
            "darkening": 0.1,
            "clipped_share": 0.1,
            "distance": 0.2,
            "structure_fine": 0.7,
            "similarity": 0.4,
            "class_shift": 0.4,
            "class_entropy": 0.0,
            "class_largest_share": 1.0,
        }
    )

    told = summary(dreams[dreams["objective"] != "energy"], class_count=10)
    assert told["n"] == 1
    assert "class_entropy" not in told


def test_a_class_that_all_dream_of_is_not_dreamt_of_twice(canvases: list[Canvas]) -> None:
    recipe = BRIEF.model_copy(update={"objective": "class:skull"})
    names = [commission.filename for commission in commissions(canvases, recipe, classes=("clown", "skull"))]
    assert names == ["cat-class-skull.png", "sea-class-skull.png", "cat-class-clown.png"]


def test_the_sheet_gives_each_canvas_a_row(tmp_path: Path, canvases: list[Canvas]) -> None:
    colors = {"cat-a.png": (250, 0, 0), "cat-b.png": (0, 250, 0), "sea-a.png": (0, 0, 250)}
    for name, color in colors.items():
        Image.new("RGB", (60, 60), color).save(tmp_path / name)
    dreams = pd.DataFrame(
        {"path": list(colors), "canvas": ["cat", "cat", "sea"], "objective": "energy", "dreamt_class": "worm"}
    )
    sheet = np.asarray(dream_sheet(dreams, canvases, tmp_path, cell=60))
    tops = [np.nonzero((sheet == color).all(axis=2))[0].min() for color in colors.values()]
    assert tops[0] == tops[1] < tops[2]


def test_a_process_reads_a_model_once_and_a_new_one_anew(tmp_path: Path, model_folder: ModelFolder) -> None:
    assert model_folder.load() is ModelFolder(model_folder.directory, model_folder.sha256).load()
    assert ModelFolder(model_folder.directory, "0" * 64).load() is not model_folder.load()
