"""The page as a whole: tabs and addresses, the head, keys, failures in words, and how it fits."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import RESULT, give
from visiting import Server, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Page

DOCUMENT = Path(__file__).parents[2] / "docs" / "studio.md"
TABS = {"dream": "Dream", "brush": "Brush", "compare": "Compare", "review": "Review", "data": "Dataset"}
Visit = Callable[..., Visitor]
STATIC = Path(__file__).parents[2] / "nightmare" / "studio" / "static"
SHARED_STYLES = ("base", "pictures", "dialogs")
OWN_STYLES = ("dream", "brush", "compare", "review", "dataset")


def test_page_has_its_tabs_and_nothing_from_elsewhere(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    page = visitor.open()
    assert page.title() == "Deep Nightmare"
    assert page.locator("h1").count() == page.locator("main").count() == 1
    assert page.get_attribute("html", "lang") == "en"
    assert [tab.inner_text() for tab in page.get_by_role("tab").all()] == list(TABS.values())
    assert len(visitor.requests) > 5


@pytest.mark.parametrize("tab", TABS)
def test_address_opens_its_tab(tab: str, server: Server, visit: Visit) -> None:
    page = visit(server).open(f"/#{tab}")
    page.wait_for_selector(f"#tab-{tab}-button[aria-selected=true]")


def test_tab_and_address_follow_each_other(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    page.get_by_role("tab", name="Review").click()
    page.wait_for_function("location.hash === '#review'")
    page.evaluate("location.hash = '#compare?octaves=3'")
    page.wait_for_selector("#tab-compare-button[aria-selected=true]")
    assert page.evaluate("nightmare.place().parameters.get('octaves')") == "3"
    page.reload()
    page.wait_for_selector("#tab-compare-button[aria-selected=true]")


@pytest.mark.parametrize("unknown", ["foo", "foo?octaves=3"])
def test_address_of_no_tab_is_the_first_one(unknown: str, server: Server, visit: Visit) -> None:
    page = visit(server).open(f"/#{unknown}")
    page.wait_for_function("location.hash === '#dream'")
    page.get_by_role("tab", name="Review").click()
    page.wait_for_function("location.hash === '#review'")
    page.evaluate("hash => (location.hash = hash)", unknown)
    page.wait_for_selector("#tab-dream-button[aria-selected=true]")
    give(page, "drop", "dropped")
    page.wait_for_function("document.querySelector('.nm-before').alt === 'The photo dropped'")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(RESULT)


def test_content_note_comes_once_and_the_switch_remembers(server: Server, visit: Visit) -> None:
    page = visit(server, note=True).open()
    page.get_by_role("button", name="Blur pictures").click()
    assert page.get_by_role("checkbox", name="Blur pictures").is_checked()
    assert page.locator("html.nm-blurred").count() == 1
    page.reload()
    page.wait_for_selector("html.nm-blurred")
    assert page.locator("dialog").count() == 0
    page.get_by_role("checkbox", name="Blur pictures").uncheck()
    assert page.locator("html.nm-blurred").count() == 0


def test_help_lists_exactly_the_keys_that_work(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    page.evaluate(
        """() => {
          window.counted = 0;
          const run = () => window.counted += 1;
          nightmare.addKeys("Test", [{ keys: ["Q", "Shift+ArrowLeft"], text: "Count", run }]);
        }"""
    )
    for key in ("q", "Shift+ArrowLeft", "ArrowLeft", "Control+q"):
        page.keyboard.press(key)
    assert page.evaluate("window.counted") == 2
    assert [keys for _, keys, text in keys_of(page) if text == "Count"] == [["Q", "Shift+ArrowLeft"]]


def keys_of(page: "Page") -> list[tuple[str, list[str], str]]:
    """What the help says: where, the keys, and what they do."""
    page.locator("body").press("?")
    rows = page.evaluate(
        """() => [...document.querySelectorAll("dialog[open] tr")].map((row) => [
          row.closest("table").previousElementSibling.textContent,
          [...row.querySelectorAll("kbd")].map((key) => key.textContent),
          row.lastElementChild.textContent,
        ])"""
    )
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    return [(where, keys, text) for where, keys, text in rows]


def test_help_and_the_document_list_the_same_keys(culled_server: Server, visit: Visit) -> None:
    page = visit(culled_server).open()
    for tab in ("brush", "compare", "review", "data"):
        page.click(f"#tab-{tab}-button")
        page.wait_for_selector(f".nm-{tab}", state="visible")
    section = DOCUMENT.read_text(encoding="utf-8").split("## Keys")[1].split("\n## ")[0]
    documented = []
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith(("| where", "| ---")):
            where, keys, text = (cell.strip() for cell in line.strip("|").split(" | "))
            documented.append((where or documented[-1][0], re.findall(r"`([^`]+)`", keys), text))
    assert documented == keys_of(page)


def test_key_while_typing_is_text(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    page.evaluate("document.body.append(nightmare.make('textarea', { id: 'here' }))")
    page.locator("#here").press("?")
    assert page.locator("dialog").count() == 0
    assert page.input_value("#here") == "?"


SENTENCES = {
    401: "Log in first",
    403: "reload the page",
    413: "too large",
    422: "did not understand",
    500: "Something went wrong",
    503: "busy",
}


@pytest.mark.parametrize("status", SENTENCES)
def test_every_failure_has_its_sentence(status: int, server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect(str(status))
    page = visitor.open()
    page.route("**/api/models", lambda route: route.fulfill(status=status, body=""))
    said = page.evaluate("nightmare.getJson('/api/models').catch(failure => failure.message)")
    assert SENTENCES[status] in said
    page.unroute("**/api/models")
    page.route("**/api/models", lambda route: route.fulfill(status=status, body='{"sentence": "Own words."}'))
    assert page.evaluate("nightmare.getJson('/api/models').catch(failure => failure.message)") == "Own words."


def test_server_that_is_away_is_asked_again(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect("ERR_FAILED", "net::")
    page = visitor.open()
    asked: list[str] = []

    def away(route: object) -> None:
        asked.append("")
        route.abort() if len(asked) < 3 else route.continue_()  # type: ignore[attr-defined]

    page.route("**/api/models", away)
    page.evaluate("void (window.answer = nightmare.getJson('/api/models'))")
    page.wait_for_selector(".nm-banner:not([hidden])")
    assert re.fullmatch(r"The dream server is not answering\. Trying again in [12] s\.", page.inner_text(".nm-banner"))
    assert page.evaluate("window.answer.then(answer => answer.models[0].name)") == "stub"
    assert len(asked) == 3
    assert page.locator(".nm-banner:not([hidden])").count() == 0


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("tab", TABS)
def test_nothing_is_wider_than_the_screen(width: int, tab: str, server: Server, visit: Visit) -> None:
    page = visit(server, viewport={"width": width, "height": 844}).open(f"/#{tab}")
    page.wait_for_selector(f"#tab-{tab}-button[aria-selected=true]")
    # Gradio's containers cut off what is too wide, so that the page itself does not tell.
    wide = page.evaluate(
        """width => [...document.querySelectorAll("main *")]
          .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > width + 1)
          .map((each) => each.className)""",
        width,
    )
    assert wide == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_no_class_is_styled_by_two_tabs() -> None:
    styles = {name: (STATIC / f"{name}.css").read_text() for name in (*SHARED_STYLES, *OWN_STYLES)}
    classes = {name: set(re.findall(r"\.(nm-[a-z-]+)", style)) for name, style in styles.items()}
    shared = set().union(*(classes[name] for name in SHARED_STYLES))
    for one, other in itertools.combinations(OWN_STYLES, 2):
        assert not classes[one] & classes[other] - shared, f"{one} and {other}"
