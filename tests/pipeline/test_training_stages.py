"""What train and evaluate make of the tables and models before them: the stages in this process, on blank pictures."""

import io
import runpy
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest
import torch
from clones import ROOT
from PIL import Image
from torch import Tensor, nn

from nightmare.cache import fingerprint
from nightmare.data.store import write_images
from nightmare.params import ModelParams, TrainParams, load_params
from nightmare.tables import IMAGES, PREDICTIONS, SPLIT, read_table, write_table
from nightmare.train import loop
from nightmare.train.checkpoint import save_checkpoint
from nightmare.train.loop import Trained
from nightmare.train.model import ModelCard, load_model, save_model
from nightmare.train.network import MEAN, STD, build_network

CLASSES = ("bars", "disc")


@dataclass(frozen=True)
class Training:
    """What a stage has asked to be trained."""

    split: pd.DataFrame
    model: ModelParams
    train: TrainParams
    seed: int
    canvases: Tensor


@pytest.fixture
def culled(tmp_path: Path, tiny_split: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The table of a project in the working directory: culling has removed every third row of the pool."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIGHTMARE_BACKEND", "sequential")  # workers of an earlier test would look into its folder
    shutil.copy(ROOT / "params.yaml", tmp_path)
    culled = tiny_split.assign(keep=(tiny_split.index % 3 > 0) | (tiny_split["side"] == "test"))
    write_table(culled, "data/culled.csv", SPLIT)
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, "PNG")
    blank = {"text": "", "integer": 32, "number": 0.0, "flag": False}
    images = culled[["id"]].assign(**{name: blank[kind] for name, kind in IMAGES.columns.items() if name != "id"})
    pictures = dict.fromkeys(images["id"], file.getvalue())
    write_table(write_images(images, pictures, Path("data/images"), shards=1), "data/images.csv", IMAGES)
    return culled


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def stage(name: str, *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / "stages" / f"{name}.py"), run_name="__main__")
        assert end.value.code == 0

    return stage


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """The trainings that are asked for; nothing is trained."""
    given = []

    def train(
        split: pd.DataFrame,
        *arguments: Any,
        model: ModelParams,
        train: TrainParams,
        seed: int,
        canvases: Tensor,
        **named: Any,
    ) -> Trained:
        given.append(Training(split, model, train, seed, canvases))
        history = pd.DataFrame([{"epoch": 1, "train_loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.5}])
        network = build_network(model.architecture, len(CLASSES))
        earlier = tmp_path / "epoch-0003.pt"
        save_checkpoint(earlier, {"network": network.state_dict()})
        return Trained(network, history, epoch=1, snapshots={3: earlier} if train.snapshots else {})

    monkeypatch.setattr(loop, "train_network", train)
    return given


def dream_with(network: str) -> None:
    """Make the networks that dream and judge, in the params.yaml of the working directory, ones of this kind."""
    path = Path("params.yaml")
    text = path.read_text(encoding="utf-8").replace("  network: efficientnet", f"  network: {network}")
    path.write_text(text, encoding="utf-8")


def card_of(stage: str) -> ModelCard:
    return ModelCard.model_validate_json((Path("models") / stage / "model.json").read_bytes())


def dataset_of(learnt: pd.DataFrame) -> str:
    return fingerprint({"rows": learnt.sort_values("id")[["id", "label"]].to_numpy().tolist()})


def test_retrain_learns_from_kept_rows_and_is_judged_on_all_others(
    run: Callable[..., None], culled: pd.DataFrame, given: list[Training]
) -> None:
    run("train", "retrain", "data/culled.csv")
    pd.testing.assert_frame_equal(given[0].split.reset_index(drop=True), culled, check_dtype=False)
    assert card_of("retrain").dataset == dataset_of(culled[culled["keep"] & (culled["side"] == "train")])
    predictions = read_table("reports/retrain/predictions.csv", PREDICTIONS)
    assert list(predictions["id"]) == list(culled.loc[culled["side"] != "train", "id"])


def test_snapshots_are_models_of_their_own(
    run: Callable[..., None], culled: pd.DataFrame, given: list[Training]
) -> None:
    path = Path("params.yaml")
    run("train", "train", "data/culled.csv")
    assert not Path("models/train/epochs").exists()
    path.write_text(path.read_text(encoding="utf-8").replace("snapshots: 0", "snapshots: 3"), encoding="utf-8")
    run("train", "train", "data/culled.csv")
    assert load_model("models/train/epochs/0003").card == card_of("train")
    assert given[1].train.snapshots == 3


def test_the_control_learns_from_as_many_others(
    run: Callable[..., None], culled: pd.DataFrame, given: list[Training]
) -> None:
    run("train", "control", "data/culled.csv")
    control = given[0].split
    sides = [culled["label"], culled["side"]]
    assert control["keep"].groupby(sides).sum().equals(culled["keep"].groupby(sides).sum())
    assert not control["keep"].equals(culled["keep"])


def test_the_judge_learns_from_the_other_sides_and_is_watched_on_one_fold(
    run: Callable[..., None], culled: pd.DataFrame, given: list[Training]
) -> None:
    run("train", "judge", "data/culled.csv")
    rows = given[0].split
    others, unlearnt = culled[culled["side"] != "train"], culled[culled["side"] == "train"]
    assert set(rows.loc[rows["side"] == "train", "id"]) == set(others["id"])
    assert card_of("judge").dataset == dataset_of(others)
    assert set(rows.loc[rows["side"] == "val", "id"]) == set(unlearnt.loc[unlearnt["fold"] == 0, "id"])
    predictions = read_table("reports/judge/predictions.csv", PREDICTIONS)
    assert set(predictions["id"]) == set(unlearnt["id"]), "judged on all of them"


@pytest.mark.parametrize(("network", "start"), [("efficientnet", "imagenet"), ("resnet", False)])
def test_the_judge_is_trained_as_its_section_says_from_a_seed_of_its_own(
    run: Callable[..., None],
    given: list[Training],
    culled: pd.DataFrame,
    network: Literal["efficientnet", "resnet"],
    start: Literal[False] | str,
) -> None:
    dream_with(network)
    params = load_params()
    run("train", "judge", "data/culled.csv")
    (training,) = given
    own = params.judge
    assert training.seed == params.seed + 1
    assert training.model == params.model.model_copy(
        update={"network": network, "pixels": own.pixels, "pretrained": start}
    )
    first_pixels = own.pixels if start else params.train.first_pixels
    assert training.train == params.train.model_copy(
        update={"epochs": own.epochs, "averaging": own.averaging, "first_pixels": first_pixels}
    )
    assert training.canvases.shape[1:] == (3, 2 * own.pixels, 2 * own.pixels)
    card = card_of("judge")
    assert card.pixels == own.pixels
    assert card.parameters == {
        "seed": training.seed,
        "model": training.model.model_dump(),
        "train": training.train.model_dump(),
        "first_weights": str(start),
    }


@pytest.mark.parametrize(
    ("network", "start"), [("efficientnet", "imagenet"), ("resnet", "models/retrain/model.safetensors")]
)
def test_the_robust_network_goes_on_from_one_of_its_kind(
    run: Callable[..., None], given: list[Training], culled: pd.DataFrame, network: str, start: str
) -> None:
    dream_with(network)
    run("train", "robust", "data/culled.csv")
    assert [(training.model.network, training.model.pretrained) for training in given] == [(network, start)]


def test_evaluate_judges_each_model_by_itself(run: Callable[..., None], culled: pd.DataFrame) -> None:
    for name, answer in (("train", 0), ("control", 0), ("retrain", 1), ("robust", 0)):
        network = build_network("resnet18", len(CLASSES))
        nn.init.zeros_(network.fc.weight)
        network.fc.bias = nn.Parameter(torch.eye(len(CLASSES))[answer])
        card = ModelCard(
            architecture="resnet18", classes=CLASSES, pixels=32, mean=MEAN, std=STD, dataset="0" * 16, parameters={}
        )
        save_model(Path("models") / name, network, card)
    run("evaluate")
    recall = pd.read_csv("reports/evaluate/recall.csv").set_index(["model", "label"])["recall"]
    assert recall.to_dict() == {
        ("train", "bars"): 1,
        ("train", "disc"): 0,
        ("control", "bars"): 1,
        ("control", "disc"): 0,
        ("retrain", "bars"): 0,
        ("retrain", "disc"): 1,
        ("robust", "bars"): 1,
        ("robust", "disc"): 0,
    }
    final = read_table("reports/evaluate/predictions.csv", PREDICTIONS)
    assert list(final["id"]) == list(culled.loc[culled["side"] == "test", "id"])
    assert set(final["predicted"]) == {"disc"}
