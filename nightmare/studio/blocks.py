"""The page: its head, the tabs, and how Gradio is set up to serve it and nothing else."""

import gradio
from fastapi import FastAPI
from fastapi.responses import Response

from nightmare.studio.tab import STATIC, Parts, Tab
from nightmare.studio.tabs.brush import TAB as BRUSH
from nightmare.studio.tabs.compare import TAB as COMPARE
from nightmare.studio.tabs.dataset import TAB as DATASET
from nightmare.studio.tabs.dream import TAB as DREAM
from nightmare.studio.tabs.review import TAB as REVIEW

__all__ = ["TABS", "mount"]

TABS: tuple[Tab, ...] = (DREAM, BRUSH, COMPARE, REVIEW, DATASET)
_SCRIPT = "/studio.js"
_HEADER = """
<header class="nm-header">
  <h1>Deep Nightmare</h1>
  <p>A network that learnt what frightens us dreams over harmless photos.</p>
  <div class="nm-header-buttons"></div>
</header>
"""


def mount(app: FastAPI, parts: Parts) -> None:
    """Serve the page at / of `app`."""
    names = ("common.js", *dict.fromkeys(script for tab in TABS for script in tab.scripts))
    # One file, since Gradio inserts scripts in a way that does not keep their order.
    scripts = "\n".join(STATIC.joinpath(name).read_text(encoding="utf-8") for name in names)

    @app.get(_SCRIPT)
    def script() -> Response:
        return Response(scripts, media_type="text/javascript", headers={"cache-control": "no-cache"})

    gradio.mount_gradio_app(
        app,
        _page(parts),
        path="/",
        allowed_paths=[],
        max_file_size=parts.limits.json_bytes,
        show_error=False,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=gradio.themes.Base(
            primary_hue="rose",
            neutral_hue="zinc",
            font=["system-ui", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
            radius_size="lg",
        ).set(  # greys that can be read
            body_text_color_subdued="*neutral_600",
            body_text_color_subdued_dark="*neutral_400",
            block_info_text_color="*neutral_600",
            block_info_text_color_dark="*neutral_400",
            block_title_text_color="*neutral_800",
            block_title_text_color_dark="*neutral_200",
        ),
        head='<link rel="stylesheet" href="/studio/studio.css">',
    )


def _page(parts: Parts) -> gradio.Blocks:
    limits = parts.limits
    sweep = limits.gradio_sweep_seconds, limits.gradio_file_seconds
    with gradio.Blocks(title="Deep Nightmare", analytics_enabled=False, delete_cache=sweep) as page:
        gradio.HTML(
            _HEADER, js_on_load="window.nightmare.header(element)", elem_id="nm-header", apply_default_css=False
        )
        with gradio.Tabs(overflow_behavior="wrap"):
            for tab in TABS:
                with gradio.Tab(tab.title, id=tab.hash, elem_id=f"tab-{tab.hash}", render_children=True):
                    tab.build(parts)
    for block in page.blocks.values():
        if isinstance(block, gradio.HTML):
            # Of a component's own head Gradio waits for the scripts before it runs `js_on_load`, of the page's not.
            block.head = f'<script src="{_SCRIPT}"></script>'
    # Dreams have a line of their own (`nightmare.studio.line`), in which one knows one's place.
    page.queue(max_size=limits.gradio_calls, default_concurrency_limit=1, api_open=False)
    return page
