"""The pictures that the networks learnt from."""

import gradio

from nightmare.studio.tab import Parts, Tab

__all__ = ["TAB"]


def _build(parts: Parts) -> None:
    gradio.HTML(
        "<p class='nm-empty'>All pictures that the networks learnt from: this tab is not here yet.</p>",
        apply_default_css=False,
    )


TAB = Tab("data", "Dataset", _build)
