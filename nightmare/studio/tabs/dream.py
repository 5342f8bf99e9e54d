"""The Dream tab: a photo, a look, and the picture as it changes.

Gradio has the controls; the photo and the viewer are components of our own (static/photo.js, static/viewer.js).
"""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio

from nightmare.device import best_device
from nightmare.errors import NightmareError
from nightmare.studio.dreams import Progress
from nightmare.studio.limits import Limits
from nightmare.studio.looks import CUSTOM, LOOKS, Wish, controls_of
from nightmare.studio.models import PLAIN
from nightmare.studio.tab import Parts, Tab

__all__ = ["TAB"]

_STATIC = Path(__file__).parents[1] / "static"
_STAGES = [("1 · lines", 1), ("2 · textures", 2), ("3 · parts", 3), ("4 · things", 4)]
_PAGE_ONLY = ("look", "strength")  # what the page blends and names; the others are a `Wish`
_Components = dict[str, Any]  # Gradio makes their events at run time
_FIRST = next(iter(LOOKS))
_WITHOUT_MODEL = (
    "No trained nightmare yet: the plain ImageNet network dreams instead. Train one with <code>make repro</code>."
)


def _build(parts: Parts) -> None:
    with gradio.Row(elem_classes="nm-dream"):
        with gradio.Column(scale=1, min_width=300, elem_classes="nm-controls"):
            photo = gradio.HTML(
                next(iter(parts.library.samples), ""),
                html_template=_template("photo"),
                js_on_load="window.nightmare.photo(element, props, trigger, watch)",
                samples=[
                    {"key": key, "credit": f"{file.credit}, {file.licence}"}
                    for key, file in parts.library.samples.items()
                ],
                upload_bytes=parts.limits.upload_bytes,
                elem_id="dream-photo",
                apply_default_css=False,
            )
            if list(parts.catalogue.networks) == [PLAIN]:
                gradio.HTML(f"<p class='nm-note'>{_WITHOUT_MODEL}</p>", apply_default_css=False)
            controls = _controls(parts)
        with gradio.Column(scale=3, min_width=340):
            viewer = gradio.HTML(
                None,
                html_template=_template("viewer"),
                # Gradio finds the names of events by their quotes.
                js_on_load="window.nightmare.viewer(element, props, trigger, watch, ['dream', 'further', 'settings'])",
                names=list(controls),
                looks={look: controls_of(look) | {"channel": None, "keep_colors": False} for look in LOOKS},
                models=list(parts.catalogue.networks),
                elem_id="dream-viewer",
                apply_default_css=False,
            )
    _connect(parts, photo, controls, viewer)


def _template(name: str) -> str:
    return _STATIC.joinpath(f"{name}.html").read_text(encoding="utf-8")


def _controls(parts: Parts) -> _Components:
    """By the names of `Wish`, with `look` and `strength`, which belong to the page alone."""
    first, limits = controls_of(_FIRST), parts.limits
    made: _Components = {}
    made["look"] = gradio.Radio([*LOOKS, CUSTOM], value=_FIRST, label="Look", elem_id="dream-look")
    made["model"] = gradio.Dropdown(
        [(network.label, network.name) for network in parts.catalogue.networks.values()],
        value=parts.catalogue.first,
        label="Model",
        elem_id="dream-model",
    )
    made["strength"] = gradio.Slider(
        0, 100, first["strength"], step=1, label="Strength in percent", elem_id="dream-strength", buttons=[]
    )
    with gradio.Accordion("More controls", open=False):
        made |= _more_controls(first, limits)
    made["base"] = gradio.Textbox(_FIRST, visible=False)
    return made


