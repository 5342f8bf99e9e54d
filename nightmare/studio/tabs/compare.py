"""Dreams of several models, side by side."""

import gradio

from nightmare.studio.tab import Parts, Tab

__all__ = ["TAB"]


def _build(parts: Parts) -> None:
    gradio.HTML(
        "<p class='nm-empty'>Dreams of several models side by side: this tab is not here yet.</p>",
        apply_default_css=False,
    )


TAB = Tab("compare", "Compare", _build)
