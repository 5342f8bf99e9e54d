"""The command: what it makes, what it says, and its exit codes."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision import models
from typer.testing import CliRunner

from nightmare import cli
from nightmare.cli import app
from nightmare.dream.picture import read_provenance
from nightmare.train.model import ModelCard, save_model
from nightmare.train.network import MEAN, STD, build_network


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")
    torch.manual_seed(0)
    card = ModelCard(
        architecture="resnet18", classes=("a", "b"), pixels=32, mean=MEAN, std=STD, dataset="0" * 16, parameters={}
    )
    save_model(tmp_path / "model", build_network("resnet18", 2), card)
    (tmp_path / "photos").mkdir()
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "photos" / "sea.png")
    (tmp_path / "photos" / "page.jpg").write_bytes(b"<html>")
    return tmp_path


def nightmare(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.stdout, done.stderr


DREAM = ("dream", "photos", "-o", "out", "--model", "model", "--octaves", "1", "--iterations", "1", "--pixels", "64")


def test_dream_and_redream(workspace: Path) -> None:
    code, said, complaints = nightmare(*DREAM, "--objective", "class:b")
    assert code == 1
    (made,) = Path("out").glob("sea-class-b-*.png")
    assert str(made) in said
    assert "1 made, 0 there already, 1 refused" in said
    assert "photos/page.jpg: format" in complaints
    assert "error: 1 of 2 photos were refused" in complaints

    (workspace / "photos" / "page.jpg").unlink()
    assert nightmare(*DREAM, "--objective", "class:b")[:2] == (0, "0 made, 1 there already, 0 refused\n")
    again = ("redream", str(made), "--model", "model", "--photo", "photos")
    code, said, complaints = nightmare(*again, "-o", "again.png")
    assert (code, complaints) == (0, "")
    assert re.fullmatch(r"1 to make, about \d+ s\n", said)
    assert (workspace / "again.png").read_bytes() == made.read_bytes()
    code, _, complaints = nightmare(*again, "-o", "photos/sea.png", "--pixels", "96")
    assert (code, "photos/sea.png is a picture that is dreamt from" in complaints) == (1, True), complaints


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--layers", "layer9"), "no layer layer9 in the model: did you mean"),
        (("--objective", "class:c"), "no class c in the model"),
        (("--octaves", "0"), "octaves = 0"),
        (("--preset", "fewer"), "no preset fewer: choose of whisper"),
        (("--preset", ""), "no preset : choose of whisper"),
        (("--model", "absent"), "no model in absent"),
    ],
)
def test_a_wrong_wish_is_an_error_in_words(workspace: Path, arguments: tuple[str, ...], complaint: str) -> None:
    (workspace / "photos" / "page.jpg").unlink()
    code, _, complaints = nightmare(*DREAM, *arguments)
    assert code == 1
    assert complaints.startswith("error: ")
    assert complaint in complaints
    assert not Path("out").exists()


def test_names_that_the_file_system_refuses_are_an_error_in_words(workspace: Path) -> None:
    (workspace / "photos" / "page.jpg").unlink()
    (workspace / "loop").symlink_to("loop")
    long = "x" * 300
    for arguments, complaint in (
        ((*DREAM[:3], "loop/out", *DREAM[4:]), "(loop/out): a link leads back to itself"),
        ((*DREAM[:3], long, *DREAM[4:]), f"({long}/dreams.csv): give a shorter name"),
        (("layers", "loop"), "(loop/model.json): a link leads back to itself"),
        (("layers", long), f"({long}/model.json): give a shorter name"),
    ):
        code, _, complaints = nightmare(*arguments)
        assert (code, complaint in complaints) == (1, True), complaints


def test_names_that_are_no_utf8_are_printed_as_they_are(workspace: Path) -> None:
    out = b"out-\xff.gif"
    film = ("film", "zoom", "photos/sea.png", "--model", "model", "--pixels", "64", "--frames", "1", "-o")
    done = subprocess.run(
        [sys.executable, "-c", "from nightmare.cli import app; app()", *film, out],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict", "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[-1] == out
    assert Path(os.fsdecode(out)).is_file()


def test_layers(workspace: Path) -> None:
    code, said, _ = nightmare("layers", "model")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()][:2] == ["layer", "conv1"]
    assert "layer3.1.conv2" not in said
    assert "layer3.1.conv2" in nightmare("layers", "model", "--deep")[1]
    code, said, complaints = nightmare("layers", "absent")
    assert (code, said, "no model in absent" in complaints) == (1, "", True)


def test_every_setting_is_an_option() -> None:
    from nightmare.dream.recipe import Recipe

    assert Recipe.model_fields.keys() - cli._SETTINGS.keys() == {"masks"}
    assert cli._SETTINGS.keys() <= Recipe.model_fields.keys()


def test_sweep_and_a_cell_made_large(workspace: Path) -> None:
    sweep = ("sweep", "photos/sea.png", "--model", "model", "--pixels", "64", "--jitter", "2")
    code, said, complaints = nightmare(
        *sweep, "--rows", "octaves=1,2", "--columns", "iterations=0,1", "-o", "album.png"
    )
    assert (code, complaints) == (0, "")
    assert re.fullmatch(r"4 to make, about \d+ s\nalbum.png, its cells in album/\n", said)
    assert len(list((workspace / "album").iterdir())) == 4
    cell = "album/octaves-2-iterations-1.png"
    again = ("redream", cell, "--model", "model", "--photo", "photos/sea.png")
    assert nightmare(*again, "-o", "same.png")[0] == 0
    assert (workspace / "same.png").read_bytes() == (workspace / cell).read_bytes()
    assert nightmare(*again, "-o", "large.png", "--pixels", "128")[0] == 0
    with Image.open("large.png") as large:
        assert large.size == (128, 128)
    for rows, out, complaint in (
        ("octaves=1", "album", "end the name with .png"),
        ("iterations=1", "a.png", "both sweep iterations"),
        ("octaves=1,1", "a.png", "give each once"),
        ("layers=layer2,layer9", "a.png", "no layer layer9"),
        (
            "octaves=1",
            "photos/sea.png",
            "photos/sea.png is a picture that is dreamt from: give the output another name",
        ),
    ):
        code, _, complaints = nightmare(*sweep, "--rows", rows, "--columns", "iterations=1", "-o", out)
        assert (code, complaint in complaints) == (1, True), complaints
    assert not Path("a").exists()


def test_sweep_within_a_mask_towards_a_guide(workspace: Path) -> None:
    Image.radial_gradient("L").save("mask.png")
    Image.radial_gradient("L").convert("RGB").save("guide.png")
    sweep = ("sweep", "photos/sea.png", "--model", "model", "--pixels", "64", "--octaves", "1", "-o", "album.png")
    pictures = ("--guide", "guide.png", "--mask", "mask.png:layer2")
    axes = ("--rows", "iterations=1", "--columns", "objective=guided,guided:mean")
    code, _, complaints = nightmare(*sweep, *pictures, *axes)
    assert (code, complaints) == (0, ""), complaints
    made = read_provenance(Path("album/iterations-1-objective-guided-mean.png"))
    assert (made.recipe.masks, made.recipe.objective) == ([{"layer2": 1.0}], "guided:mean")
    assert made.guides == (hashlib.sha256(Path("guide.png").read_bytes()).hexdigest(),)
    assert made.masks == (hashlib.sha256(Path("mask.png").read_bytes()).hexdigest(),)
    code, _, complaints = nightmare(*sweep, "--mask", "photos", *axes)
    assert (code, "photos is a folder: give one picture" in complaints) == (1, True), complaints


def test_film(workspace: Path) -> None:
    film = ("film", "zoom", "photos/sea.png", "--model", "model", "--pixels", "64", "--jitter", "2")
    code, said, _ = nightmare(*film, "-o", "zoom.gif", "--frames", "2")
    assert code == 0
    assert re.fullmatch(r"2 to make, about \d+ s\nzoom.gif\n", said)
    assert nightmare(*film, "-o", "zoom.gif", "--frames", "2")[:2] == (0, "zoom.gif\n")
    recipe = json.loads((workspace / "zoom.frames" / "film.json").read_text())["recipe"]
    assert (recipe["octaves"], recipe["iterations"]) == (2, 1)
    (workspace / "recipe.json").write_text('{"octaves": 1, "iterations": 3}')
    assert nightmare(*film, "-o", "other.gif", "--frames", "1", "--recipe", "recipe.json")[0] == 0
    recipe = json.loads((workspace / "other.frames" / "film.json").read_text())["recipe"]
    assert (recipe["octaves"], recipe["iterations"]) == (1, 3)
    lapse = ("film", "timelapse", "photos/sea.png", "model", "--pixels", "64", "--iterations", "1")
    pictures = ("--objective", "guided", "--guide", "photos/sea.png", "--mask", "photos/sea.png")
    code, said, complaints = nightmare(*lapse, *pictures, "-o", "lapse.mp4")
    assert (code, complaints) == (0, "")
    assert re.fullmatch(r"1 to make, about \d+ s\nlapse.mp4\n", said)
    assert json.loads((workspace / "lapse.frames" / "film.json").read_text())["recipe"]["masks"] == [{}]


def test_a_film_does_not_take_the_place_of_its_photo(workspace: Path) -> None:
    Image.linear_gradient("L").save("sea.gif")
    before = Path("sea.gif").read_bytes()
    Path("folder.gif").mkdir()
    film = ("film", "zoom", "sea.gif", "--model", "model", "--pixels", "64", "--frames", "1")
    for out, complaint in (("sea.gif", "a picture that is dreamt from"), ("folder.gif", "a folder")):
        code, _, complaints = nightmare(*film, "-o", out)
        assert (code, f"{out} is {complaint}: give the output another name" in complaints) == (1, True), complaints
    assert Path("sea.gif").read_bytes() == before
    assert not list(workspace.glob("*.frames"))


def test_pictures_that_the_recipe_needs(workspace: Path) -> None:
    (workspace / "photos" / "page.jpg").unlink()
    Image.radial_gradient("L").save("mask.png")
    Image.radial_gradient("L").convert("RGB").save("guide.png")
    guided = ("--objective", "guided", "--guide", "guide.png", "--mask", "mask.png", "--mask", "mask.png:layer2")
    code, said, complaints = nightmare(*DREAM, *guided, "--format", "webp", "--profile")
    assert (code, complaints) == (0, "")
    shares = {line.split()[0]: float(line.split()[-1].rstrip("%")) for line in said.splitlines() if line.endswith("%")}
    assert shares["convolutions"] > 15  # of a picture of 64 pixels
    (made,) = Path("out").glob("*.webp")
    assert read_provenance(made).recipe.masks == [{}, {"layer2": 1.0}]
    again = (*DREAM, "--recipe", str(made), "--octaves", "2")
    code, _, complaints = nightmare(*again)
    assert (code, "has layers for 2 masks and 0 are given" in complaints) == (1, True), complaints
    code, _, complaints = nightmare(*again, "--mask", "mask.png", "--mask", "mask.png")
    assert (code, "there is no guide" in complaints) == (1, True), complaints


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--mask", "mask.png:layer3=0"), "nothing to dream of"),
        (("--mask", "mask.png:layer2", "--objective", "class:b"), "a dream of a class looks at no layers"),
        (("--layers", "layer2", "--objective", "class:b"), "class:b looks at no layers: leave layers out"),
        (("--guide", "mask.png"), "ignores guides: set it to guided"),
        (("--objective", "guided"), "there is no guide"),
        (("--format", "gif"), ".png"),
        (("--tile", "big"), "auto or none"),
        (("--recipe", "photos"), "no recipe at photos"),
        (("--recipe", "mask.png"), "does not say how it was made"),
        (("--recipe", "mask.png", "--preset", "fever"), "give one"),
        (("--octaves", "2", "--iterations", "1,2,3"), "iterations has 3 numbers for 2 octaves"),
        (("--weights", "absent.pth"), "no classifier model in torchvision"),
    ],
)
def test_more_wrong_wishes(workspace: Path, arguments: tuple[str, ...], complaint: str) -> None:
    (workspace / "photos" / "page.jpg").unlink()
    Image.radial_gradient("L").save("mask.png")
    code, _, complaints = nightmare(*DREAM, *arguments)
    assert (code, complaint in complaints) == (1, True), complaints
    assert not Path("out").exists()


def test_a_classifier_of_torchvision(workspace: Path) -> None:
    (workspace / "photos" / "page.jpg").unlink()
    network = models.squeezenet1_1(weights=None, num_classes=5)
    torch.save(network.state_dict(), "squeeze.pth")
    dream = [*DREAM[:5], "squeezenet1_1", "--weights", "squeeze.pth", *DREAM[6:]]
    code, said, complaints = nightmare(*dream, "--layers", "features.6")
    assert (code, complaints) == (0, ""), complaints
    assert "1 made" in said
    code, _, complaints = nightmare(*dream[:5], "resnet18", *dream[6:])
    assert (code, "it is of another network" in complaints) == (1, True), complaints


@pytest.mark.parametrize("arguments", [("queue", "--scale", "0.1"), ("table",)])
def test_experiments_away_from_the_project(workspace: Path, arguments: tuple[str, ...]) -> None:
    code, said, complaints = nightmare("experiments", *arguments)
    assert (code, said) == (1, "")
    assert "run in the folder that holds dvc.yaml" in complaints
