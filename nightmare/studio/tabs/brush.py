"""Hover to dream: a brush over a photo."""

import gradio

from nightmare.studio.tab import Parts, Tab

__all__ = ["TAB"]


def _build(parts: Parts) -> None:
    gradio.HTML(
        "<p class='nm-empty'>Paint nightmares with the pointer: this tab is not here yet.</p>", apply_default_css=False
    )


TAB = Tab("brush", "Brush", _build)
