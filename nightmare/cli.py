"""The `nightmare` command. Heavy imports happen inside the commands, so that `nightmare --help` answers at once."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightmare.errors import exit_code

if TYPE_CHECKING:
    from nightmare.data.canvases import Photo
    from nightmare.dream.gallery import Commission
    from nightmare.dream.recipe import Recipe

__all__ = ["app"]

FINAL_MODEL = Path("models/robust")
CANVASES = Path("data/canvases")

ModelOption = Annotated[
    Path, typer.Option("--model", help="Folder of a model, or with --weights the name of a torchvision classifier.")
]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", help="File with the weights of a torchvision classifier.")
]
PixelsOption = Annotated[int, typer.Option(help="Longer side of the dreams.", min=32, max=8192)]
GuideOption = Annotated[
    list[Path] | None, typer.Option("--guide", help="Picture that objective guided looks at; may repeat.")
]
MaskOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mask", help="Picture that is white where to dream, or picture:layers for layers of its own; may repeat."
    ),
]

# Every setting of a recipe that is an option, for each command that dreams.
_SETTINGS: dict[str, tuple[Any, str]] = {
    "layers": (str, "Such as layer3 or layer3,layer2=0.5."),
    "objective": (str, "energy, channel:3, neuron:3@0.5,0.5, class:skulls, guided or guided:mean."),
    "octaves": (int, "Sizes that are dreamt on."),
    "octave_scale": (float, "Ratio of one octave to the next."),
    "iterations": (str, "Steps per octave, or one number for each such as 2,2,3,4."),
    "step_size": (float, "Change per step, of the range 0 to 1."),
    "taper": (float, "How far the steps of an octave shrink, 0 to 1."),
    "headroom": (float, "Distance from black and white at which changes slow down."),
    "jitter": (int, "Largest random shift, in pixels."),
    "rotation": (float, "Largest random turn, in degrees."),
    "zoom": (float, "Largest random change of scale, as a share."),
    "smoothing": (float, "Blur of each gradient, in pixels."),
    "laplacian": (int, "Bands of the gradient that are brought to one energy."),
    "total_variation": (float, "Pull towards flat areas."),
    "parametrisation": (str, "pixels or fourier."),
    "feather": (float, "Softness of the edges of masks, in pixels."),
    "keep_colors": (bool, "Take only the luminance of the dream."),
    "strength": (float, "Share of the dream over the photo, 0 to 1."),
    "tile": (str, "Side of the parts that are computed one by one, auto or none."),
    "precision": (str, "float32, or bfloat16 for half the time on processors that multiply it."),
    "seed": (int, "All random choices derive from it."),
}


def _takes_recipe(command: Callable[..., None], **gentle: str | float) -> Callable[..., None]:
    """Give `command` the options `--preset`, `--recipe` and one per setting; its argument `recipe` is their Recipe.

    `gentle` settings take the place of the preset's where neither preset nor recipe is given.
    """

    @wraps(command)
    def with_options(*, preset: str | None, recipe: Path | None, **given: Any) -> None:
        def run() -> None:
            from nightmare.dream.presets import read_recipe, refined
            from nightmare.errors import ParameterError

            if preset is not None and recipe:
                raise ParameterError("--preset and --recipe both say where to start: give one")
            changes = {name: given.pop(name) for name in _SETTINGS}
            if recipe:
                start = read_recipe(recipe)
            else:
                start = refined("nightmare", gentle) if preset is None else refined(preset, {})
            command(recipe=refined(start, changes), **given)

        sys.exit(exit_code(run))

    own = [value for name, value in signature(command).parameters.items() if name != "recipe"]
    options: dict[str, Any] = {
        "preset": Annotated[
            str | None,
            typer.Option(
                help="Recipe to start from: whisper, nightmare (the default), deep-nightmare, fever, original."
            ),
        ],
        "recipe": Annotated[
            Path | None, typer.Option(help="JSON file with a recipe, or a dream that holds one, in place of a preset.")
        ],
    }
    options |= {name: Annotated[kind | None, typer.Option(help=text)] for name, (kind, text) in _SETTINGS.items()}
    added = [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind) for name, kind in options.items()]
    parameters = [value.replace(kind=Parameter.KEYWORD_ONLY) for value in own] + added
    with_options.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {value.name: value.annotation for value in parameters}
    return with_options


film = typer.Typer(no_args_is_help=True, help="Make films of dreams, MP4 or GIF.")
experiments = typer.Typer(no_args_is_help=True, help="Queue the original's nine experiments, and show how they went.")
app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__.splitlines()[0].split(".")[0])


app.add_typer(film, name="film")
app.add_typer(experiments, name="experiments")


@app.callback()
def nightmare() -> None:
    """Teach a network what frightens us, cull what it got wrong, and let it dream."""
    # Names of files are bytes: those that are no UTF-8 are printed as the bytes that they are.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")


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
@_takes_recipe
def dream(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the dreams and their manifest.")],
    recipe: "Recipe",
    model: ModelOption = FINAL_MODEL,
    weights: WeightsOption = None,
    guide: GuideOption = None,
    mask: MaskOption = None,
    pixels: PixelsOption = 768,
    format: Annotated[str, typer.Option(help="png, jpg, webp or tif (16 bits).")] = "png",
    profile: Annotated[bool, typer.Option("--profile", help="Say where the time went.")] = False,
) -> None:
    """Dream over photos. What is there already is not made again; each picture carries its recipe."""
    from nightmare.data.canvases import find_photos
    from nightmare.dream.batch import Order, Refused, dream_photos, plan_dreams
    from nightmare.dream.picture import FORMATS
    from nightmare.dream.profile import profiled
    from nightmare.dream.workers import ModelFolder
    from nightmare.errors import InputError

    masks, recipe = _masked(recipe, mask or [])
    order = Order(
        ModelFolder.at(model, weights=weights),
        recipe,
        pixels,
        guides=tuple(find_photos(guide or [])),
        masks=masks,
        suffix=f".{format}",
    )
    found = find_photos(photos)
    if not found:
        raise InputError(f"no photo in {', '.join(map(str, photos))}: give a file, or a folder with photos")
    if out.suffix.lower() in FORMATS:
        raise InputError(f"{out} is to be a folder: give one for the dreams and their manifest")
    plan = plan_dreams(found, out, order=order)
    if plan.forecast and profile:
        # Only this process is counted.
        plan = replace(plan, forecast=replace(plan.forecast, workers=1))
    elif plan.forecast:
        print(plan.forecast, flush=True)
    made = refused = 0
    with profiled(wanted=profile) as times:
        for result in dream_photos(plan):
            if isinstance(result, Refused):
                refused += 1
                print(f"{result.path}: {result.error}", file=sys.stderr)
            else:
                made += 1
                print(result, flush=True)
    if profile:
        print(times)
    print(f"{made} made, {len(found) - made - refused} there already, {refused} refused")
    if refused:
        raise InputError(f"{refused} of {len(found)} photos were refused, see above: mend or remove them")


@app.command()
def redream(
    picture: Annotated[Path, typer.Argument(help="A dream as it was saved.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the same picture is written.")],
    model: ModelOption = FINAL_MODEL,
    weights: WeightsOption = None,
    photo: Annotated[
        list[Path] | None, typer.Option(help="The photo, guide or mask, or a folder in which it lies; may repeat.")
    ] = None,
    pixels: Annotated[int | None, typer.Option(help="Another longer side.", min=32, max=8192)] = None,
) -> None:
    """Make a dream again from the recipe inside it, the same to the last bit or larger."""

    def run() -> None:
        from nightmare.dream.again import redream as make_again
        from nightmare.dream.workers import ModelFolder

        folder = ModelFolder.at(model, weights=weights)
        places = photo or [CANVASES]
        make_again(picture, out, folder=folder, places=places, pixels=pixels, tell=partial(print, flush=True))

    sys.exit(exit_code(run))


@app.command()
@_takes_recipe
def sweep(
    photo: Annotated[Path, typer.Argument(help="The photo to dream on.")],
    rows: Annotated[
        str, typer.Option(help="Setting and values, such as octaves=3,5,7 or objective=energy,channel:3,17.")
    ],
    columns: Annotated[
        str, typer.Option(help="The same, with semicolons where values have commas: 'layers=layer3;layer2,layer3=0.5'.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The sheet, a PNG; its cells lie in a folder beside it.")],
    recipe: "Recipe",
    model: ModelOption = FINAL_MODEL,
    weights: WeightsOption = None,
    guide: GuideOption = None,
    mask: MaskOption = None,
    pixels: PixelsOption = 256,
) -> None:
    """Show what two settings do, on a sheet; `redream CELL -o big.png --photo PHOTO --pixels 1024` makes one large."""
    from nightmare.atomic import save_picture
    from nightmare.dream.forecast import forecast
    from nightmare.dream.sweep import parse_axis, swept
    from nightmare.dream.sweep import sweep as make_sheet
    from nightmare.dream.workers import ModelFolder
    from nightmare.errors import InputError

    if out.suffix.lower() != ".png":
        raise InputError(f"{out} is to be a sheet: end the name with .png")
    axes = {"rows": parse_axis(rows), "columns": parse_axis(columns)}
    commission = _commission(photo, recipe, guide=guide, mask=mask, pixels=pixels, out=out)
    folder = ModelFolder.at(model, weights=weights)
    expected = forecast(folder, swept(commission.recipe, **axes), pixels=pixels, guides=len(commission.guides))
    print(expected, flush=True)
    sheet = make_sheet(folder, commission, **axes, directory=out.with_suffix(""), workers=expected.workers)
    save_picture(out, sheet)
    print(f"{out}, its cells in {out.with_suffix('')}/")


# Every frame dreams on where the one before it stopped: after twenty frames even one step each has been a hundred.
@film.command()
@partial(_takes_recipe, layers="layer3", octaves=2, iterations="1", step_size=0.01, strength=0.7)
def zoom(
    photo: Annotated[Path, typer.Argument(help="The photo to dream on.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The film, .mp4 or .gif; its frames lie in a folder beside it.")
    ],
    recipe: "Recipe",
    model: ModelOption = FINAL_MODEL,
    weights: WeightsOption = None,
    guide: GuideOption = None,
    mask: MaskOption = None,
    frames: Annotated[int, typer.Option(help="Number of pictures.", min=1, max=216_000)] = 100,
    enlarge: Annotated[float, typer.Option(help="Enlargement from one frame to the next.", min=1, max=2)] = 1.03,
    rate: Annotated[int, typer.Option(help="Frames per second.", min=1, max=60)] = 15,
    pixels: PixelsOption = 384,
) -> None:
    """Zoom endlessly into a photo, dreaming on; an interrupted film is gone on with."""
    from nightmare.dream.film import zoom_film
    from nightmare.dream.workers import ModelFolder

    commission = _commission(photo, recipe, guide=guide, mask=mask, pixels=pixels, out=out)
    folder = ModelFolder.at(model, weights=weights)
    zoom_film(out, commission, folder=folder, frames=frames, zoom=enlarge, rate=rate, tell=partial(print, flush=True))
    print(out)


@film.command()
@_takes_recipe
def timelapse(
    photo: Annotated[Path, typer.Argument(help="The photo to dream on.")],
    models: Annotated[
        list[Path], typer.Argument(help="Folders of models in their order, or a folder of such folders.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The film, .mp4 or .gif; its frames lie in a folder beside it.")
    ],
    recipe: "Recipe",
    guide: GuideOption = None,
    mask: MaskOption = None,
    seconds: Annotated[float, typer.Option(help="How long each dream is shown.", min=0.04, max=60)] = 0.5,
    pixels: PixelsOption = 384,
) -> None:
    """Dream the same dream under one model after the other, such as those of a training."""
    from nightmare.dream.film import find_models, timelapse_film
    from nightmare.dream.workers import ModelFolder

    commission = _commission(photo, recipe, guide=guide, mask=mask, pixels=pixels, out=out)
    folders = [ModelFolder.at(place) for place in find_models(models)]
    timelapse_film(out, commission, folders=folders, seconds=seconds, tell=partial(print, flush=True))
    print(out)


@app.command()
def layers(
    model: Annotated[Path, typer.Argument(help="Folder of a model, or name of a classifier.")] = FINAL_MODEL,
    weights: WeightsOption = None,
    deep: Annotated[bool, typer.Option("--deep", help="List the parts within blocks too.")] = False,
) -> None:
    """List what a model offers to dream of: shape, what a position sees of the photo, and cost, for 512 x 384."""

    def run() -> None:
        from math import isinf

        from nightmare.dream.layers import layers as layers_of
        from nightmare.dream.workers import ModelFolder

        found = layers_of(ModelFolder.at(model, weights=weights).load(), height=384, width=512)
        print(f"{'layer':<24}{'shape':>16}{'sees':>8}{'stride':>8}{'cost':>8}")
        for layer in found:
            if deep or layer.name.count(".") < 2:
                shape = " x ".join(map(str, layer.shape))
                field = "all" if isinf(layer.field) else f"{layer.field:.0f}"
                print(f"{layer.name:<24}{shape:>16}{field:>8}{layer.stride:>8}{layer.cost:>8.0%}")

    sys.exit(exit_code(run))


@app.command()
def studio(
    port: Annotated[int, typer.Option(help="Port of the page; 0 for any free one.", min=0, max=65535)] = 7860,
    listen: Annotated[str, typer.Option(help="Address to answer at; beyond this machine it needs a token.")] = (
        "127.0.0.1"
    ),
    token_file: Annotated[Path | None, typer.Option(help="File with the token that others log in with.")] = None,
) -> None:
    """Open the studio in the browser: dream, paint, compare, and look at the data."""

    def run() -> None:
        from nightmare.studio.serve import read_token, serve

        token = read_token(token_file) if token_file else None
        serve(root=Path.cwd(), host=listen, port=port, token=token, tell=partial(print, flush=True))

    sys.exit(exit_code(run))


@experiments.command()
def queue(
    scale: Annotated[
        float, typer.Option(help="Share of the original's epochs and pixels; 1 is its full length.", min=0.001, max=1)
    ],
) -> None:
    """Put into DVC's queue what is not there yet at this scale. Nothing runs before `dvc queue start`."""

    def run() -> None:
        from nightmare.experiments.original import read_rows
        from nightmare.experiments.queue import queue_rows
        from nightmare.params import load_params

        for line in queue_rows(read_rows(), scale=scale, params=load_params()):
            print(line, flush=True)
        print(
            "start them  dvc queue start",
            "watch them  dvc queue status, dvc queue logs NAME",
            "results     nightmare experiments table, dvc exp show",
            sep="\n",
        )

    sys.exit(exit_code(run))


