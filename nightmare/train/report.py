"""What a training leaves for people: metrics, history, predictions, confusion, misclassified images, filters."""

from pathlib import Path

import pandas as pd

from nightmare.atomic import save_picture, write_csv, write_json
from nightmare.data.sheet import image_sheet
from nightmare.plots import save_confusion, save_curves
from nightmare.tables import PREDICTIONS, write_table
from nightmare.train.evaluate import confusion, recalls, scores
from nightmare.train.filters import filters_sheet, low_frequency_share
from nightmare.train.loop import Trained
from nightmare.train.network import Network

__all__ = ["write_training_report"]


def write_training_report(
    directory: Path,
    trained: Trained,
    predictions: pd.DataFrame,
    *,
    classes: tuple[str, ...],
    images: pd.DataFrame,
    shards: Path,
    unseen: str,
) -> None:
    """Write everything about one training into `directory`.

    `predictions` are those of the validation and test sides; the metrics speak of validation alone, the test side
    belongs to the stage evaluate. `unseen` says in pictures what validation consists of.
    """
    validation = predictions[predictions["side"] == "val"]
    write_table(predictions, directory / "predictions.csv", PREDICTIONS)
    write_csv(directory / "history.csv", trained.history)
    write_json(directory / "metrics.json", _metrics(trained, validation, trained.network))
    write_csv(
        directory / "recall.csv",
        pd.DataFrame({"label": name, "recall": share} for name, share in recalls(validation).items()),
    )
    save_curves(
        trained.history,
        directory / "curves.png",
        panels=[("loss", ("train_loss", "val_loss")), (f"accuracy, {unseen}", ("val_accuracy",))],
    )
    save_confusion(
        confusion(validation, classes), classes, directory / "confusion.png", title=f"{unseen}, n = {len(validation)}"
    )
    save_picture(directory / "filters.png", filters_sheet(trained.network))
    wrong = validation[validation["label"] != validation["predicted"]].copy()
    wrong["confidence"] = wrong[[f"p_{name}" for name in classes]].max(axis=1)
    sheet = image_sheet(
        wrong.sort_values(["confidence", "id"], ascending=[False, True]),
        images,
        shards,
        caption=lambda row: f"{row['label']}\nas {row['predicted']}\n{row['confidence']:.0%}",
        title=f"misclassified {unseen}, surest first ({len(wrong)} of {len(validation)})",
    )
    save_picture(directory / "misclassified.png", sheet)


def _metrics(trained: Trained, validation: pd.DataFrame, network: Network) -> dict:
    """Validation scores of the model, and the two best epochs, which need not coincide, with both figures each."""
    history = trained.history
    metrics = {**scores(validation), "epoch": trained.epoch}
    for name, row in (
        ("lowest_loss", history.loc[history["val_loss"].idxmin()]),
        ("highest_accuracy", history.loc[history["val_accuracy"].idxmax()]),
    ):
        metrics[name] = {"epoch": int(row["epoch"]), "loss": row["val_loss"], "accuracy": row["val_accuracy"]}
    metrics["filters_low_frequency_share"] = low_frequency_share(network)
    return metrics
