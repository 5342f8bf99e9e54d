"""The report of a training: figures of the validation side, the two best epochs, and pictures that open."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nightmare.data.store import write_images
from nightmare.train.evaluate import prediction_table
from nightmare.train.loop import Trained
from nightmare.train.network import build_network
from nightmare.train.report import write_training_report

CLASSES = ("bars", "disc")


@pytest.fixture
def report(tmp_path: Path, tiny_split: pd.DataFrame) -> Path:
    """Two right of eight in validation, all wrong on the test side; lowest loss and highest accuracy disagree."""
    judged = tiny_split[tiny_split["side"] != "train"]
    truth = (judged["label"] == "disc").astype(int).to_numpy()
    answer = 1 - truth
    answer[:2] = truth[:2]
    probability = np.full((len(judged), 2), 0.25)
    probability[np.arange(len(judged)), answer] = 0.75
    history = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [3.0, 2.0, 1.0],
            "val_loss": [2.0, 1.0, 1.5],
            "val_accuracy": [0.1, 0.2, 0.3],
        }
    )
    trained = Trained(build_network("resnet18", 2), history, epoch=3)
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (250, 0, 0)).save(file, "PNG")
    images = write_images(judged[["id"]], dict.fromkeys(judged["id"], file.getvalue()), tmp_path / "images", shards=1)
    write_training_report(
        tmp_path / "report",
        trained,
        prediction_table(judged, probability, CLASSES),
        classes=CLASSES,
        images=images,
        shards=tmp_path / "images",
        unseen="validation",
    )
    return tmp_path / "report"


def test_metrics_speak_of_validation_and_name_both_best_epochs(report: Path) -> None:
    metrics = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["n"] == 8
    assert metrics["accuracy"] == metrics["balanced_accuracy"] == 0.25
    assert metrics["epoch"] == 3
    assert metrics["lowest_loss"] == {"epoch": 2, "loss": 1.0, "accuracy": 0.2}
    assert metrics["highest_accuracy"] == {"epoch": 3, "loss": 1.5, "accuracy": 0.3}
    assert 0 < metrics["filters_low_frequency_share"] < 1


def test_tables_have_history_recall_and_every_prediction(report: Path) -> None:
    assert list(pd.read_csv(report / "history.csv")["epoch"]) == [1, 2, 3]
    assert pd.read_csv(report / "recall.csv").set_index("label")["recall"].to_dict() == {"bars": 0.25, "disc": 0.25}
    assert pd.read_csv(report / "predictions.csv")["side"].value_counts().to_dict() == {"test": 8, "val": 8}


def test_pictures_open_and_show_what_was_misclassified(report: Path) -> None:
    for name in ("curves", "confusion", "filters"):
        with Image.open(report / f"{name}.png") as picture:
            picture.load()
    with Image.open(report / "misclassified.png") as picture:
        red = (np.asarray(picture.convert("RGB")) == (250, 0, 0)).all(axis=2)
    assert red.sum() == 6 * 96 * 96, "six of eight validation images, none of the test side"
