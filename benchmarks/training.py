"""Speed of training: `python -m benchmarks.training` (5 minutes on 2 cores), after `make repro`.

Whether batches cost anything beside the step, how fast the usual loop is (benchmarks/usual.py), where the time goes,
what averaging and an adversary add, and what the other architecture takes. Elsewhere a ResNet-18 learns the training
side of the pipeline's images. Prints tables in Markdown and appends them to benchmarks/history/. Times are medians,
contenders taken in turns, and compare within one run alone.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks.timing import alternated, append_history, machine, print_table
from benchmarks.trained import SHARDS
from benchmarks.usual import usual_epoch, usual_loader, write_folder
from nightmare.data.arrays import Arrays, load_arrays
from nightmare.data.matte import on_matte
from nightmare.data.store import read_image
from nightmare.device import best_device
from nightmare.memory import keep_freed_memory
from nightmare.params import AdversarialParams, ModelParams, Params, TrainParams, load_params
from nightmare.seeds import derived_seed
from nightmare.tables import IMAGES, SPLIT, classes_of, read_table
from nightmare.train import loop
from nightmare.train.augment import Augmentation
from nightmare.train.backgrounds import background_canvases
from nightmare.train.network import build_network
from nightmare.train.optimizer import build_optimizer, running_average
from nightmare.train.sampling import balanced_weights, epoch_order

# Sides of pictures: the default and ImageNet's. Single steps are quick, so many of them fit into one round.
STEPS_PER_ROUND = {64: 12, 224: 4}
BATCHES_PER_EPOCH = {64: 32, 224: 8}


class Training:
    """What `train_network` does from one batch to the next, in parts: a test holds both to the same weights."""

    def __init__(
        self,
        learning: pd.DataFrame,
        arrays: Arrays,
        canvases: Tensor,
        *,
        classes: tuple[str, ...],
        model: ModelParams,
        train: TrainParams,
        seed: int,
    ) -> None:
        keep_freed_memory()
        self.device = best_device()
        network = loop._first_network(model, len(classes), seed)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.optimizer = build_optimizer(self.network, train)
        self.average = running_average(self.network, train)
        self.augmentation = Augmentation(train.color_jitter, canvases)
        self.arrays, self.train, self.seed = arrays, train, seed
        self.labels = torch.tensor([classes.index(label) for label in learning["label"]])
        self.rows = arrays.rows(learning["id"])
        self.batches = -(-len(learning) // train.batch)
        self.generator = torch.Generator()
        self._chosen = self._without_end()

    def _without_end(self) -> Iterator[NDArray[np.int64]]:
        """Positions in `rows` of one batch after the other; `generator` is that of the batch."""
        weights = balanced_weights(self.labels.numpy(), self.train.balance, np.ones(len(self.labels), dtype=bool))
        for epoch in count():
            order = epoch_order(weights, derived_seed(self.seed, "order", epoch))
            for batch in range(self.batches):
                self.generator.manual_seed(derived_seed(self.seed, "batch", epoch, batch))
                yield order[batch :: self.batches]

    def copied(self) -> tuple[Tensor, Tensor, Tensor]:
        """The next batch out of the array: RGBA, which are photographs, and labels."""
        chosen = next(self._chosen)
        rows = self.rows[chosen]
        rgba, opaque = torch.from_numpy(self.arrays.rgba[rows]), torch.from_numpy(self.arrays.opaque[rows])
        return rgba, opaque, self.labels[chosen].to(self.device)

    def augmented(self, rgba: Tensor, opaque: Tensor) -> Tensor:
        """What the network sees of them in the first epoch."""
        pixels = loop._pixels_of(0.0, self.train.first_pixels, rgba.shape[-1])
        return self.augmentation(rgba, opaque, self.generator, pixels).to(self.device)

    def learn(self, images: Tensor, labels: Tensor) -> None:
        """One step with that batch."""
        loop._step(self.network, self.optimizer, images, labels, self.train, self.generator)
        if self.average:
            self.average.update_parameters(self.network)

    def step(self) -> None:
        """All of it, with the next batch."""
        rgba, opaque, labels = self.copied()
        self.learn(self.augmented(rgba, opaque), labels)

    def epoch(self) -> None:
        """A step for each batch of an epoch."""
        for _ in range(self.batches):
            self.step()


class Prepare(Protocol):
    """Makes a training on pictures of a side, at that side from its first epoch on unless told otherwise.

    `batches` is the number of them in an epoch; None takes all pictures. `changes` are those to `TrainParams`.
    """

    def __call__(
        self, pixels: int, batches: int | None = None, *, network: str = "resnet", **changes: Any
    ) -> Training: ...


def data_side(prepare: Prepare, *, rounds: int, sides: Mapping[int, int] = STEPS_PER_ROUND) -> list[dict[str, object]]:
    """Rate of training as a share of that of its step alone, on one batch over and over."""
    rows: list[dict[str, object]] = []
    for pixels, steps in sides.items():
        # Three quarters of the side is what early epochs see.
        for seen in (pixels, 3 * pixels // 4):
            training = prepare(pixels, first_pixels=seen)
            rgba, opaque, labels = training.copied()
            constant = training.augmented(rgba, opaque)
            times = alternated(
                {"constant": partial(training.learn, constant, labels), "training": training.step},
                rounds=rounds * steps,
            )
            rows.append(
                {
                    "stored pixels": pixels,
                    "seen pixels": seen,
                    "constant batch, ms": 1000 * times["constant"],
                    "training, ms": 1000 * times["training"],
                    "share of the rate": times["constant"] / times["training"],
                }
            )
    return rows


def against_the_usual(
    prepare: Prepare,
    pictures: Callable[[], Iterable[tuple[str, Image.Image]]],
    *,
    rounds: int,
    sides: Mapping[int, int] = BATCHES_PER_EPOCH,
) -> list[dict[str, object]]:
    """Images per second of whole epochs: the usual loop in single precision and in that of ours, and ours."""
    rows: list[dict[str, object]] = []
    for pixels, batches in sides.items():
        training = prepare(pixels, batches)
        train, mixed = training.train, loop._gains_by_bfloat16(training.network, training.device)
        images = batches * train.batch
        with tempfile.TemporaryDirectory() as folder:
            write_folder(islice(pictures(), images), Path(folder))
            loader = usual_loader(Path(folder), pixels=pixels, batch=train.batch)
            usual: dict[str, Callable[[], object]] = {}
            for name, in_bfloat16 in (("usual", False), ("same precision", mixed)):
                network = build_network("resnet18", len(training.labels.unique())).to(training.device)
                optimizer = torch.optim.AdamW(network.parameters(), lr=train.learning_rate)
                usual[name] = partial(
                    usual_epoch,
                    loader,
                    network,
                    optimizer,
                    label_smoothing=train.label_smoothing,
                    mixed=in_bfloat16,
                )
            times = alternated({**usual, "ours": training.epoch}, rounds=rounds)
        rows.append(
            {
                "pixels": pixels,
                "usual loop, images/s": images / times["usual"],
                "in our precision, images/s": images / times["same precision"],
                "ours, images/s": images / times["ours"],
                "ours : usual": times["usual"] / times["ours"],
                "ours : usual in our precision": times["same precision"] / times["ours"],
            }
        )
    return rows


def parts(prepare: Prepare, *, rounds: int, pixels: int = 64) -> list[dict[str, object]]:
    """What a step consists of."""
    training = prepare(pixels)
    rgba, opaque, labels = training.copied()
    constant = training.augmented(rgba, opaque)
    times = alternated(
        {
            "copy": training.copied,
            "augmentation": partial(training.augmented, rgba, opaque),
            "learning": partial(training.learn, constant, labels),
            "optimiser": training.optimizer.step,
            "whole": training.step,
        },
        rounds=rounds,
    )
    named = {
        "copy out of the array": times["copy"],
        "augmentation": times["augmentation"],
        "forward and backward": times["learning"] - times["optimiser"],
        "optimiser": times["optimiser"],
        "whole step": times["whole"],
    }
    return [{"part": part, "ms": 1000 * taken, "share": taken / times["whole"]} for part, taken in named.items()]


def extras(
    prepare: Prepare, *, averaging: float, adversarial: AdversarialParams, rounds: int, pixels: int = 64
) -> list[dict[str, object]]:
    """What a running average and an adversary cost, as ratios to the plain step."""
    attack = adversarial.model_copy(update={"steps": 1})
    trainings = {
        "plain": prepare(pixels),
        "averaging": prepare(pixels, averaging=averaging),
        "adversary of one step": prepare(pixels, adversarial=attack),
        "both": prepare(pixels, averaging=averaging, adversarial=attack),
    }
    times = alternated({name: training.step for name, training in trainings.items()}, rounds=rounds)
    return [
        {"training": name, "ms per step": 1000 * taken, "ratio": taken / times["plain"]}
        for name, taken in times.items()
    ]


def architectures(
    prepare: Prepare, *, adversarial: AdversarialParams, rounds: int, sides: Iterable[int] = (64, 96, 128)
) -> list[dict[str, object]]:
    """What a step of each kind of network takes, and an adversary of one step adds, by the side of the pictures."""
    attack = adversarial.model_copy(update={"steps": 1})
    rows: list[dict[str, object]] = []
    for pixels in sides:
        steps = {
            network: (prepare(pixels, network=network).step, prepare(pixels, network=network, adversarial=attack).step)
            for network in ("resnet", "efficientnet")
        }
        plain = {network: both[0] for network, both in steps.items()}
        attacked = {f"{network}, attacked": both[1] for network, both in steps.items()}
        times = alternated({**plain, **attacked}, rounds=rounds)
        for network in steps:
            alone, against = times[network], times[f"{network}, attacked"]
            rows.append(
                {
                    "network": network,
                    "pixels": pixels,
                    "plain, ms": 1000 * alone,
                    "with an adversary, ms": 1000 * against,
                    "ratio": against / alone,
                }
            )
    return rows


def prepared(
    params: Params,
    split: pd.DataFrame,
    images: pd.DataFrame,
    pixels: int,
    batches: int | None = None,
    *,
    network: str = "resnet",
    **changes: Any,
) -> Training:
    """A training on the pipeline's images; see `Prepare`."""
    unmoved = params.train.adversarial.model_copy(update={"epsilon": 0.0})
    plain = {"first_pixels": pixels, "averaging": 0.0, "adversarial": unmoved}
    train = params.train.model_copy(update={**plain, **changes})
    learning = split[split["side"] == "train"].sort_values("id")
    if batches:
        learning = learning.head(batches * train.batch)
    # The default array is there already and holds all sides; a larger one is made of no more than it takes.
    held = images if pixels == params.model.pixels else images[images["id"].isin(learning["id"])]
    return Training(
        learning,
        load_arrays(held, SHARDS, pixels=pixels),
        background_canvases(pixels),
        classes=classes_of(learning),
        model=params.model.model_copy(update={"network": network, "depth": 18, "pixels": pixels, "pretrained": False}),
        train=train,
        seed=params.seed,
    )


