"""The Dream tab: a photo, a look, and the picture as it changes.

Gradio has the controls; the photo and the viewer are components of our own (static/photo.js, static/viewer.js).
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import gradio
from gradio.events import api

from nightmare.device import best_device
from nightmare.errors import NightmareError
from nightmare.studio.dreams import Progress
from nightmare.studio.limits import Limits
from nightmare.studio.looks import CUSTOM, LOOKS, Wish, controls_of
from nightmare.studio.models import PLAIN
from nightmare.studio.tab import STATIC, Parts, Tab

__all__ = ["TAB"]

_STAGES = [("1 · lines", 1), ("2 · textures", 2), ("3 · parts", 3), ("4 · things", 4)]
_Components = dict[str, Any]  # Gradio makes their events at run time
_FIRST = next(iter(LOOKS))
_WITHOUT_MODEL = (
    "No trained nightmare yet: the plain ImageNet network dreams instead. Train one with <code>make repro</code>."
)


def _build(parts: Parts) -> None:
    with gradio.Row(elem_classes="nm-dream"):
        with gradio.Column(scale=1, min_width=300, elem_classes="nm-controls"):
            gradio.HTML(
                next(iter(parts.library.samples), ""),
                html_template=_template("photo"),
                js_on_load="window.nightmare.photo(element, props)",
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
                # Gradio finds the name of an event by its quotes.
                js_on_load="window.nightmare.viewer(element, props, trigger, ['settings'])",
                names=list(controls),
                looks={look: controls_of(look) | {"channel": None, "keep_colors": False} for look in LOOKS},
                models=list(parts.catalogue.networks),
                most_results=parts.limits.session_results,
                elem_id="dream-viewer",
                apply_default_css=False,
            )
    _connect(controls, viewer)
    _for_programs(parts)


def _template(name: str) -> str:
    return STATIC.joinpath(f"{name}.html").read_text(encoding="utf-8")


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
        "side",
        limits.small_side,
        limits.largest_side,
        limits.side_step,
        "Longest side",
        "In pixels; time grows with its square",
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


def _connect(controls: _Components, viewer: gradio.HTML) -> None:
    """What moves when, all of it in the browser."""
    components = list(controls.values())
    own = [control for name, control in controls.items() if name in controls_of(_FIRST) and name != "strength"]
    form, quiet = "window.nightmare.form", {"api_visibility": "private", "show_progress": "hidden"}
    gradio.on([control.input for control in own], None, js=f"() => {CUSTOM!r}", outputs=controls["look"], **quiet)
    controls["look"].input(None, js=f"{form}.choose", inputs=components, outputs=components, **quiet)
    viewer.settings(None, js=f"{form}.given", inputs=components, outputs=components, **quiet)
    gradio.on([control.change for control in components], None, js=f"{form}.keep", inputs=components, **quiet)


def _for_programs(parts: Parts) -> None:
    """The same for `gradio_client`. The page itself uses /api/dreams: after a connection that broke Gradio does nothing
    more until the page is loaded anew."""

    def dream(
        photo: str,
        look: str = _FIRST,
        model: str = "",
        side: int = 512,
        seed: int = 0,
        changes: dict[str, Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Dream over a photo, and say how far it is.

        `photo` is the name of a sample, or the key that /api/photos gave; `changes` are settings of `Wish`.
        """
        try:
            controls = {name: value for name, value in controls_of(look).items() if name != "strength"}
            given = {"photo": photo, "base": look, "model": model, "side": side, "seed": seed}
            wish = Wish.checked(controls | given | (changes or {}))
        except NightmareError as error:
            yield asdict(Progress(ended=str(error), status=422))
            return
        yield from map(asdict, parts.dreamer.dream(wish))

    # Dreams have a line of their own, in which one knows one's place.
    api(dream, api_name="dream", concurrency_limit=None)


TAB = Tab(
    "dream",
    "Dream",
    _build,
    scripts=("keys.js", "files.js", "photo.js", "form.js", "results.js", "stage.js", "viewer.js"),
)