def _more_controls(first: dict[str, Any], limits: Limits) -> _Components:
    side = 512 if best_device().type == "cpu" else 768

    def slider(name: str, low: float, high: float, step: float, label: str, info: str) -> gradio.Slider:
        return gradio.Slider(
            low, high, first.get(name), step=step, label=label, info=info, elem_id=f"dream-{name}", buttons=[]
        )

    made: _Components = {}
    made["stage"] = gradio.Dropdown(_STAGES, value=first["stage"], label="Layer", elem_id="dream-stage")
    made["octaves"] = slider("octaves", 1, limits.octaves, 1, "Octaves", "Sizes that are dreamt on")
    made["iterations"] = slider("iterations", 1, limits.iterations, 1, "Iterations per octave", "Steps at each size")
    made["octave_scale"] = slider("octave_scale", 1.1, 2.0, 0.05, "Octave scale", "From one size to the next")
    made["step_size"] = slider("step_size", 0.001, 0.1, 0.001, "Step size", "Change of a value in a step")
    made["jitter"] = slider("jitter", 0, 64, 1, "Jitter", "Largest random shift in pixels")
    first["side"] = side
    made["side"] = slider(
        "side", limits.small_side, limits.largest_side, 32, "Longest side", "In pixels; time grows with its square"
    )
    made["channel"] = gradio.Number(
        None, label="Channel", info="One of the layer's; empty for all", precision=0, minimum=0, elem_id="dream-channel"
    )
    made["keep_colors"] = gradio.Checkbox(False, label="Keep photo's colours", elem_id="dream-keep_colors")
    with gradio.Row():
        made["seed"] = gradio.Number(
            0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1, elem_id="dream-seed", min_width=120
        )
        die = gradio.Button("New seed", elem_id="dream-die", size="sm", min_width=100)
    die.click(None, js=f"() => Math.floor(Math.random() * {2**31})", outputs=made["seed"])
    return made


def _connect(parts: Parts, photo: gradio.HTML, controls: _Components, viewer: gradio.HTML) -> None:
    """What moves when: in the browser alone, but for the dream itself."""
    components = list(controls.values())
    own = [control for name, control in controls.items() if name in controls_of(_FIRST) and name != "strength"]
    form, quiet = "window.nightmare.form", {"api_visibility": "private", "show_progress": "hidden"}
    gradio.on([control.input for control in own], None, js=f"() => {CUSTOM!r}", outputs=controls["look"], **quiet)
    controls["look"].input(None, js=f"{form}.choose", inputs=components, outputs=components, **quiet)
    viewer.settings(None, js=f"{form}.given", inputs=components, outputs=components, **quiet)
    gradio.on([control.change for control in components], None, js=f"{form}.keep", inputs=components, **quiet)

    def dream(
        photo: str,
        model: str,
        stage: int,
        octaves: int,
        iterations: int,
        octave_scale: float,
        step_size: float,
        jitter: int,
        side: int,
        channel: int | None,
        keep_colors: bool,
        seed: int,
        base: str,
    ) -> Iterator[dict[str, Any]]:
        """Dream over a photo and say how far it is. `photo` is the name of a sample, or a key from /api/photos."""
        try:
            wish = Wish.checked(
                {
                    "photo": photo,
                    "model": model,
                    "stage": stage,
                    "octaves": octaves,
                    "iterations": iterations,
                    "octave_scale": octave_scale,
                    "step_size": step_size,
                    "jitter": jitter,
                    "side": side,
                    "channel": channel,
                    "keep_colors": keep_colors,
                    "seed": seed,
                    "base": base,
                }
            )
        except NightmareError as error:
            yield _told(Progress(ended=str(error), status=422))
            return
        yield from map(_told, parts.dreamer.dream(wish))

    def further(shown: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Go on with a dream that was stopped, whose last progress was `shown`."""
        yield from map(_told, parts.dreamer.further(shown.get("job", "")))

    # They have a line of their own, in which one knows one's place.
    running = {"outputs": viewer, "concurrency_limit": None, "show_progress": "hidden"}
    wished = [photo, *(control for name, control in controls.items() if name not in _PAGE_ONLY)]
    viewer.dream(dream, inputs=wished, api_name="dream", **running)
    viewer.further(further, inputs=viewer, api_name="further", **running)


def _told(progress: Progress) -> dict[str, Any]:
    """As the page hears it; each one is another value, so that a sentence that comes twice is shown twice."""
    return asdict(progress) | {"at": time.monotonic_ns()}


TAB = Tab("dream", "Dream", _build, scripts=("photo.js", "form.js", "viewer.js"))
