"""WCAG 2.2 AA as axe-core sees it: on every tab, dark and light, with what the tab shows when it is used.

`make test-browser` fetches axe-core. Nothing is left out: Gradio's own parts that are used here have no fault either.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from made_project import identity
from pages import RESULT, dream, more_controls
from visiting import Server, Visitor, missing

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., Visitor]
AXE = Path(__file__).parents[2] / ".cache" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
TABS = ("dream", "brush", "compare", "review", "data")


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.is_file():
        missing("axe-core")
    return AXE.read_text(encoding="utf-8")


def violations(page: "Page", axe: str) -> list[str]:
    """What is wrong with the page as it stands, one line each: the rule, the element, and what axe says."""
    # Pictures fade in and buttons change their colour: half way there the contrast is another.
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})))")
    page.evaluate(axe)
    result: dict[str, Any] = page.evaluate(
        "tags => axe.run(document, { runOnly: tags, resultTypes: ['violations'] })", TAGS
    )
    return [
        f"{violation['id']}: {node['target'][0]}: {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def used(page: "Page", tab: str) -> None:
    """Bring what the tab shows only when it is used."""
    page.wait_for_selector(f"#tab-{tab}-button[aria-selected=true]")
    if tab == "dream":
        more_controls(page)
        dream(page)
        page.wait_for_selector(RESULT)
        page.wait_for_selector(".nm-results li")
    if tab == "compare":
        page.wait_for_selector(".nm-compare[data-looked]")


def test_axe_sees_what_is_wrong(axe: str, server: Server, visit: Visit) -> None:
    page = visit(server).open()
    page.evaluate(
        """() => document.querySelector("main").append(
          nightmare.make("img", { src: "data:," }),
          nightmare.make("button", { style: "width: 9px; height: 9px; padding: 0; margin: 0" }, "x"),
          nightmare.make("button", { style: "width: 9px; height: 9px; padding: 0; margin: 0" }, "y"),
          nightmare.make("button", { "aria-label": "another" }, "one"),
          nightmare.make("p", { style: "color: #777; background: #666" }, "grey"))"""
    )
    rules = {fault.partition(":")[0] for fault in violations(page, axe)}
    assert {"image-alt", "color-contrast", "target-size", "label-content-name-mismatch"} <= rules


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("tab", TABS)
def test_tab_is_accessible(tab: str, scheme: str, axe: str, server: Server, visit: Visit) -> None:
    page = visit(server, color_scheme=scheme).open(f"/#{tab}")
    used(page, tab)
    assert violations(page, axe) == []


# What has the focus, and the ring around it; the handle of the two pictures wears that of its slider.
FOCUSED = """() => {
  const element = document.activeElement;
  const handle = element.matches(".nm-split") && document.querySelector(".nm-edge");
  const { outlineStyle, outlineWidth } = handle ? getComputedStyle(handle, "::after") : getComputedStyle(element);
  const name = element.ariaLabel || element.labels?.[0]?.innerText || element.innerText || element.name || "";
  return [element.localName, `${element.localName} ${name}`.trim().slice(0, 60), `${outlineStyle} ${outlineWidth}`];
}"""


@pytest.mark.parametrize("tab", TABS)
def test_what_has_the_focus_wears_a_ring(tab: str, culled_server: Server, visit: Visit) -> None:
    page = visit(culled_server).open(f"/#{tab}")
    used(page, tab)
    page.locator("h1").click()  # where the focus begins
    rings: dict[str, str] = {}
    for _ in range(150):
        page.keyboard.press("Tab")
        element, name, ring = page.evaluate(FOCUSED)
        if element == "body":
            break
        rings[name] = ring
    assert len(rings) > 12
    assert {name: ring for name, ring in rings.items() if ring != "solid 3px"} == {}


@pytest.mark.parametrize("width", [390, 640])  # a phone, and a desk at 200 %
@pytest.mark.parametrize("tab", TABS)
def test_what_a_tab_shows_in_use_is_no_wider_than_the_screen(
    tab: str, width: int, culled_server: Server, visit: Visit
) -> None:
    page = visit(culled_server, viewport={"width": width, "height": 800}).open(f"/#{tab}")
    used(page, tab)
    page.locator("body").press("?")
    page.wait_for_selector("dialog[open]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("dialog").evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_dialogs_and_messages_are_accessible(scheme: str, axe: str, server: Server, visit: Visit) -> None:
    page = visit(server, color_scheme=scheme, note=True).open()
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    page.evaluate("nightmare.banner('The dream server is not answering.')")
    page.locator("body").press("?")
    page.wait_for_selector("dialog[open]")
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert violations(page, axe) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("mode", ["slider", "flip", "difference"])
def test_comparison_is_accessible_in_every_mode(mode: str, scheme: str, axe: str, server: Server, visit: Visit) -> None:
    page = visit(server, color_scheme=scheme).open(f"/#compare?with=stub&photo=cat&octaves=3&iterations=1&mode={mode}")
    page.wait_for_selector(".nm-compare[data-looked]")
    if page.locator(".nm-make-all").is_enabled():
        page.click(".nm-make-all")
    page.wait_for_selector(".nm-own img")
    assert violations(page, axe) == []
    page.get_by_role("button", name="Album of stub").click()
    page.wait_for_selector(".nm-album")
    assert violations(page, axe) == []


# What of the data set is seen where: the address, and what is there when it has come.
DATA = {
    "review": ".nm-review-card img",
    "review?reason=conflicting+duplicate": ".nm-review-card[data-copies='1'] img",
    "review?reason=left+out+by+ingest": ".nm-left-out-row",
    "data": ".nm-grid .nm-tag",
    f"data?picture={identity(0)}": "dialog[open] img",
}


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("address", DATA)
def test_pictures_of_the_data_set_are_accessible(
    address: str, scheme: str, axe: str, culled_server: Server, visit: Visit
) -> None:
    page = visit(culled_server, color_scheme=scheme).open(f"/#{address}")
    page.wait_for_selector(DATA[address])
    assert violations(page, axe) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_large_picture_and_its_decision_are_accessible(
    scheme: str, axe: str, culled_server: Server, visit: Visit
) -> None:
    page = visit(culled_server, color_scheme=scheme).open("/#review?reason=nearly+removed")
    page.wait_for_selector(".nm-review-card img")
    page.get_by_role("button", name="Zoom").click()
    page.wait_for_selector("dialog[open] img")
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keep", exact=False).first.click()
    page.wait_for_function("document.querySelector('.nm-review .nm-status').textContent.startsWith('Kept.')")
    page.click(".nm-strip button")
    assert violations(page, axe) == []
