"""The pictures of docs/dream.md: `python -m benchmarks.effects`, after `make repro`.

Every preset over two photos, and what each setting does to one; with the measures `structure` and `clipped_share`
under each, by which defaults are chosen beside the eye.
"""

from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from nightmare.atomic import atomic_path
from nightmare.data.canvases import Canvas, load_canvases
from nightmare.dream.engine import to_picture
from nightmare.dream.gallery import Commission, painted
from nightmare.dream.measures import clipped_share, structure
from nightmare.dream.presets import PRESETS
from nightmare.dream.workers import ModelFolder
from nightmare.parallel import parallel_map
from nightmare.sheets import contact_sheet

MODEL = Path("models/robust")
DOCS = Path("docs")
PIXELS = 384
# Plain steps of the same length and number as the default's, and one thing changed at a time.
PLAIN = PRESETS["nightmare"].model_copy(
    update={"parametrisation": "pixels", "smoothing": 0.0, "headroom": 0.0, "taper": 0.0, "rotation": 0.0}
)
EFFECTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "smoothing 1": {"smoothing": 1.0},
    "laplacian 4": {"laplacian": 4},
    "total variation 0.3": {"total_variation": 0.3},
    "headroom 0.2": {"headroom": 0.2},
    "rotation 6, zoom 0.1": {"rotation": 6.0, "zoom": 0.1},
    "fourier": {"parametrisation": "fourier"},
    "fourier, laplacian 4": {"parametrisation": "fourier", "laplacian": 4},
    "keep colors": {"keep_colors": True},
    "bfloat16": {"precision": "bfloat16"},
    "the default": PRESETS["nightmare"].model_dump(),
}


def main() -> None:
    canvases = {canvas.name: canvas for canvas in load_canvases(Path("data/canvases"), pixels=PIXELS)}
    folder = ModelFolder.at(MODEL)
    presets = [
        (name, Commission(canvases[photo], recipe)) for photo in ("coffee", "cat") for name, recipe in PRESETS.items()
    ]
    save_sheet(DOCS / "presets.jpg", presets, folder=folder, columns=1 + len(PRESETS), title="Presets")
    effects = [
        (name, Commission(canvases["coffee"], PLAIN.model_copy(update=update))) for name, update in EFFECTS.items()
    ]
    save_sheet(DOCS / "effects.jpg", effects, folder=folder, columns=4, title="One setting at a time")


def save_sheet(
    path: Path, wanted: list[tuple[str, Commission]], *, folder: ModelFolder, columns: int, title: str
) -> None:
    """Each photo before its dreams, under them their names and measures, as a JPEG that a page can hold."""
    dreams = parallel_map(partial(_picture, folder=folder), [each for _, each in wanted], label=path.name, unit="dream")
    images: list[Image.Image] = []
    captions: list[str] = []
    before: Canvas | None = None
    for (name, commission), dreamt in zip(wanted, dreams, strict=True):
        if commission.canvas is not before:
            before = commission.canvas
            images.append(before.image)
            captions.append(before.name)
        fine, middle, coarse = structure(before.image, dreamt)
        images.append(dreamt)
        captions.append(f"{name}\nclipped {clipped_share(dreamt):.1%}, structure {fine:.0%} {middle:.0%} {coarse:.0%}")
    with atomic_path(path) as temporary:
        contact_sheet(images, captions, columns=columns, cell=320, title=title).save(temporary, "JPEG", quality=85)


def _picture(commission: Commission, *, folder: ModelFolder) -> Image.Image:
    return to_picture(painted(commission, folder=folder)[0])


if __name__ == "__main__":
    main()
