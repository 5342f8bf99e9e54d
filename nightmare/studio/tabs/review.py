"""What culling removed, looked at by a person."""

import gradio

from nightmare.studio.tab import Parts, Tab

__all__ = ["TAB"]


def _build(parts: Parts) -> None:
    gradio.HTML(
        "<p class='nm-empty'>What culling removed, to look at again: this tab is not here yet.</p>",
        apply_default_css=False,
    )


TAB = Tab("review", "Review", _build)
