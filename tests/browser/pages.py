"""What several tests do on a page."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made_pictures import file_of, picture

if TYPE_CHECKING:
    from playwright.sync_api import Page

RESULT = ".nm-viewer[data-result][data-state=idle]"


def choose(page: "Page", content: bytes, name: str = "photo.png") -> None:
    page.set_input_files(".nm-photo input[type=file]", {"name": name, "mimeType": "image/png", "buffer": content})


def chosen(page: "Page", content: bytes, name: str = "photo.png") -> None:
    """`choose`, and wait until the photo is taken."""
    choose(page, content, name)
    page.wait_for_function(
        "name => document.querySelector('.nm-before').alt.endsWith(name)", arg=name.partition(".")[0]
    )


def dream(page: "Page") -> None:
    """Press the button, and wait until a dream runs."""
    page.click(".nm-dream-button")
    page.wait_for_selector(".nm-viewer[data-state=running]")


def step(page: "Page") -> int:
    return int(page.get_attribute(".nm-viewer", "data-step") or 0)


def until(true: Callable[[], Any], *, seconds: float = 30, what: str = "it") -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)


def set_slider(page: "Page", name: str, value: float) -> None:
    """Type a value into the number beside one of Gradio's sliders."""
    box = page.locator(f"#dream-{name} input[type=number]")
    box.fill(str(value))
    box.press("Tab")


def more_controls(page: "Page") -> None:
    page.get_by_role("button", name="More controls").click()
    page.wait_for_selector("#dream-octaves input[type=number]")


def give(page: "Page", how: str, name: str) -> None:
    """Drop or paste (`how`) a photo of this `name` anywhere on the page."""
    event = {
        "drop": "new DragEvent('drop', { dataTransfer: given, bubbles: true, cancelable: true })",
        "paste": "new ClipboardEvent('paste', { clipboardData: given, bubbles: true })",
    }[how]
    page.evaluate(
        f"""([bytes, name]) => {{
          const given = new DataTransfer();
          given.items.add(new File([new Uint8Array(bytes)], name + '.png', {{ type: 'image/png' }}));
          document.body.dispatchEvent({event});
        }}""",
        [list(file_of(picture(300, 200))), name],
    )


def drop(page: "Page", file: Path) -> None:
    """Drop a file on the middle of the page, as the browser itself does it."""
    session = page.context.new_cdp_session(page)
    files = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    # Twice over the page: the invitation that the first one brings is another element.
    for kind in ("dragEnter", "dragOver", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 400, "data": files})
        page.wait_for_timeout(200)  # until the page has said whether it takes it
    session.detach()
