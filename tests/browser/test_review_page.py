"""Review: what a person decides is written down at once, and nothing else is touched."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from made_project import REMOVED, identity, label, tree
from pages import until
from visiting import Server, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., Visitor]
LOG = "data/decisions.jsonl"
WRONG_CLASS = [identity(number) for number in (15, 5, 3)]  # nearest the threshold first


@pytest.fixture
def server(culled_server: Server) -> Server:
    return culled_server


def decided(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (server.control / LOG).read_text().splitlines()]


def short(server: Server) -> list[tuple[str, str]]:
    return [(line["id"], line["decision"]) for line in decided(server)]


def at(page: "Page", identity: str) -> None:
    """Wait until a picture is looked at."""
    page.wait_for_selector(f'.nm-review[data-id="{identity}"]')


def opened(visitor: Visitor, place: str = "review") -> "Page":
    """The tab with the focus on its picture, where the keys are."""
    page = visitor.open(f"/#{place}")
    page.wait_for_selector(".nm-review[data-id]")
    page.locator(".nm-review-card").focus()
    return page


def said(page: "Page", text: str) -> None:
    page.wait_for_function(
        "text => document.querySelector('.nm-review .nm-status')?.textContent.includes(text)", arg=text
    )


def test_keys_write_lines_and_a_reload_resumes(server: Server, visit: Visit) -> None:
    before = tree(server.control, without=LOG)
    page = opened(visit(server))
    page.fill(".nm-reasons input", "Ada")
    page.press(".nm-reasons input", "Tab")
    at(page, WRONG_CLASS[0])
    page.keyboard.press("k")
    at(page, WRONG_CLASS[1])
    assert page.evaluate("document.activeElement.className") == "nm-review-card"
    said(page, "Kept. 1 of 3 reviewed.")
    page.keyboard.press("0")
    at(page, WRONG_CLASS[2])
    assert short(server) == [(WRONG_CLASS[0], "keep"), (WRONG_CLASS[1], "remove")]
    first = decided(server)[0]
    assert (first["reason"], first["threshold"], first["reviewer"]) == ("wrong class", 0.5, "Ada")
    assert first["score"] == pytest.approx(0.62, abs=0.01)
    page.keyboard.press("u")
    at(page, WRONG_CLASS[1])
    said(page, "Undone. 1 of 3 reviewed.")
    assert short(server)[2:] == [(WRONG_CLASS[1], "undo")]
    page.reload()
    at(page, WRONG_CLASS[1])
    assert "1 of 3 reviewed" in page.inner_text(".nm-progress-words")
    assert page.input_value(".nm-reasons input") == "Ada"
    page.press(".nm-review-card", "1")
    at(page, WRONG_CLASS[2])
    page.keyboard.press("r")
    said(page, "That was the last one here")
    assert short(server)[3:] == [(WRONG_CLASS[1], "keep"), (WRONG_CLASS[2], "remove")]
    assert tree(server.control, without=LOG) == before


def test_undo_brings_an_earlier_decision_back(server: Server, visit: Visit) -> None:
    page = opened(visit(server))
    page.keyboard.press("k")
    at(page, WRONG_CLASS[1])
    page.keyboard.press("ArrowLeft")
    at(page, WRONG_CLASS[0])
    page.keyboard.press("r")
    at(page, WRONG_CLASS[1])
    page.keyboard.press("u")
    at(page, WRONG_CLASS[0])
    said(page, "Undone")
    page.keyboard.press("u")
    until(lambda: len(decided(server)) == 4, what="the second undo")
    assert [decision for _, decision in short(server)] == ["keep", "remove", "keep", "undo"]
    said(page, "0 of 3 reviewed")
    page.keyboard.press("u")
    said(page, "Nothing to undo.")
    assert len(decided(server)) == 4


def test_arrows_decide_nothing(server: Server, visit: Visit) -> None:
    page = opened(visit(server))
    page.keyboard.press("ArrowRight")
    at(page, WRONG_CLASS[1])
    page.keyboard.press("ArrowRight")
    at(page, WRONG_CLASS[2])
    page.keyboard.press("ArrowLeft")
    at(page, WRONG_CLASS[1])
    assert decided(server) == []


def test_key_that_is_held_decides_once(server: Server, visit: Visit) -> None:
    page = opened(visit(server))
    for _ in range(3):
        page.keyboard.down("k")
    at(page, WRONG_CLASS[1])
    page.keyboard.up("k")
    page.wait_for_timeout(300)
    assert len(decided(server)) == 1


def test_letters_decide_on_the_focused_picture_alone(server: Server, visit: Visit) -> None:
    page = opened(visit(server))
    for elsewhere in (".nm-reasons button", ".nm-strip button", "#tab-review-button"):
        page.locator(elsewhere).first.focus()
        for key in ("k", "r", "0", "1", "g", "u", "Shift+A"):
            page.keyboard.press(key)
    page.locator("body").evaluate("() => document.activeElement.blur()")
    page.keyboard.press("k")
    page.wait_for_timeout(300)
    assert decided(server) == []
    assert page.get_attribute(".nm-review", "data-id") == WRONG_CLASS[0]
    assert page.locator("dialog").count() == 0


def test_whole_page_asks_first(server: Server, visit: Visit) -> None:
    page = opened(visit(server))
    page.keyboard.press("k")
    at(page, WRONG_CLASS[1])
    page.keyboard.press("Shift+A")
    dialog = page.locator("dialog[open]")
    assert "the 2 pictures on this page" in dialog.inner_text()
    assert dialog.get_by_role("button").all_inner_texts() == ["Remove 2", "Keep 2", "Cancel"]
    dialog.get_by_role("button", name="Cancel").click()
    # Out of the page, not merely shut: the question counts as answered then.
    page.locator(".nm-dialog").wait_for(state="detached")
    assert len(decided(server)) == 1
    page.keyboard.press("Shift+A")
    page.get_by_role("button", name="Remove 2").click()
    said(page, "Removed: 2 pictures. 3 of 3 reviewed.")
    assert short(server)[1:] == [(WRONG_CLASS[1], "remove"), (WRONG_CLASS[2], "remove")]
    page.keyboard.press("u")
    said(page, "1 of 3 reviewed.")
    assert short(server)[3:] == [(WRONG_CLASS[1], "undo"), (WRONG_CLASS[2], "undo")]


def test_reasons_have_counts_and_g_goes_through_them(server: Server, visit: Visit) -> None:
    page = opened(visit(server))
    names = page.locator(".nm-reasons li span").all_inner_texts()
    assert names[:4] == ["wrong class", "none of the classes", "conflicting duplicate", "several objects"]
    assert names[4:] == ["nearly removed", "second look", "left out by ingest"]
    counts = page.locator(".nm-reasons li small").all_inner_texts()
    assert counts == ["0 of 3", "0 of 1", "0 of 1", "0 of 1", "0 of 42", "0 of 42", "2"]
    for number in (7, 0, 9, 12):
        page.keyboard.press("g")
        at(page, identity(number))
    assert page.evaluate("nightmare.place().parameters.get('reason')") == "nearly removed"
    page.reload()
    at(page, identity(12))
    page.get_by_role("button", name="left out by ingest").click()
    page.wait_for_selector(".nm-left-out-row")
    assert "damaged: the file ends too early" in page.inner_text(".nm-left-out")
    assert decided(server) == []


def test_copies_stand_side_by_side_and_zoom_takes_the_arrows(server: Server, visit: Visit) -> None:
    page = opened(visit(server), "review?reason=conflicting+duplicate")
    captions = page.locator(".nm-review-card figcaption").all_inner_texts()
    assert captions[0] == "clowns · removed"
    assert captions[1].startswith("frogs · kept")
    assert "of 64 bits apart" in captions[1]
    page.locator(".nm-review-card").focus()
    page.keyboard.press("Space")
    dialog = page.locator("dialog[open]")
    assert dialog.locator("figcaption").inner_text() == "clowns · removed"
    page.keyboard.press("ArrowRight")
    assert dialog.locator("figcaption").inner_text().startswith("frogs · kept")
    page.keyboard.press("k")
    page.keyboard.press("Space")
    dialog.wait_for(state="detached")
    page.wait_for_function("document.activeElement.className === 'nm-review-card'")
    assert page.get_attribute(".nm-review", "data-id") == identity(0)
    assert decided(server) == [], "the picture was large: nothing was decided"


def test_evidence_stands_beside_the_picture(server: Server, visit: Visit) -> None:
    page = opened(visit(server))
    assert page.inner_text("#nm-card-title") == f"{label(15)}, like frogs"
    assert "Doubt 62 %, removed above 50 %" in page.inner_text(".nm-score")
    shares = [text.split("\n") for text in page.locator(".nm-shares li").all_inner_texts()]
    assert shares == [["frogs", "85 %"], ["clowns its label", "10 %"], ["skulls", "5.0 %"]]
    dot, mark = (page.locator(name).bounding_box() for name in (".nm-score-dot", ".nm-score-threshold"))
    assert dot and mark
    assert dot["x"] > mark["x"]


def test_balance_follows_decisions(server: Server, visit: Visit) -> None:
    page = opened(visit(server))

    def clowns() -> str:
        return page.locator(".nm-balance tbody tr").first.inner_text().replace("\n", " ").replace("\t", " ")

    before = sum(label(number) == "clowns" for number in REMOVED)
    assert clowns().split() == ["clowns", str(16 - before), str(before)]
    page.keyboard.press("k")
    at(page, WRONG_CLASS[1])
    assert clowns().split() == ["clowns", str(17 - before), str(before - 1), "(\u22121)"]


def test_second_look_draws_anew_when_asked(server: Server, visit: Visit) -> None:
    page = opened(visit(server), "review?reason=second+look")
    first = page.get_attribute(".nm-review", "data-id")
    page.reload()
    at(page, str(first))
    seeds = page.evaluate("nightmare.kept('review.seed')")
    page.get_by_role("button", name="Draw 50 others").click()
    page.wait_for_function("seed => nightmare.kept('review.seed') !== seed", arg=seeds)


def test_pictures_are_blurred_until_held(server: Server, visit: Visit) -> None:
    visitor = visit(server, note=True)
    visitor.context.add_init_script("localStorage.setItem('nightmare.blur', 'true')")
    page = opened(visitor)
    filters = "getComputedStyle(document.querySelector('.nm-review-card .nm-picture')).filter"
    assert "blur" in page.evaluate(filters)
    page.locator(".nm-review-card").focus()
    page.keyboard.press("ArrowRight")
    at(page, WRONG_CLASS[1])
    assert "blur" in page.evaluate(filters), "the focus alone shows nothing"
    page.keyboard.down("v")
    assert page.evaluate(filters) == "none"
    page.keyboard.up("v")
    assert "blur" in page.evaluate(filters)
    page.locator(".nm-review-card .nm-picture").hover()
    page.mouse.down()
    assert page.evaluate(filters) == "none"
    page.mouse.up()
    assert "blur" in page.evaluate(filters)
    assert decided(server) == []


def test_line_that_is_none_is_named(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect("422")
    page = opened(visitor)
    (server.control / LOG).write_text("nonsense\n")
    page.reload()
    page.wait_for_function("document.querySelector('.nm-review .nm-alert')?.textContent.includes('line 1')")


def test_without_culling_the_page_says_what_to_run(shared_server: Server, visit: Visit) -> None:
    page = visit(shared_server).open("/#review")
    page.wait_for_function("document.querySelector('.nm-review .nm-missing')?.textContent.includes('dvc repro cull')")
    assert page.inner_text(".nm-review .nm-missing").startswith("Nothing is culled yet.")
    page.get_by_role("tab", name="Dataset").click()
    page.wait_for_function("document.querySelector('.nm-data .nm-missing')?.textContent.includes('dvc repro split')")
    assert not (shared_server.control / "data").exists()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    "place", ["review", "review?reason=conflicting+duplicate", "data", "data?picture=" + identity(0)]
)
def test_nothing_is_wider_than_the_screen(width: int, place: str, server: Server, visit: Visit) -> None:
    page = visit(server, viewport={"width": width, "height": 844}).open(f"/#{place}")
    ready = {"review": ".nm-review[data-id]", "data": ".nm-grid img"}[place.partition("?")[0]]
    page.wait_for_selector("dialog[open] img" if "picture" in place else ready)
    wide = page.evaluate(
        """width => [...document.querySelectorAll("main *, dialog *")]
          .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > width + 1)
          .map((each) => each.className)""",
        width,
    )
    assert wide == []


@pytest.mark.parametrize("reason", ["wrong class", "conflicting duplicate"])
def test_decision_needs_no_scrolling(reason: str, server: Server, visit: Visit) -> None:
    page = opened(visit(server, viewport={"width": 1280, "height": 900}), f"review?reason={reason}")
    page.wait_for_function(
        "[...document.querySelectorAll('.nm-review-card img')].every((each) => each.complete && each.naturalWidth)"
    )
    for name in (".nm-review-card", ".nm-verdict", ".nm-decide"):
        box = page.locator(name).bounding_box()
        assert box
        assert box["y"] >= 0, name
        assert box["y"] + box["height"] <= 900, name
