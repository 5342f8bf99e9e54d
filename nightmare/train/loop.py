"""The training loop: rows of the split in, a trained network and its history out; resumable after a kill.

All randomness derives from the seed, the epoch and the step, so a training that was killed and goes on from its
checkpoint ends with the weights of one that was not (same machine, same number of threads).
"""

import copy
import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nightmare.data.arrays import Arrays
from nightmare.device import best_device
from nightmare.errors import InputError
from nightmare.memory import keep_freed_memory
from nightmare.params import ModelParams, TrainParams
from nightmare.progress import progress_bar
from nightmare.seeds import derived_seed
from nightmare.train.adversary import attacked
from nightmare.train.augment import Augmentation, on_matte
from nightmare.train.checkpoint import checkpoint_path, load_checkpoint, only_one, save_checkpoint
from nightmare.train.efficientnet import EfficientNetLite0
from nightmare.train.network import Network, build_network, load_pretrained, normalise, pretrained_fingerprint
from nightmare.train.optimizer import build_optimizer, running_average
from nightmare.train.sampling import balanced_weights, epoch_order
from nightmare.train.schedule import learning_rate_at

__all__ = ["Trained", "predict", "train_network"]

_BATCH_PREDICTED = 256
_FULL_SIZE_FROM = 2 / 3
# A checkpoint of a ResNet-18 has 130 MB and took 8% of the time when every epoch of six seconds wrote one.
_SECONDS_BETWEEN_CHECKPOINTS = 30.0


@dataclass(frozen=True)
class Trained:
    """The network after the selected epoch (1-based), a history row per epoch, and files of how the network was
    after each epoch that `train.snapshots` asked for."""

    network: Network
    history: pd.DataFrame
    epoch: int
    snapshots: dict[int, Path] = field(default_factory=dict)

    def earlier(self) -> Iterator[tuple[int, Network]]:
        """Epochs of `snapshots` and the networks after them. Raises `InputError` for a file that is damaged."""
        for epoch, file in self.snapshots.items():
            state = load_checkpoint(file)
            if state is None:
                raise InputError(f"{file} is absent or damaged: remove {file.parent} and train again")
            network = copy.deepcopy(self.network)
            network.load_state_dict(state["network"])
            yield epoch, network


