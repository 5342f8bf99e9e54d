"""What the tests of the brush do on its page."""

import base64
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from made_pictures import file_of, picture
from PIL import Image
from visiting import Server, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., Visitor]
CANVAS = ".nm-brush-canvas"
# Without hovering and softness, as one places stamps by hand.
STILL = {"hover": False, "softness": 0, "size": 96}


def brush_page(visitor: Visitor, image: Image.Image, **settings: Any) -> "Page":
    """The Brush tab with `image` under the brush and those `settings`."""
    visitor.context.add_init_script(
        f"localStorage.getItem('nightmare.brush') ?? localStorage.setItem('nightmare.brush', '{json.dumps(settings)}')"
    )
    page = visitor.open("/#brush")
    page.wait_for_selector(".nm-brush[data-state=ready][data-photo=cat]")
    bring(page, file_of(image))
    page.wait_for_selector(".nm-brush[data-photo=mine]")
    return page


def bring(page: "Page", content: bytes, name: str = "mine.png") -> None:
    page.set_input_files(".nm-brush input[type=file]", {"name": name, "mimeType": "image/png", "buffer": content})


def shown(page: "Page") -> np.ndarray:
    """What is on the canvas: levels (height, width, 3)."""
    url = page.evaluate(f"document.querySelector('{CANVAS}').toDataURL()")
    return levels(base64.b64decode(url.partition(",")[2]))


def levels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def place(page: "Page", x: float, y: float) -> tuple[float, float]:
    """Where the pixel (x, y) of the picture is on the screen."""
    box = page.evaluate(
        f"(({{left, top, width}}, canvas) => [left, top, width / canvas.width])"
        f"(document.querySelector('{CANVAS}').getBoundingClientRect(), document.querySelector('{CANVAS}'))"
    )
    return box[0] + x * box[2], box[1] + y * box[2]


def stamps(page: "Page") -> int:
    return int(page.get_attribute(".nm-brush", "data-stamps") or 0)


def stamped(page: "Page", count: int) -> None:
    """Wait until so many stamps were made, and none is under way."""
    page.wait_for_function("count => document.querySelector('.nm-brush').dataset.stamps >= count", arg=count)


def click(page: "Page", x: float, y: float) -> None:
    """One stamp at the pixel (x, y)."""
    count = stamps(page)
    page.mouse.move(*place(page, x, y))
    page.mouse.down()
    page.mouse.up()
    stamped(page, count + 1)
    page.wait_for_timeout(50)


def dreamt(photo: np.ndarray) -> np.ndarray:
    """The dream of the stub over `photo`, one octave of one step."""
    target = np.stack([np.full_like(photo[..., 0], 255), 255 - photo[..., 1], 255 - photo[..., 2]], axis=2)
    return photo + 0.1 * (target - photo)


def ring(width: int, height: int, x: float, y: float, size: float) -> np.ndarray:
    """The pixels whose middle is within the ring."""
    down, across = np.mgrid[:height, :width] + 0.5
    return np.hypot(across - x, down - y) < size / 2


__all__ = ["CANVAS", "STILL", "Server", "Visit", "bring", "brush_page", "click", "dreamt", "levels", "picture", "place",
           "ring", "shown", "stamped", "stamps"]  # fmt: skip
