"""Speed and memory of the dream engine: `python -m benchmarks.dream`, and `--equal` for dreams of equal strength.

Prints tables in Markdown and appends them to benchmarks/history/. Times are medians of five, engines taken in turns,
512 x 384 pixels, end of layer3, and compare within one run alone. `--equal` needs the pipeline's model.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import skimage
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from benchmarks.plain import bare_convolutions, first_loop, mended_loop, mended_network
from benchmarks.timing import alternated, append_history, machine, print_table
from nightmare.data.canvases import load_canvases
from nightmare.dream.engine import dream, dream_steps, to_picture, to_tensor
from nightmare.dream.measures import clipped_share, distance, similarity
from nightmare.dream.objectives import Objective, build_objective
from nightmare.dream.presets import PRESETS
from nightmare.dream.recipe import Recipe
from nightmare.dream.tiles import ascent
from nightmare.memory import keep_freed_memory
from nightmare.sheets import contact_sheet
from nightmare.train.model import Model, ModelCard, load_model
from nightmare.train.network import MEAN, STD, build_network

HEIGHT, WIDTH = 384, 512
LAYER = {"layer3": 1.0}
# The classic loop: half the energy of layer3, jitter and a clip, nothing else.
CLASSIC = Recipe(layers=LAYER, octaves=4, iterations=10, step_size=0.02, jitter=16, smoothing=0.0, strength=1.0)
# The same strength in fewer steps: most of them at full size, large ones first.
SWIFT = CLASSIC.model_copy(update={"iterations": [0, 0, 3, 5], "step_size": 0.052, "taper": 1.0, "headroom": 0.01})
# A processor that multiplies bfloat16 makes more of them in the same time.
SWIFT_HALF = CLASSIC.model_copy(
    update={"iterations": [0, 0, 3, 9], "step_size": 0.037, "taper": 1.0, "precision": "bfloat16"}
)
MODEL = Path("models/retrain")


def random_model(depth: int) -> Model:
    """A ResNet with random weights, the same ones every time."""
    torch.manual_seed(0)
    classes = tuple(f"class_{number}" for number in range(10))
    card = ModelCard(
        architecture=f"resnet{depth}", classes=classes, pixels=64, mean=MEAN, std=STD, dataset="none", parameters={}
    )
    return Model(build_network(f"resnet{depth}", 10).eval().requires_grad_(False), card, "0" * 64)


def step_of(model: Model, images: Tensor, recipe: Recipe) -> Callable[[], object]:
    """One more step of an endless last octave at each call: what a step takes, without setting up."""
    endless = recipe.model_copy(update={"octaves": 1, "iterations": 1000})
    steps = dream_steps(model, images, endless, names=[str(number) for number in range(len(images))])
    return lambda: next(steps)


def steps_against_the_floor(*, rounds: int) -> list[dict[str, object]]:
    """What a step takes beside its convolutions, which on a CPU are those of one image, whatever the batch."""
    rows: list[dict[str, object]] = []
    default = PRESETS["nightmare"].model_copy(update={"layers": LAYER})
    for depth in (18, 34, 50):
        model = random_model(depth)
        network = mended_network(model.network)
        for batch in (1, 8):
            images = torch.rand(batch, 3, HEIGHT, WIDTH)
            times = alternated(
                {
                    "rows": bare_convolutions(network, images[:1], torch.contiguous_format),
                    "channels": bare_convolutions(network, images[:1], torch.channels_last),
                    "one pass": bare_convolutions(network, images, torch.channels_last),
                    "bare": step_of(model, images, CLASSIC),
                    "default": step_of(model, images, default),
                    "bfloat16": step_of(model, images, default.model_copy(update={"precision": "bfloat16"})),
                },
                rounds=rounds,
            )
            floor = batch * min(times["rows"], times["channels"])
            rows.append(
                {
                    "depth": depth,
                    "batch": batch,
                    "floor, ms per image": 1000 * floor / batch,
                    "floor in default memory format": batch * times["rows"] / floor,
                    "floor of the batch in one pass": times["one pass"] / floor,
                    "bare step": times["bare"] / floor,
                    "step of the default recipe": times["default"] / floor,
                    "the same in bfloat16": times["bfloat16"] / floor,
                }
            )
    return rows


def dreams_against_loops(*, rounds: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for depth in (18, 50):
        model, image = random_model(depth), torch.rand(1, 3, HEIGHT, WIDTH)
        network = mended_network(model.network)
        first = random_model(depth).network
        times = alternated(
            {
                "first": partial(first_loop, first, image, CLASSIC),
                "mended": partial(mended_loop, network, image, CLASSIC),
                "engine": partial(dream, model, image, CLASSIC, names=["photo"]),
            },
            rounds=rounds,
        )
        rows.append(
            {
                "depth": depth,
                "first loop, s": times["first"],
                "mended loop, s": times["mended"],
                "engine, s": times["engine"],
                "first : engine": times["first"] / times["engine"],
                "mended : engine": times["mended"] / times["engine"],
            }
        )
    return rows


def what_pays(*, rounds: int) -> list[dict[str, object]]:
    """Ways to compute one gradient, as shares of the mended loop's; what a compilation takes is told apart."""
    rows: list[dict[str, object]] = []
    keep_freed_memory()  # as every dream does
    for depth in (18, 50):
        model, image = random_model(depth), torch.rand(1, 3, HEIGHT, WIDTH)
        # Each with a trunk of its own, which keeps its weights in the order of its own pieces.
        whole, alone, parts = (build_objective(random_model(depth), CLASSIC) for _ in range(3))
        network = mended_network(model.network)
        in_channels = mended_network(random_model(depth).network).to(memory_format=torch.channels_last)
        compiled = torch.compile(in_channels)
        start = time.perf_counter()
        _gradient(compiled, image)
        name = f"mended loop, channels last, compiled in {time.perf_counter() - start:.0f} s"
        times = alternated(
            {
                "mended loop": partial(_gradient, network, image),
                "mended loop, channels last": partial(_gradient, in_channels, image),
                name: partial(_gradient, compiled, image),
                "engine": partial(ascent, whole, image, tile=None),
                "engine, one thread": partial(_on_one_thread, partial(ascent, alone, image, tile=None)),
                "engine, tiles of 128": partial(ascent, parts, image, tile=128),
            },
            rounds=rounds,
        )
        base = times["mended loop"]
        rows += [{"depth": depth, "way": way, "share of the mended loop": taken / base} for way, taken in times.items()]
    return rows