def train_network(
    split: pd.DataFrame,
    arrays: Arrays,
    *,
    classes: tuple[str, ...],
    model: ModelParams,
    train: TrainParams,
    seed: int,
    name: str,
    canvases: Tensor,
) -> Trained:
    """Train on the rows of side `train`, watch those of side `val`, kept or not.

    The training side is narrowed to the grades of `train` and to the rows that `split` keeps. An epoch draws as many
    images as the grades leave, whether culling kept them or not: so networks from before and after culling have taken
    equally many steps. `name` says whose checkpoint and progress bar it is.

    Raises `InputError` for a class that has no row left, and when the loss diverges.
    """
    split = split.sort_values("id")  # so that the order of rows is no input
    learning = split[(split["side"] == "train") & split["grade"].isin(train.grades)]
    watching = split[split["side"] == "val"]
    _demand_classes(learning, classes, train)
    keep_freed_memory()
    device = best_device()
    determinants = {
        "model": model.model_dump(),
        "pretrained": pretrained_fingerprint(model.pretrained),
        "train": train.model_dump(),
        "seed": seed,
        "classes": classes,
        "rows": split[["id", "label", "side", "grade", "keep"]].to_numpy().tolist(),
        "pixels": _hash_of(arrays, split["id"]),
        "canvases": hashlib.sha256(canvases.numpy().tobytes()).hexdigest(),
        "device": device.type,
    }
    network = _first_network(model, len(classes), seed).to(device).to(memory_format=torch.channels_last)
    path = checkpoint_path(name, determinants | {"bfloat16": _gains_by_bfloat16(network, device)})
    optimizer = build_optimizer(network, train)
    average = running_average(network, train)
    # What is watched and becomes the model: the running average of the weights where there is one.
    watched = average.module if average else network
    batches = -(-len(learning) // train.batch)
    rate = learning_rate_at(train.schedule, peak=train.learning_rate, steps=train.epochs * batches)
    augmentation = Augmentation(train.color_jitter, canvases)
    labels = torch.tensor([classes.index(label) for label in learning["label"]])
    rows = arrays.rows(learning["id"])
    weights = balanced_weights(labels.numpy(), train.balance, learning["keep"].to_numpy(dtype=bool))

    asked = range(train.snapshots, train.epochs + 1, train.snapshots) if train.snapshots else ()
    snapshots = {epoch: path.with_name(f"epoch-{epoch:04}.pt") for epoch in asked}

    with only_one(path, name):
        history: list[dict[str, float]] = []
        selected: dict[str, Any] = {}
        if state := load_checkpoint(path):
            history, selected = state["history"], state["selected"]
            if len(history) < train.epochs:
                network.load_state_dict(state["network"])
                optimizer.load_state_dict(state["optimizer"])
                if average:
                    average.load_state_dict(state["average"])
        saved = -math.inf
        steps = {"total": train.epochs * batches, "done": len(history) * batches}
        with progress_bar(label=name, unit="batch", **steps) as bar:
            for epoch in range(len(history), train.epochs):
                pixels = _pixels_of(epoch / train.epochs, train.first_pixels, arrays.rgba.shape[-1])
                order = epoch_order(weights, derived_seed(seed, "order", epoch))
                losses = []
                for batch in range(batches):
                    # Strided, so that batches differ by one row at most and none is too small for BatchNorm.
                    drawn = order[batch::batches]
                    chosen = rows[drawn]
                    generator = torch.Generator().manual_seed(derived_seed(seed, "batch", epoch, batch))
                    images = augmentation(
                        torch.from_numpy(arrays.rgba[chosen]),
                        torch.from_numpy(arrays.opaque[chosen]),
                        generator,
                        pixels,
                    )
                    for group in optimizer.param_groups:
                        group["lr"] = rate(epoch * batches + batch)
                    losses.append(
                        _step(network, optimizer, images.to(device), labels[drawn].to(device), train, generator)
                    )
                    if average:
                        average.update_parameters(network)
                    bar.update()
                if not np.isfinite(losses).all():
                    raise InputError(
                        f"{name}: the loss is no number any more in epoch {epoch + 1} of {train.epochs}: lower the "
                        f"learning rate, which is {train.learning_rate:g} at its peak"
                    )
                history.append(_watched(watched, arrays, watching, classes, epoch=epoch + 1, losses=losses))
                bar.set_postfix(_postfix(history[-1]))
                if epoch + 1 in snapshots:
                    save_checkpoint(snapshots[epoch + 1], {"network": _copied(watched.state_dict())})
                if _is_selected(history, train):
                    selected = {"epoch": epoch + 1, "network": _copied(watched.state_dict())}
                state = {"history": history, "selected": selected}
                if len(history) < train.epochs:
                    if time.monotonic() < saved + _SECONDS_BETWEEN_CHECKPOINTS:
                        continue
                    state |= {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
                    if average:
                        state |= {"average": average.state_dict()}
                save_checkpoint(path, state)
                saved = time.monotonic()
    network.load_state_dict(selected["network"])
    return Trained(network.eval(), pd.DataFrame(history), int(selected["epoch"]), snapshots)


@torch.inference_mode()
def predict(network: Network, arrays: Arrays, ids: pd.Series) -> NDArray[np.float64]:
    """Class probabilities (n, classes) of the pictures `ids`, each on its plain matte, in the order of `ids`.

    The mean over a picture and its mirror image, which show the same thing.
    """
    network.eval()
    device = next(network.parameters()).device
    rows = arrays.rows(ids)
    parts = [np.empty((0, network.fc.out_features))]
    for start in range(0, len(rows), _BATCH_PREDICTED):
        rgba = torch.from_numpy(arrays.rgba[rows[start : start + _BATCH_PREDICTED]])
        images = normalise(on_matte(rgba)).to(device).to(memory_format=torch.channels_last)
        both = [torch.softmax(network(side).cpu().double(), dim=1) for side in (images, images.flip(3))]
        parts.append(torch.stack(both).mean(0).numpy())
    return np.concatenate(parts)


def _hash_of(arrays: Arrays, ids: pd.Series) -> str:
    """SHA-256 of the pictures `ids`, taken in parts: a copy of all of them may not fit into memory."""
    rows, content = arrays.rows(ids), hashlib.sha256()
    for start in range(0, len(rows), _BATCH_PREDICTED):
        content.update(arrays.rgba[rows[start : start + _BATCH_PREDICTED]].tobytes())
    return content.hexdigest()


def _first_network(model: ModelParams, class_count: int, seed: int) -> Network:
    torch.manual_seed(derived_seed(seed, "weights"))
    network = build_network(model.architecture, class_count)
    if model.pretrained:
        load_pretrained(network, model.architecture, model.pretrained)
    return network


def _gains_by_bfloat16(network: Network, device: torch.device) -> bool:
    """Whether mixed precision pays: 1.4 to 1.7 times the speed on a processor with such instructions, none without.

    Convolutions of single channels, of which an EfficientNet has many, take longer in it.
    """
    if device.type == "cpu":
        if isinstance(network, EfficientNetLite0):
            return False
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _pixels_of(done: float, first_pixels: int, full: int) -> int:
    """Small pictures early, full ones for the last third: early epochs learn as much from fewer pixels.

    `done` is the share of the training before an epoch. The side of small pictures is a multiple of 8. Progressive
    resizing, as in fast.ai's DAWNBench entry of 2018.
    """
    side = first_pixels + (full - first_pixels) * min(1.0, done / _FULL_SIZE_FROM)
    return full if side >= full else min(full, 8 * round(side / 8))


def _step(
    network: Network,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    train: TrainParams,
    generator: torch.Generator,
) -> float:
    """Take one step; the loss before it.

    The adversary meets the network as it trains, with the statistics of the batch (Wong et al. 2020).
    """
    network.train()
    logits_of = partial(_logits, network)
    if train.adversarial.epsilon:
        images = attacked(images, labels, logits_of, train.adversarial, generator)
    network.zero_grad(set_to_none=True)
    loss = F.cross_entropy(logits_of(images), labels, label_smoothing=train.label_smoothing)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def _logits(network: Network, images: Tensor) -> Tensor:
    """Logits (batch, classes) in single precision of RGB in 0 … 1, computed in bfloat16 where that pays."""
    images = normalise(images).contiguous(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=_gains_by_bfloat16(network, images.device)):
        logits: Tensor = network(images)
    return logits.float()


def _watched(
    network: Network,
    arrays: Arrays,
    watching: pd.DataFrame,
    classes: tuple[str, ...],
    *,
    epoch: int,
    losses: list[float],
) -> dict[str, float]:
    """One history row: losses and accuracy on the validation side, which is plain cross entropy without smoothing."""
    row = {"epoch": epoch, "train_loss": float(np.mean(losses))}
    if len(watching):
        probabilities = predict(network, arrays, watching["id"])
        truth = np.array([classes.index(label) for label in watching["label"]])
        likelihood = probabilities[np.arange(len(truth)), truth].clip(1e-12)
        row["val_loss"] = float(-np.log(likelihood).mean())
        row["val_accuracy"] = float((probabilities.argmax(axis=1) == truth).mean())
    return row


def _is_selected(history: list[dict[str, float]], train: TrainParams) -> bool:
    """Whether the newest epoch is the best yet; without a validation side the last one is."""
    newest, earlier = history[-1], history[:-1]
    if train.select == "last" or train.select not in newest:
        return len(history) == train.epochs
    sign = -1 if train.select == "val_loss" else 1
    return all(sign * newest[train.select] > sign * row[train.select] for row in earlier)


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def _postfix(row: dict[str, float]) -> dict[str, str]:
    return {name: f"{row[name]:.3f}" for name in ("train_loss", "val_loss", "val_accuracy") if name in row}


def _demand_classes(learning: pd.DataFrame, classes: tuple[str, ...], train: TrainParams) -> None:
    there, kept = set(learning["label"]), set(learning.loc[learning["keep"], "label"])
    if absent := [name for name in classes if name not in there]:
        raise InputError(
            f"no training image of {', '.join(absent)} with grade {', '.join(train.grades)}: "
            "allow more in train.grades, or raise label.smallest_class to leave the class out"
        )
    if emptied := [name for name in classes if name not in kept]:
        raise InputError(
            f"no training image of {', '.join(emptied)} is kept: lower cull.class_cap, or see what "
            "data/decisions.jsonl removes"
        )
