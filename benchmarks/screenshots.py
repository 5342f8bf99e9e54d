"""Pictures of the studio for docs/studio.md: `python -m benchmarks.screenshots --out docs/studio`.

In: the project in the current folder after `make repro`, and a Chromium, which `make test-browser` brings. Out: every
tab at work with the real networks, dark and light, on a desk's screen and on a phone's, as WebP.
"""

import argparse
import io
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from benchmarks.studio import opened
from nightmare.atomic import atomic_path

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Without a sandbox, since root has none in a container, and without whatever asks somebody elsewhere.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENS = {"desk": (1280, 900), "phone": (390, 844)}
SCHEMES = ("dark", "light")
COMPARED = "with=robust,retrain,train&photo=coffee&octaves=3&iterations=10&side=256"
_PATIENCE = 120_000  # milliseconds, for dreams on a busy machine


def find_chromium() -> str | None:
    """The Chromium of this machine, that without windows first: with them a page takes nearly twice the processor."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def dream(page: "Page") -> None:
    page.goto("#dream")
    page.click(".nm-dream-button")
    page.wait_for_selector(".nm-viewer[data-result][data-state=idle]")
    page.wait_for_selector(".nm-results li img")


def brush(page: "Page") -> None:
    page.goto("#brush")
    page.wait_for_selector(".nm-brush[data-state=ready]")
    canvas = page.locator(".nm-brush-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box, "the canvas is on the page"  # noqa: S101
    for number, share in enumerate((0.3, 0.4, 0.5, 0.6, 0.7, 0.6, 0.5, 0.4) * 3):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + (0.4 + 0.01 * number) * box["height"])
        page.wait_for_function("count => document.querySelector('.nm-brush').dataset.stamps > count", arg=number)


def compare(page: "Page") -> None:
    page.goto(f"#compare?{COMPARED}")
    page.wait_for_selector(".nm-compare[data-looked]")
    if (make := page.locator(".nm-make-all")).is_enabled():
        make.click()
    page.wait_for_function("document.querySelector('.nm-make-all').textContent === 'All made'")


def review(page: "Page") -> None:
    page.goto("#review")
    page.wait_for_selector(".nm-review[data-id]")


def data(page: "Page") -> None:
    page.goto("#data")
    page.wait_for_selector(".nm-data img")


TABS: dict[str, Callable[["Page"], None]] = {
    "dream": dream,
    "brush": brush,
    "compare": compare,
    "review": review,
    "data": data,
}


def taken(browser: "Browser", url: str, tab: str, scheme: str, screen: str) -> Image.Image:
    """The `tab` at work, and no wider than its `screen`."""
    width, height = SCREENS[screen]
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.add_init_script("localStorage.setItem('nightmare.blur', 'false')")
    page = context.new_page()
    page.set_default_timeout(_PATIENCE)
    page.goto("/")
    page.wait_for_selector(".nm-dream-button:not([disabled])", state="attached")
    TABS[tab](page)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)  # until pictures have faded in
    page.evaluate("scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot()))
    context.close()
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--tabs", nargs="+", choices=TABS, default=list(TABS), help="only these")
    given = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SystemExit("no playwright: run `make test-browser`") from None
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit("no chromium: run `make test-browser`")
    given.out.mkdir(parents=True, exist_ok=True)
    with opened(Path.cwd()) as (port, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for tab, scheme, screen in itertools.product(given.tabs, SCHEMES, SCREENS):
            picture = taken(browser, f"http://127.0.0.1:{port}", tab, scheme, screen)
            file = given.out / f"{tab}-{scheme}-{screen}.webp"
            with atomic_path(file) as temporary:
                picture.convert("RGB").save(temporary, "WEBP", quality=60)
            print(file)
        browser.close()


if __name__ == "__main__":
    main()