def _on_one_thread(work: Callable[[], object]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    work()
    torch.set_num_threads(threads)


def _gradient(network: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    leaf = image.clone().requires_grad_()
    return torch.autograd.grad(0.5 * network(leaf).square().sum(), leaf)[0]


def memory() -> list[dict[str, object]]:
    """Growth of the peak memory of a process from one megapixel to two, and the peak at 12 megapixels."""
    rows: list[dict[str, object]] = []
    for depth in (18, 50):
        row: dict[str, object] = {"depth": depth}
        for engine in ("first", "mended", "whole", "auto"):
            small, large = (_peak(engine, depth, 1024, height) for height in (1024, 2048))
            row[f"{engine}, MB per megapixel"] = float(large - small) / 1.048576
        row["auto at 4096 x 3072, MB"] = float(_peak("auto", depth, 4096, 3072))
        rows.append(row)
    return rows


def _peak(engine: str, depth: int, width: int, height: int) -> int:
    command = [sys.executable, "-m", "benchmarks.dream", "--peak", engine, str(depth), str(width), str(height)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_peak(engine: str, depth: int, width: int, height: int) -> None:
    """Dream two steps with `engine` and print the peak of this process in MB."""
    recipe = CLASSIC.model_copy(update={"octaves": 1, "iterations": 2, "tile": "auto" if engine == "auto" else "none"})
    model, image = random_model(depth), torch.rand(1, 3, height, width)
    if engine == "first":
        first_loop(model.network, image, recipe)
    elif engine == "mended":
        mended_loop(mended_network(model.network), image, recipe)
    else:
        dream(model, image, recipe, names=["photo"])
    # Not what getrusage says, which begins with the memory of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) // 1024)


def photos() -> dict[str, Image.Image]:
    """Photos that installed packages bring, 512 pixels long."""
    shown = {canvas.name: canvas.image for canvas in load_canvases(Path("data/canvases"), pixels=WIDTH)}
    folder = Path(skimage.__file__).parent / "data"
    for name, file in (("motorcycle", "motorcycle_left.png"), ("sky", "hubble_deep_field.jpg")):
        with Image.open(folder / file) as picture:
            shown[name] = ImageOps.contain(picture.convert("RGB"), (WIDTH, WIDTH))
    return shown


FIGURES = ("time taken", "objective", "distance", "clipped share", "SSIM")
CONTENDERS = {
    "the same recipe": CLASSIC,
    "swift": SWIFT,
    "swift, bfloat16": SWIFT_HALF,
}


def equal_dreams(sheet: Path | None, *, rounds: int) -> list[dict[str, object]]:
    """The classic dream by the mended loop, and swifter recipes by the engine: time, strength, and what it cost.

    Figures are ratios to the loop's, means over the photos. The sheet shows the dreams of the trained model.
    """
    rows: list[dict[str, object]] = []
    for weights, model in (("trained", load_model(MODEL)), ("random", random_model(18))):
        network, objective = mended_network(model.network), build_objective(model, CLASSIC)
        ratios: dict[str, list[list[float]]] = {key: [] for key in CONTENDERS}
        pictures: list[Image.Image | None] = []
        captions: list[str] = []
        for name, picture in photos().items():
            dreams, times = _contest(model, network, picture, name=name, rounds=rounds)
            loop, *own = [_figures(picture, dreams[key], times[key], objective) for key in dreams]
            for key, figures in zip(CONTENDERS, own, strict=True):
                ratios[key].append([mine / theirs for mine, theirs in zip(figures, loop, strict=True)])
            pictures += [picture, *(to_picture(dreamt[0]) for dreamt in dreams.values())]
            captions += [name, *(f"{key}, {times[key]:.2f} s" for key in dreams)]
        if sheet and weights == "trained":
            side_by_side = contact_sheet(
                pictures, captions, columns=2 + len(CONTENDERS), cell=256, title="Equal dreams"
            )
            side_by_side.save(sheet, "JPEG", quality=85)
        for key, values in ratios.items():
            means = np.exp(np.log(values).mean(0)).tolist()
            worst = {"objective, lowest": np.min(values, axis=0)[1], "distance, highest": np.max(values, axis=0)[2]}
            named = dict(zip(FIGURES, means, strict=True))
            rows.append({"weights": weights, "photos": len(values), "engine": key, **named, **worst})
    return rows


def _contest(
    model: Model, network: nn.Module, picture: Image.Image, *, name: str, rounds: int
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Dreams and seconds of the mended loop and all contenders over one photo."""
    image = to_tensor(picture)
    works: dict[str, Callable[[], Tensor]] = {
        "mended loop": partial(mended_loop, network, image, CLASSIC, name=name),
        **{key: partial(dream, model, image, recipe, names=[name]) for key, recipe in CONTENDERS.items()},
    }
    dreams: dict[str, Tensor] = {}
    times = alternated({key: partial(_kept, dreams, key, work) for key, work in works.items()}, rounds=rounds)
    return dreams, times


def _kept(results: dict[str, Tensor], key: str, work: Callable[[], Tensor]) -> None:
    results[key] = work()


def _figures(photo: Image.Image, dreamt: Tensor, seconds: float, objective: Objective) -> list[float]:
    """Seconds, objective at full size, distance from the photo, clipped share and SSIM."""
    picture = to_picture(dreamt[0])
    with torch.no_grad():
        score = float(objective(dreamt))
    # A share of nothing has no ratio: a value in a million stands for none.
    return [seconds, score, distance(photo, picture), max(clipped_share(picture), 1e-6), similarity(photo, picture)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--equal", action="store_true", help="time until a dream is as strong as the classic one")
    parser.add_argument("--sheet", type=Path, help="with --equal: save the pictures side by side, a JPEG")
    parser.add_argument("--only", choices=("floor", "loops", "ways", "memory"), help="one table of them")
    parser.add_argument("--rounds", type=int, default=5, help="times of which the median counts")
    parser.add_argument("--peak", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        engine, *numbers = given.peak
        return print_peak(engine, *map(int, numbers))
    print(machine())
    rounds = given.rounds
    tables: dict[str, tuple[str, Callable[[], list[dict[str, object]]]]] = {
        "floor": ("Steps as shares of the bare convolutions", partial(steps_against_the_floor, rounds=rounds)),
        "loops": ("Whole dreams, 4 octaves of 10 iterations", partial(dreams_against_loops, rounds=rounds)),
        "ways": ("What pays: time of one gradient", partial(what_pays, rounds=rounds)),
        "memory": ("Memory", memory),
    }
    if given.only:
        tables = {given.only: tables[given.only]}
    if given.equal:
        tables = {"equal": ("Ratios to the mended loop", partial(equal_dreams, given.sheet, rounds=rounds))}
    for name, (title, measured) in tables.items():
        rows = measured()
        print_table(rows, title=title)
        append_history(rows, name=f"dream-{name}")
    return None


if __name__ == "__main__":
    main()
