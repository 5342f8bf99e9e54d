"""The Brush tab: hover to dream. All of it is a component of our own (static/brush.js); Gradio only places it."""

import gradio

from nightmare.studio.brush import QUALITIES
from nightmare.studio.tab import STATIC, Parts, Tab

__all__ = ["TAB"]

_SCRIPTS = (
    "keys.js",
    "files.js",
    "brush_photo.js",
    "brush_picture.js",
    "brush_stamps.js",
    "brush_controls.js",
    "brush_pointers.js",
    "brush_exchange.js",
    "brush_keys.js",
    "brush.js",
)
_TITLES = {"live": "Live", "original": "Original", "rich": "Rich"}


def _build(parts: Parts) -> None:
    limits = parts.limits
    gradio.HTML(
        None,
        html_template=STATIC.joinpath("brush.html").read_text(encoding="utf-8"),
        js_on_load="window.nightmare.brush(element, props)",
        qualities=[{"name": name, "title": _TITLES[name], "note": _note(name)} for name in QUALITIES],
        side=limits.largest_side,
        smallest_side=limits.smallest_side,
        megapixels=limits.megapixels,
        upload_bytes=limits.upload_bytes,
        undo_steps=limits.undo_steps,
        undo_bytes=limits.undo_bytes,
        elem_id="brush",
        apply_default_css=False,
    )


def _note(quality: str) -> str:
    """What a stamp of it consists of, in a few words."""
    recipe = QUALITIES[quality]
    octaves = "1 octave" if recipe.octaves == 1 else f"{recipe.octaves} octaves"
    steps = recipe.iterations_of(0)
    return octaves if steps == 1 else f"{octaves}, {steps} steps each"


TAB = Tab("brush", "Brush", _build, scripts=_SCRIPTS)
