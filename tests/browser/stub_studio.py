"""A studio whose dreams cost nothing: `python stub_studio.py CONTROL`, with the options that `main` knows.

The folder CONTROL holds what a test may turn while the studio runs: `delay`, seconds that a step takes. The studio
writes there what a test looks at: `address` when it answers, `begun` and `ended` with a line for each dream whose steps
were asked for and let go of, `stamps` with `+ width height` for each patch that comes and `-` when it is done with.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nightmare.dream.engine import Step, octave_sizes, resized
from nightmare.dream.recipe import Recipe
from nightmare.studio.brush import Brush
from nightmare.studio.limits import LIMITS
from nightmare.studio.models import Network
from nightmare.studio.serve import serve_studio
from nightmare.studio.shell import LOOPBACK, Studio
from nightmare.train.model import Model, ModelCard
from nightmare.train.network import MEAN, STD, build_network


def stub_model(digit: int = 0) -> Model:
    torch.manual_seed(0)
    card = ModelCard(
        architecture="resnet18", classes=("a", "b"), pixels=32, mean=MEAN, std=STD, dataset="0" * 16, parameters={}
    )
    return Model(build_network("resnet18", 2).eval().requires_grad_(False), card, str(digit) * 64)


def stub_steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
    """Each step moves the picture towards its negative, a little more red each time: no step repeats another.

    Those of models with other digits are less red.
    """
    red = 1 - int(model.sha256[0]) / 10
    for octave, size in enumerate(octave_sizes(images.shape[2], images.shape[3], recipe, smallest=32)):
        if size is None:
            continue
        for iteration in range(recipe.iterations_of(octave)):
            images = resized(images, size)
            target = torch.cat([torch.full_like(images[:, :1], red), 1 - images[:, 1:]], dim=1)
            images = torch.lerp(images, target, 0.1)
            yield Step(octave, iteration, images, torch.zeros(1))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("control", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token")
    parser.add_argument("--body-seconds", type=float, default=LIMITS.body_seconds)
    parser.add_argument("--networks", type=int, default=1)
    wanted = parser.parse_args()
    control: Path = wanted.control

    def note(file: str, line: str) -> None:
        with (control / file).open("a") as notes:
            notes.write(f"{line}\n")

    def steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
        if name not in ("patch", "calibration"):
            note("begun", name)
        try:
            for step in stub_steps(model, images, recipe, name):
                if name != "calibration":
                    time.sleep(float((control / "delay").read_text()))
                yield step
        finally:
            if name not in ("patch", "calibration"):
                note("ended", name)

    stamp = Brush.stamp

    def noted_stamp(brush: Brush, rgba: bytes, *, width: int, height: int, **settings: Any) -> bytes:
        note("stamps", f"+ {width} {height}")
        try:
            return stamp(brush, rgba, width=width, height=height, **settings)
        finally:
            note("stamps", "-")

    Brush.stamp = noted_stamp  # type: ignore[method-assign]
    names = ["stub", *(f"stub-{number}" for number in range(1, wanted.networks))]
    studio = Studio(
        control,
        [Network(name, name, partial(stub_model, number), accuracy=0.5) for number, name in enumerate(names)],
        hosts=LOOPBACK,
        token=wanted.token,
        limits=replace(LIMITS, body_seconds=wanted.body_seconds),
        steps=steps,
    )
    serve_studio(studio, host="127.0.0.1", port=wanted.port, tell=lambda text: note("address", text))


if __name__ == "__main__":
    main()
