"""The `nightmare` command. Heavy imports happen inside the commands, so that `nightmare --help` answers at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nightmare.errors import exit_code

__all__ = ["app"]

FINAL_MODEL = Path("models/retrain")
CANVASES = Path("data/canvases")

ModelOption = Annotated[Path, typer.Option("--model", help="Folder of a model: model.safetensors and model.json.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__.splitlines()[0].split(".")[0])


@app.callback()
def nightmare() -> None:
    """Teach a network what frightens us, cull what it got wrong, and let it dream."""


@app.command()
def results(
    write: Annotated[Path | None, typer.Option(help="Markdown file whose result tables are replaced.")] = None,
) -> None:
    """Print the figures of the last run and where its pictures are."""

    def run() -> None:
        from nightmare.results import places, write_results
        from nightmare.results import results as tables

        if write:
            write_results(write)
        else:
            print(tables(), places(), sep="\n\n")

    sys.exit(exit_code(run))


@app.command()
def dream(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the dreams and their manifest.")],
    model: ModelOption = FINAL_MODEL,
    preset: Annotated[str, typer.Option(help="Recipe to start from.")] = "nightmare",
    recipe: Annotated[Path | None, typer.Option(help="JSON file with a whole recipe, in place of a preset.")] = None,
    layers: Annotated[str | None, typer.Option(help="Such as layer3 or layer3,layer2=0.5.")] = None,
    objective: Annotated[str | None, typer.Option(help="energy, or class:skulls.")] = None,
    octaves: Annotated[int | None, typer.Option(help="Sizes that are dreamt on.")] = None,
    octave_scale: Annotated[float | None, typer.Option(help="Ratio of one octave to the next.")] = None,
    iterations: Annotated[int | None, typer.Option(help="Steps per octave.")] = None,
    step_size: Annotated[float | None, typer.Option(help="Change per step, of the range 0 to 1.")] = None,
    jitter: Annotated[int | None, typer.Option(help="Largest random shift, in pixels.")] = None,
    smoothing: Annotated[float | None, typer.Option(help="Blur of each gradient, in pixels.")] = None,
    strength: Annotated[float | None, typer.Option(help="Share of the dream over the photo, 0 to 1.")] = None,
    seed: Annotated[int | None, typer.Option(help="All random choices derive from it.")] = None,
    pixels: Annotated[int, typer.Option(help="Longer side of the dreams.", min=32, max=8192)] = 768,
) -> None:
    """Dream over photos. What is there already is not made again; each picture carries its recipe."""

    def run() -> None:
        from nightmare.data.canvases import find_photos
        from nightmare.dream.batch import Refused, dream_photos
        from nightmare.dream.presets import read_recipe, refined
        from nightmare.dream.workers import ModelFolder
        from nightmare.errors import InputError
        from nightmare.train.model import load_model

        changes = {
            "layers": layers,
            "objective": objective,
            "octaves": octaves,
            "octave_scale": octave_scale,
            "iterations": iterations,
            "step_size": step_size,
            "jitter": jitter,
            "smoothing": smoothing,
            "strength": strength,
            "seed": seed,
        }
        settings = refined(read_recipe(recipe) if recipe else preset, changes)
        folder = ModelFolder(model.resolve(), load_model(model).sha256)
        found = find_photos(photos)
        made = refused = 0
        for result in dream_photos(found, out, folder=folder, recipe=settings, pixels=pixels):
            if isinstance(result, Refused):
                refused += 1
                print(f"{result.path}: {result.error}", file=sys.stderr)
            else:
                made += 1
                print(result)
        print(f"{made} made, {len(found) - made - refused} there already, {refused} refused")
        if refused:
            raise InputError(f"{refused} of {len(found)} photos cannot be read, see above: mend or remove them")

    sys.exit(exit_code(run))


@app.command()
def redream(
    picture: Annotated[Path, typer.Argument(help="A dream as it was saved.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the same picture is written, as PNG.")],
    model: ModelOption = FINAL_MODEL,
    photo: Annotated[Path, typer.Option(help="The photo, or a folder in which it lies.")] = CANVASES,
) -> None:
    """Make a dream again from the recipe inside it."""

    def run() -> None:
        from nightmare.dream.again import redream as make_again
        from nightmare.dream.workers import ModelFolder
        from nightmare.train.model import load_model

        folder = ModelFolder(model.resolve(), load_model(model).sha256)
        make_again(picture, out, folder=folder, places=[photo])

    sys.exit(exit_code(run))


@app.command()
def layers(
    model: Annotated[Path, typer.Argument(help="Folder of a model.")] = FINAL_MODEL,
    deep: Annotated[bool, typer.Option("--deep", help="List the parts within blocks too.")] = False,
) -> None:
    """List what a model offers to dream of: shape, what a position sees of the photo, and cost, for 512 x 384."""

    def run() -> None:
        from nightmare.dream.layers import layers as layers_of
        from nightmare.train.model import load_model

        print(f"{'layer':<24}{'shape':>16}{'sees':>8}{'stride':>8}{'cost':>8}")
        for layer in layers_of(load_model(model), height=384, width=512):
            if deep or layer.name.count(".") < 2:
                shape = " x ".join(map(str, layer.shape))
                print(f"{layer.name:<24}{shape:>16}{layer.field:>8}{layer.stride:>8}{layer.cost:>8.0%}")

    sys.exit(exit_code(run))
