"""The brush and those who use it: mouse, fingers and keys, photos that come and go, and a server in trouble."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from brush_pages import CANVAS, STILL, Server, Visit, bring, brush_page, click, picture, place, shown, stamped, stamps
from budgets import SPENT
from made_pictures import file_of
from pages import RESULT, dream, give
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Download, Page, Route

PHOTO = picture(640, 240)
ALERT, STATUS = ".nm-brush [role=alert]", ".nm-brush [role=status]"


def says(page: "Page", selector: str, text: str) -> None:
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).textContent.includes(text)", arg=[selector, text]
    )


def test_without_hovering_only_pressing_paints(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), PHOTO, **STILL)
    photo = shown(page)
    for x in (100, 200, 300):
        page.mouse.move(*place(page, x, 100))
    page.wait_for_timeout(300)
    assert stamps(page) == 0
    assert (shown(page) == photo).all()
    click(page, 300, 100)
    assert (shown(page) != photo).any()


def test_finger_paints_and_two_scroll(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server, viewport={"width": 390, "height": 500}, has_touch=True), PHOTO, size=96)
    photo = shown(page)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    scrolled = page.evaluate("scrollY")
    one, other = place(page, 100, 100), place(page, 500, 140)
    touch("touchStart", one, other)
    for number in range(5):
        touch("touchMove", *[(x, y - 20 * number) for x, y in (one, other)])
    touch("touchEnd")
    page.wait_for_timeout(300)
    assert stamps(page) == 0
    assert page.evaluate("scrollY") == pytest.approx(scrolled + 80, abs=2)

    scrolled = page.evaluate("scrollY")
    x, y = place(page, 100, 200)
    touch("touchStart", (x, y))
    for number in range(10):
        touch("touchMove", (x + 15 * number, y - 4 * number))
    touch("touchEnd")
    stamped(page, 5)
    page.wait_for_timeout(300)
    assert (shown(page) != photo).any()
    assert page.evaluate("scrollY") == scrolled
    assert page.get_attribute(".nm-brush", "data-undoable") == "1"


def test_all_of_it_works_by_keys(server: Server, visit: Visit) -> None:
    server.delay(0.2)
    page = brush_page(visit(server), PHOTO, **STILL | {"strength": 60})
    photo = shown(page)
    page.locator("#tab-brush-button").focus()
    for _ in range(6):  # past the other tabs
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('canvas')"):
            break
    assert page.evaluate("document.activeElement.matches('canvas')")
    assert page.locator(".nm-ring").is_visible()
    for key in ("Shift+ArrowRight", "ArrowRight", "ArrowUp", "]", "=", "["):
        page.keyboard.press(key)
    says(page, STATUS, "Size 112 px")
    page.keyboard.press("Space")
    stamped(page, 1)
    says(page, STATUS, "Dreamt, 1 in all.")
    changed = np.argwhere((shown(page) != photo).any(axis=2))
    assert changed.mean(axis=0) == pytest.approx([240 / 2 - 16, 640 / 2 + 64 + 16], abs=2)
    page.keyboard.press("u")
    assert (shown(page) == photo).all()
    page.keyboard.press("Control+Shift+z")
    assert (shown(page) != photo).any()
    page.keyboard.down("b")
    assert (shown(page) == photo).all()
    page.keyboard.up("b")
    assert (shown(page) != photo).any()
    page.keyboard.press("r")
    assert (shown(page) == photo).all()
    page.keyboard.press("Control+z")
    assert (shown(page) != photo).any()
    for key in (".", ",", ","):
        page.keyboard.press(key)
    assert page.input_value("[name=strength]") == "58"
    page.keyboard.press("h")
    assert page.get_by_label("Dream on hover").is_checked()
    page.keyboard.press("f")
    assert page.get_by_label("Fade back").is_checked()
    page.keyboard.press("f")
    with page.expect_download():
        page.keyboard.press("s")
    page.keyboard.press("?")
    listed = page.locator("dialog[open] kbd").all_inner_texts()
    assert {"Space", "Enter", "[", "-", ",", "H", "F", "B", "U", "Ctrl+Z", "Ctrl+Shift+Z", "R", "S"} <= set(listed)
    page.keyboard.press("Escape")
    page.locator(".nm-brush-canvas").focus()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("u")  # keys are the canvas's alone
    assert (shown(page) != photo).any()


def test_wheel_with_control_changes_the_size_and_space_moves_the_picture(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), picture(1800, 1500), size=224)
    page.mouse.move(*place(page, 500, 400))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_function("document.querySelector('[name=size]').value === '240'")
    page.locator(".nm-brush .nm-zoom").click()
    page.locator(".nm-brush-canvas").focus()
    page.mouse.move(600, 410)
    page.wait_for_timeout(300)
    scrolled, known = "document.querySelector('.nm-brush-stage').scrollLeft", stamps(page)
    for number, button in enumerate(("left", "middle")):
        if button == "left":
            page.keyboard.down(" ")
        page.mouse.move(600, 400)
        page.mouse.down(button=button)
        page.mouse.move(450, 400, steps=3)
        page.mouse.up(button=button)
        if button == "left":
            page.keyboard.up(" ")
        assert page.evaluate(scrolled) == 150 * (number + 1)
    page.wait_for_timeout(300)
    assert stamps(page) <= known + 1  # on the way there


def test_settings_outlive_a_reload(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), PHOTO)
    page.get_by_label("Dream on hover").uncheck()
    page.get_by_role("radio", name="Original").and_(page.locator("[name=quality]")).check()
    page.locator("[name=softness]").fill("70")
    page.reload()
    page.wait_for_selector(".nm-brush[data-state=ready]")
    assert not page.get_by_label("Dream on hover").is_checked()
    assert page.locator("[name=quality][value=original]").is_checked()
    assert page.input_value("[name=softness]") == "70"
    page.wait_for_function("/^[0-9]+ ms$/.test(document.querySelector('[data-quality=live]').textContent)")


def test_photo_is_the_dream_tabs_until_another_is_brought(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    page = visitor.open()
    page.locator(".nm-samples button").nth(1).click()
    page.get_by_role("tab", name="Brush").click()
    page.wait_for_selector(".nm-brush[data-photo=coffee]")
    assert page.get_by_role("button", name="Take the Dream tab's").is_hidden()
    bring(page, file_of(PHOTO))
    page.wait_for_selector(".nm-brush[data-photo=mine]")
    assert not any("/api/photos?name" in url for url in visitor.requests), "a photo for the brush was sent"
    page.get_by_role("button", name="Take the Dream tab's").click()
    page.wait_for_selector(".nm-brush[data-photo=coffee]")
    page.get_by_role("tab", name="Dream").click()
    page.locator(".nm-samples button").nth(2).click()
    page.get_by_role("tab", name="Brush").click()
    page.wait_for_selector(".nm-brush[data-photo=flower]")


def test_large_photo_is_brought_down_and_turned_one_stands_upright(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), picture(3000, 1000))
    assert shown(page).shape == (683, 2048, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    bring(page, file_of(picture(400, 300), "JPEG", exif=exif), "turned.jpg")
    page.wait_for_selector(".nm-brush[data-photo=turned]")
    assert shown(page).shape == (400, 300, 3)


REFUSED = {
    "That file is not a picture we can read (PNG, JPEG or WebP).": b"text",
    "24 million pixels at most; this one has 30.": file_of(Image.new("1", (6000, 5000))),
    "The photo is 20 x 400; each side needs 32 pixels.": file_of(picture(20, 400)),
    "That photo is over 20 MB.": bytes(21_000_000),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_refused_photo_leaves_the_one_before_it(sentence: str, server: Server, visit: Visit, tmp_path: Path) -> None:
    page = brush_page(visit(server), PHOTO)
    before = shown(page)
    (tmp_path / "refused.png").write_bytes(REFUSED[sentence])
    page.set_input_files(".nm-brush input[type=file]", tmp_path / "refused.png")
    says(page, ALERT, sentence)
    assert (shown(page) == before).all()


def test_newer_photo_is_not_replaced_by_one_that_takes_longer(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), PHOTO)
    page.evaluate(
        """() => {
          const read = nightmare.brushPhoto;
          const held = new Promise((release) => (window.release = release));
          nightmare.brushPhoto = async (blob, limits) => {
            const image = await read(blob, limits);
            if (blob.name === "first.png") await held;
            return image;
          };
        }"""
    )
    bring(page, file_of(picture(320, 240)), "first.png")
    bring(page, file_of(picture(300, 300)), "second.png")
    page.wait_for_selector(".nm-brush[data-photo=second]")
    page.evaluate("window.release()")
    page.wait_for_timeout(300)  # in which it would be taken
    assert page.get_attribute(".nm-brush", "data-photo") == "second"
    assert shown(page).shape == (300, 300, 3)


def test_nothing_is_saved_before_there_is_a_photo(server: Server, visit: Visit) -> None:
    page = visit(server).page()
    held: list[Route] = []
    page.route(re.compile(r"/api/photos/cat\.jpg\?pixels=2048"), lambda route: held.append(route))
    downloads: list[Download] = []
    page.on("download", lambda download: downloads.append(download))
    page.goto(f"{server.url}/#brush")
    page.wait_for_selector(".nm-brush[data-state=ready]")
    assert page.locator(".nm-brush .nm-save").is_disabled()
    page.locator(CANVAS).focus()
    page.keyboard.press("s")
    page.wait_for_timeout(500)  # in which it would be saved
    assert not downloads
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    page.wait_for_selector(".nm-brush[data-photo=cat]")
    with page.expect_download():
        page.keyboard.press("s")


def test_painting_is_not_replaced_unasked(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), PHOTO, **STILL)
    click(page, 300, 100)
    painted = shown(page)
    bring(page, file_of(picture(300, 300)), "other.png")
    page.get_by_role("button", name="Keep painting").click()
    assert (shown(page) == painted).all()
    bring(page, file_of(picture(300, 300)), "other.png")
    page.get_by_role("button", name="Replace it").click()
    page.wait_for_selector(".nm-brush[data-photo=other]")
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_dropped_and_pasted_photos_are_taken_by_the_open_tab(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), PHOTO)
    for how, name in (("drop", "dropped"), ("paste", "pasted")):
        give(page, how, name)
        page.wait_for_selector(f".nm-brush[data-photo={name}]")
    assert page.get_attribute(".nm-before", "alt") == "The photo cat"


@pytest.mark.parametrize("tab", ["Compare", "Review", "Dataset"])
def test_file_that_no_tab_takes_goes_nowhere(tab: str, server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), PHOTO, **STILL)
    click(page, 300, 100)
    painted = shown(page)
    page.get_by_role("tab", name=tab).click()
    left_to_the_browser = page.evaluate(
        """() => {
          const given = new DataTransfer();
          given.items.add(new File(["text"], "other.png", { type: "image/png" }));
          const event = { dataTransfer: given, bubbles: true, cancelable: true };
          return ["dragover", "drop"].filter((kind) => document.body.dispatchEvent(new DragEvent(kind, event)));
        }"""
    )
    assert left_to_the_browser == [], "it opens the file in place of the page"
    assert not page.evaluate("document.documentElement.classList.contains('nm-dropping')")
    page.get_by_role("tab", name="Brush").click()
    assert (shown(page) == painted).all()
    assert page.get_attribute(".nm-before", "alt") == "The photo cat"


def test_painting_goes_to_the_dream_tab_and_a_dream_to_the_brush(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), PHOTO, **STILL)
    click(page, 300, 100)
    painted = shown(page)
    page.get_by_role("button", name="Send to Dream").click()
    page.wait_for_selector("#tab-dream-button[aria-selected=true]")
    page.wait_for_function("document.querySelector('.nm-before').alt === 'The photo mine-brush'")
    dream(page)
    page.wait_for_selector(RESULT)
    page.get_by_role("tab", name="Brush").click()
    assert (shown(page) == painted).all()
    page.get_by_role("tab", name="Dream").click()
    page.get_by_role("button", name="Send to Brush").click()
    page.wait_for_selector(".nm-brush[data-photo=dream]")
    assert page.evaluate("location.hash") == "#brush"
    assert shown(page).shape == (192, 512, 3)


def test_busy_dreamer_is_waited_for(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect("503")
    page = brush_page(visitor, PHOTO, **STILL)
    refused = 0

    def busy(route: object) -> None:
        nonlocal refused
        refused += 1
        if refused > 2:
            route.continue_()  # type: ignore[attr-defined]
        else:
            route.fulfill(status=503, json={"sentence": "The dreamer is busy."}, headers={"retry-after": "1"})  # type: ignore[attr-defined]

    page.route("**/api/patch*", busy)
    page.mouse.move(*place(page, 300, 100))
    page.mouse.down()
    page.mouse.up()
    says(page, STATUS, "The dreamer is busy. Waiting …")
    stamped(page, 1)
    assert refused == 3
    page.wait_for_function(f"document.querySelector('{STATUS}').textContent === ''")


SENTENCES = {401: "Log in first", 413: "too large", 422: "did not understand", 500: "Something went wrong"}


@pytest.mark.parametrize("status", SENTENCES)
def test_every_failure_of_a_stamp_has_its_sentence(status: int, server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect(str(status))
    page = brush_page(visitor, PHOTO, **STILL)
    photo = shown(page)
    page.route("**/api/patch*", lambda route: route.fulfill(status=status, body=""))
    page.mouse.move(*place(page, 300, 100))
    page.mouse.down()
    page.mouse.up()
    says(page, ALERT, SENTENCES[status])
    assert (shown(page) == photo).all()
    page.unroute("**/api/patch*")
    page.wait_for_timeout(2100)
    click(page, 300, 100)
    assert page.inner_text(ALERT) == ""


def test_painting_outlives_the_server(start_server: Callable[..., Server], visit: Visit) -> None:
    server = start_server()
    visitor = visit(server)
    visitor.expect("net::")
    page = brush_page(visitor, PHOTO, **STILL)
    photo = shown(page)
    click(page, 150, 100)
    painted = shown(page)
    server.kill()
    page.mouse.move(*place(page, 450, 100))
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector(".nm-banner:not([hidden])")
    assert "not answering" in page.inner_text(".nm-banner")
    assert (shown(page) == painted).all()
    page.mouse.move(5, 5)
    page.locator(".nm-hold").dispatch_event("pointerdown")
    assert (shown(page) == photo).all()
    page.locator(".nm-hold").dispatch_event("pointerup")
    server.start()
    page.wait_for_function("document.querySelector('.nm-brush').dataset.stamps === '2'", timeout=60_000)
    page.wait_for_selector(".nm-banner", state="hidden")
    assert (shown(page)[:, :220] == painted[:, :220]).all()
    click(page, 300, 100)
    for _ in range(3):
        page.get_by_role("button", name="Undo").click()
    assert (shown(page) == photo).all()


def test_stroke_outlives_the_server(start_server: Callable[..., Server], visit: Visit) -> None:
    server = start_server()
    visitor = visit(server)
    visitor.expect("net::")
    page = brush_page(visitor, PHOTO, **STILL)
    photo = shown(page)
    server.delay(0.3)
    page.mouse.move(*place(page, 100, 100))
    page.mouse.down()
    page.mouse.move(*place(page, 200, 100), steps=4)
    stamped(page, 1)
    server.kill()
    page.wait_for_selector(".nm-banner:not([hidden])")
    known, painted = stamps(page), shown(page)
    page.mouse.move(*place(page, 300, 100), steps=4)
    assert (painted != photo).any()
    assert (shown(page) == painted).all()
    server.start()
    stamped(page, known + 3)
    page.mouse.up()
    page.wait_for_selector(".nm-banner", state="hidden")
    page.wait_for_function(f"document.querySelector('{STATUS}').textContent === ''")
    assert (shown(page) != painted)[:, 250:].any(), "the stroke has gone on"
    page.get_by_role("button", name="Undo").click()
    assert (shown(page) == photo).all()


@pytest.mark.alone
def test_outage_is_no_time_of_dreaming(server: Server, visit: Visit) -> None:
    server.delay(0)
    visitor = visit(server)
    visitor.expect("net::", "ERR_FAILED")
    page = brush_page(visitor, PHOTO, **STILL)
    tries: list[str] = []

    def away(route: object) -> None:
        tries.append("")
        route.abort() if len(tries) < 3 else route.continue_()  # type: ignore[attr-defined]

    page.route("**/api/patch*", away)
    page.mouse.move(*place(page, 300, 100))
    page.mouse.down()
    page.mouse.up()
    stamped(page, 1)
    assert float(page.get_attribute(".nm-brush", "data-share") or 0) < 0.6  # three seconds would make it 0.7
    page.wait_for_function("/^[0-9]{1,3} ms$/.test(document.querySelector('[data-quality=live]').textContent)")


def test_answer_that_breaks_off_before_a_login_is_got_over(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect("401")
    page = brush_page(visitor, PHOTO, **STILL)
    page.evaluate(
        """() => {
          const { fetch } = window;
          let broken = 0;
          window.fetch = async (path, options) => {
            const answer = await fetch(path, options);
            if (!path.startsWith("/api/patch") || broken++) return answer;
            return new Response(new ReadableStream({ start: (stream) => stream.error(new TypeError("broken off")) }));
          };
        }"""
    )
    refused: list[str] = []

    def refuse(route: object) -> None:
        refused.append("")
        if len(refused) < 3:
            route.fulfill(status=401, json={"sentence": "Log in first."})  # type: ignore[attr-defined]
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route("**/healthz", refuse)
    page.mouse.move(*place(page, 300, 100))
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector(".nm-banner:not([hidden]) form:not([hidden])")
    stamped(page, 1)
    page.wait_for_selector(".nm-banner", state="hidden")
    click(page, 100, 100)


def test_stamp_that_throws_is_not_the_last(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect("no luck")
    page = visitor.open("/#brush")
    made = page.evaluate(
        """async () => {
          const made = [];
          let idle;
          const stamps = nightmare.brushStamps(
            async (point) => {
              made.push(point.x);
              if (point.x === 1) throw new Error("no luck");
              return true;
            },
            () => idle(),
          );
          for (const x of [1, 2]) {
            const over = new Promise((resolve) => (idle = resolve));
            stamps.hover({ x, y: 0 });
            await Promise.race([over, nightmare.pause(1)]);
          }
          return made;
        }"""
    )
    assert made == [1, 2]


def test_dream_is_blurred_where_that_is_wished_for(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), PHOTO, **STILL)
    page.get_by_role("checkbox", name="Blur pictures").check()
    blur = "getComputedStyle(document.querySelector('.nm-brush-canvas')).filter"
    assert page.evaluate(blur) == "none"
    click(page, 300, 100)
    page.get_by_role("button", name="Save PNG").focus()
    assert "blur" in page.evaluate(blur)


@pytest.mark.alone
def test_little_is_added_to_what_the_model_takes(server: Server, visit: Visit) -> None:
    server.delay(0)
    page = brush_page(visit(server), PHOTO, size=224)
    milliseconds = []
    for number in range(12):
        count, begun = stamps(page), page.evaluate("performance.now()")
        page.mouse.move(*place(page, 100 + 30 * number, 120))
        stamped(page, count + 1)
        milliseconds.append(page.evaluate("performance.now()") - begun)
        SPENT.add("a stamp takes beyond its model", milliseconds[-1] / 1000)
    assert np.median(milliseconds) < 3 * 60, milliseconds  # three times the budget of what is added to the model