def labelled(split: pd.DataFrame, images: pd.DataFrame) -> Iterator[tuple[str, Image.Image]]:
    """Label and picture of the training side, on a plain matte, since JPEG has no alpha.

    As small as they are stored, which favours the usual loop: files from the web take longer to decode.
    """
    learning = split[split["side"] == "train"].merge(images, on="id").sort_values("id")
    for row in learning.itertuples(index=False):
        yield row.label, on_matte(read_image(SHARDS, row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", choices=("data", "usual", "parts", "extras", "architectures"), help="one table of them"
    )
    parser.add_argument("--rounds", type=int, default=5, help="epochs of which the median counts, and tens of steps")
    given = parser.parse_args()
    print(machine())
    params, split, images = load_params(), read_table("data/split.csv", SPLIT), read_table("data/images.csv", IMAGES)
    images = images[images["id"].isin(split["id"])]
    prepare, pictures = partial(prepared, params, split, images), partial(labelled, split, images)
    rounds, steps, robust = given.rounds, given.rounds * STEPS_PER_ROUND[64], params.robust
    add = partial(extras, averaging=robust.averaging, adversarial=robust.adversarial)
    each = partial(architectures, adversarial=robust.adversarial)
    tables: dict[str, tuple[str, Callable[[], list[dict[str, object]]]]] = {
        "data": ("Rate of training, and of its step alone", partial(data_side, prepare, rounds=rounds)),
        "usual": ("Epochs against the usual loop", partial(against_the_usual, prepare, pictures, rounds=rounds)),
        "parts": ("Parts of a step at 64 pixels", partial(parts, prepare, rounds=steps)),
        "extras": ("What averaging and an adversary cost at 64 pixels", partial(add, prepare, rounds=steps)),
        "architectures": ("Steps of both kinds of network", partial(each, prepare, rounds=steps)),
    }
    for name, (title, measured) in tables.items():
        if given.only in (None, name):
            rows = measured()
            print_table(rows, title=title)
            append_history(rows, name=f"training-{name}")


if __name__ == "__main__":
    main()