@experiments.command()
def table() -> None:
    """Show the original's figures beside ours, at every scale that was queued."""

    def run() -> None:
        from nightmare.experiments.original import read_rows
        from nightmare.experiments.queue import known_experiments
        from nightmare.experiments.table import experiments_table

        print(experiments_table(read_rows(), known_experiments()))

    sys.exit(exit_code(run))


def _one(path: Path) -> "Photo":
    from nightmare.data.canvases import find_photos
    from nightmare.errors import InputError

    if path.is_dir():
        raise InputError(f"{path} is a folder: give one picture")
    return find_photos([path])[0]


def _masked(recipe: "Recipe", texts: list[str]) -> tuple[tuple["Photo", ...], "Recipe"]:
    """The masks that `sky.png:layer4` and the like name, and `recipe` with their layers, its own where none are."""
    from nightmare.dream.recipe import Recipe, parse_layers

    parts = [text.partition(":") for text in texts]
    layers = [parse_layers(names) if names else {} for _, _, names in parts]
    if any(layers) or (layers and len(layers) != len(recipe.masks)):
        recipe = Recipe.checked(recipe.model_dump() | {"masks": layers})
    return tuple(_one(Path(path)) for path, _, _ in parts), recipe


def _commission(
    photo: Path, recipe: "Recipe", *, guide: list[Path] | None, mask: list[str] | None, pixels: int, out: Path
) -> "Commission":
    """What is asked for over one photo. Raises `InputError` where `out` would take the place of what it is made of."""
    from nightmare.data.canvases import find_photos
    from nightmare.dream.batch import read_canvas
    from nightmare.dream.gallery import GUIDE_PIXELS, Commission
    from nightmare.errors import InputError

    found, guides = _one(photo), find_photos(guide or [])
    masks, recipe = _masked(recipe, mask or [])
    if out.is_dir() or any(out.exists() and out.samefile(each.path) for each in (found, *guides, *masks)):
        what = "a folder" if out.is_dir() else "a picture that is dreamt from"
        raise InputError(f"{out} is {what}: give the output another name")
    return Commission(
        read_canvas(found, pixels),
        recipe,
        guides=tuple(read_canvas(each, GUIDE_PIXELS) for each in guides),
        masks=tuple(read_canvas(each, pixels) for each in masks),
    )
