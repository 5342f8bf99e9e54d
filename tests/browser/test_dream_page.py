"""The Dream tab: what is seen of a dream, stopping it, and what is remembered."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_pictures import file_of, picture
from pages import RESULT, choose, chosen, dream, drop, more_controls, set_slider, step, until
from PIL import Image
from stub_studio import stub_model, stub_steps
from visiting import Server, Visitor

from nightmare.dream.engine import finished, to_picture, to_tensor
from nightmare.dream.picture import read_provenance

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

Visit = Callable[..., Visitor]
PHOTO = file_of(picture(320, 240))


def saved(page: "Page", path: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name="Save PNG").click()
    download.value.save_as(path)
    return path


def rgb(file: Path | bytes) -> np.ndarray:
    content = file if isinstance(file, bytes) else file.read_bytes()
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_dream_is_seen_as_it_grows_and_is_what_the_library_makes(server: Server, visit: Visit, tmp_path: Path) -> None:
    server.delay(0.06)
    visitor = visit(server)
    page = visitor.open()
    chosen(page, PHOTO)
    dream(page)
    steps, shares = [], []
    while page.locator(RESULT).count() == 0:
        steps.append(step(page))
        shares.append(float(page.evaluate("document.querySelector('.nm-track progress').value")))
        page.wait_for_timeout(50)
    assert steps == sorted(steps)
    assert shares == sorted(shares)
    assert len(set(steps)) >= 4
    frames = [url for url in visitor.requests if "/api/frames/" in url and not url.endswith("/0.jpg")]
    assert len(set(frames)) >= 3
    assert page.inner_text(".nm-status") == "Done."

    set_slider(page, "strength", 100)
    page.wait_for_function("document.querySelector('.nm-save').href.includes('strength=1.00')")
    file = saved(page, tmp_path / "dream.png")
    made = read_provenance(file)
    assert made.canvas == hashlib.sha256(PHOTO).hexdigest()
    photo = to_tensor(Image.open(io.BytesIO(PHOTO)))
    *_, last = stub_steps(stub_model(), photo, made.recipe, made.canvas)
    assert (rgb(file) == np.asarray(to_picture(finished(photo, last.images, made.recipe)[0]))).all()
    assert (rgb(file) != rgb(PHOTO)).any()


WATCHED = """() => {
  window.said = [];
  const status = document.querySelector(".nm-status");
  const hear = () => said.push([performance.now(), status.textContent]);
  new MutationObserver(hear).observe(status, { childList: true, characterData: true, subtree: true });
  window.faded = [];
  const { animate } = Element.prototype;
  Element.prototype.animate = function (frames, options) {
    const pictures = document.querySelectorAll(".nm-after > .nm-frame").length;
    if (this.matches(".nm-frame")) faded.push([pictures, frames.map((each) => each.opacity), options.duration]);
    return animate.call(this, frames, options);
  };
}"""


@pytest.mark.alone
def test_pace_of_a_dream_is_calm(server: Server, visit: Visit) -> None:
    server.delay(0.1)
    page = visit(server).open()
    chosen(page, PHOTO)
    page.evaluate(WATCHED)
    dream(page)
    page.wait_for_selector(RESULT)
    page.wait_for_timeout(500)
    shown = page.evaluate(
        "performance.getEntriesByType('resource').filter((each) => /frames.*[1-9][0-9]*.jpg/.test(each.name))"
        ".map((each) => each.startTime)"
    )
    steady = shown[:-1]  # the last one comes when the dream ends
    assert len(steady) >= 6
    assert (len(steady) - 1) / (steady[-1] - steady[0]) * 1000 <= 4.2, "frames a second"
    faded = page.evaluate("window.faded")
    assert len(faded) >= 5
    assert all(each == [2, [0, 1], 150] for each in faded), "each fades in over the one before"
    said = [moment for moment, text in page.evaluate("window.said") if text.startswith("Octave")]
    assert len(said) >= 3
    assert np.diff(said).min() > 950, "more than one announcement a second"


@pytest.mark.alone
def test_at_most_one_announcement_a_second_and_the_newest(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    said = page.evaluate(
        """async () => {
          const [element, said, begun] = [nightmare.make("p"), [], performance.now()];
          new MutationObserver(() => said.push([element.textContent, performance.now() - begun]))
            .observe(element, { childList: true });
          const say = nightmare.speaker(element);
          for (let number = 0; number < 25; number += 1) {
            say(`step ${number}`);
            await nightmare.pause(0.1);
          }
          await nightmare.pause(1);
          say("urgent", { urgent: true });
          await nightmare.pause(0);
          return said;
        }"""
    )
    texts, moments = zip(*said, strict=True)
    assert (texts[0], texts[-2], texts[-1]) == ("step 0", "step 24", "urgent")
    assert 4 <= len(texts) <= 5
    assert np.diff(moments[:-1]).min() > 950


def test_strength_blends_on_the_page_as_in_the_file(server: Server, visit: Visit, tmp_path: Path) -> None:
    page = visit(server).open()
    chosen(page, PHOTO)
    dream(page)
    page.wait_for_selector(RESULT)
    for strength in (0, 40):
        set_slider(page, "strength", strength)
        page.wait_for_function(
            "strength => Number(document.querySelector('.nm-after').style.opacity) === strength", arg=strength / 100
        )
    half = rgb(saved(page, tmp_path / "half.png"))
    set_slider(page, "strength", 100)
    page.wait_for_function("document.querySelector('.nm-save').href.includes('strength=1.00')")
    full = rgb(saved(page, tmp_path / "full.png"))
    assert np.abs(half - (0.6 * rgb(PHOTO) + 0.4 * full)).max() <= 1.01
    assert read_provenance(tmp_path / "half.png").recipe.strength == 0.4


def test_handle_stays_where_it_was_put_and_nothing_covers_the_picture(server: Server, visit: Visit) -> None:
    server.delay(0.2)
    page = visit(server).open()
    dream(page)
    page.wait_for_selector(".nm-frame")
    page.evaluate("document.querySelector('.nm-viewer').first = true")
    page.locator(".nm-split").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    frame = page.get_attribute(".nm-viewer", "data-frame")
    page.wait_for_function("old => document.querySelector('.nm-viewer').dataset.frame !== old", arg=frame)
    assert page.input_value(".nm-split") == "20"
    assert "20%" in page.evaluate("getComputedStyle(document.querySelector('.nm-after')).clipPath")
    assert page.evaluate("document.querySelector('.nm-viewer').first"), "the viewer was built anew"
    on_top = page.evaluate(
        """() => {
          const box = document.querySelector('.nm-picture-box').getBoundingClientRect();
          return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2).className;
        }"""
    )
    assert on_top == "nm-split"
    server.delay(0)
    page.wait_for_selector(RESULT)
    assert page.input_value(".nm-split") == "20"


def test_flip_shows_the_photo_while_it_is_held(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    dream(page)
    page.wait_for_selector(RESULT)
    visible = "getComputedStyle(document.querySelector('.nm-after')).visibility"
    page.locator(".nm-stage").focus()
    page.keyboard.down("b")
    assert page.evaluate(visible) == "hidden"
    page.keyboard.up("b")
    assert page.evaluate(visible) == "visible"
    page.get_by_role("button", name="Flip").click()
    assert page.evaluate(visible) == "hidden"


def test_result_is_offered_when_there_is_one(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    actions = page.locator(".nm-actions")
    server.delay(0.2)
    dream(page)
    page.wait_for_selector(".nm-frame")
    set_slider(page, "strength", 40)
    page.wait_for_function("document.querySelector('.nm-after').style.opacity === '0.4'")
    assert not actions.is_visible(), "it is not made yet"
    server.delay(0.01)
    page.wait_for_selector(RESULT)
    assert actions.is_visible()

    failed = {"job": "broken", "status": 503, "ended": "No memory is left.", "step": 3, "frame": 0, "share": 0.5}
    page.route("**/api/dreams", lambda route: route.fulfill(body=f"{json.dumps(failed)}\n"))
    page.click(".nm-dream-button")
    page.wait_for_function("document.querySelector('.nm-viewer > [role=alert]').textContent === 'No memory is left.'")
    set_slider(page, "strength", 60)
    page.wait_for_function("document.querySelector('.nm-after').style.opacity === '0.6'")
    assert not actions.is_visible(), "nothing came of it"


def test_photo_chosen_during_a_dream_is_the_next_one(server: Server, visit: Visit) -> None:
    server.delay(0.1)
    page = visit(server).open()
    chosen(page, PHOTO, "first.png")
    dream(page)
    page.wait_for_selector(".nm-frame")
    choose(page, file_of(picture(300, 300)), "second.png")
    page.wait_for_function("document.querySelector('.nm-photo [role=status]').textContent === 'second'")
    assert page.get_attribute(".nm-viewer", "data-state") == "running"
    server.delay(0.02)
    page.wait_for_selector(RESULT)
    assert page.get_attribute(".nm-before", "alt") == "The photo", "the dream stays"
    assert "over second" in page.inner_text(".nm-dream-button")
    dream(page)
    page.wait_for_selector(RESULT)
    assert "over" not in page.inner_text(".nm-dream-button")
    assert (
        page.evaluate(
            "(({ naturalWidth, naturalHeight }) => naturalWidth / naturalHeight)(document.querySelector('.nm-before'))"
        )
        == 1
    )
    page.locator(".nm-results button").nth(1).click()
    page.wait_for_function("document.querySelector('.nm-dream-button').textContent.includes('over second')")

    held: list[Route] = []
    page.route("**/api/dreams", lambda route: held.append(route))
    dream(page)
    choose(page, file_of(picture(320, 240)), "third.png")
    page.wait_for_function("document.querySelector('.nm-photo [role=status]').textContent === 'third'")
    refused = {"job": "", "status": 503, "ended": "Eight people are waiting.", "step": 0, "frame": -1, "share": 0}
    held[0].fulfill(body=f"{json.dumps(refused)}\n")
    page.wait_for_function("document.querySelector('.nm-before').alt === 'The photo third'")
    assert page.inner_text(".nm-viewer > [role=alert]") == "Eight people are waiting."


def test_dream_too_large_for_the_memory_is_had_smaller_by_one_click(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    sides: list[int] = []

    def answer(route: "Route") -> None:
        sides.append(route.request.post_data_json["side"])
        if len(sides) > 1:
            route.continue_()
            return
        sentence = "Too big for this machine at 512. Try 256?"
        large = {"job": "large", "status": 507, "ended": sentence, "smaller": 256, "step": 0, "frame": -1, "share": 0}
        route.fulfill(body=f"{json.dumps(large)}\n")

    page.route("**/api/dreams", answer)
    # Gradio takes its time on a busy machine.
    page.evaluate(
        """() => {
          const { given } = nightmare.form;
          nightmare.form.given = (...now) => nightmare.pause(1).then(() => given(...now));
        }"""
    )
    page.click(".nm-dream-button")
    page.wait_for_function("document.querySelector('.nm-viewer > [role=alert]').textContent.startsWith('Too big')")
    page.get_by_role("button", name="Dream at 256").click()
    page.wait_for_selector(RESULT)
    assert sides[1:] == [256]
    assert sides[0] > 256
    assert page.get_by_role("button", name="Dream at 256").is_hidden()
    again = "Promise.race([nightmare.form.set({ side: 256 }).then(() => 'shown'), nightmare.pause(5)])"
    assert page.evaluate(again) == "shown", "it waits for a change of what is so already"
    assert page.evaluate("document.querySelector('.nm-before').naturalWidth") == 256


def test_stop_keeps_the_picture_and_the_dream_goes_on(server: Server, visit: Visit, tmp_path: Path) -> None:
    server.delay(0.15)
    page = visit(server).open()
    chosen(page, PHOTO)
    ended = server.count("ended")
    dream(page)
    page.wait_for_selector(".nm-frame")
    page.keyboard.press("Escape")
    page.wait_for_selector(RESULT)
    stopped = step(page)
    assert 0 < stopped < 30
    assert page.inner_text(".nm-status") == f"Stopped at step {stopped} of 30."
    page.wait_for_timeout(1000)
    assert step(page) == stopped
    assert page.locator(".nm-frame").count() == 1
    with Image.open(saved(page, tmp_path / "stopped.png")) as unfinished:
        assert "nightmare" not in unfinished.info

    server.delay(0.02)
    page.get_by_role("button", name="Go further").click()
    page.wait_for_selector(".nm-viewer[data-state=running]")
    page.wait_for_selector(RESULT)
    assert (page.inner_text(".nm-status"), step(page)) == ("Done.", 30)
    until(lambda: server.count("ended") == ended + 1, what="the end of the dream's generator")
    whole = rgb(saved(page, tmp_path / "whole.png"))

    dream(page)
    page.wait_for_selector(RESULT)
    assert (rgb(saved(page, tmp_path / "again.png")) == whole).all()


def test_stop_does_not_wait_for_a_server_that_is_away(start_server: Callable[..., Server], visit: Visit) -> None:
    server = start_server()
    visitor = visit(server)
    visitor.expect("net::")
    page = visitor.open()
    page.wait_for_selector(".nm-before[alt='The photo cat']")
    server.kill()
    dream(page)
    page.wait_for_selector(".nm-banner:not([hidden])")
    page.keyboard.press("Escape")
    page.wait_for_selector(".nm-viewer[data-state=idle]", timeout=6000)
    assert page.is_enabled(".nm-dream-button")
    assert page.inner_text(".nm-status") == "Stopped before it began."
    assert page.get_attribute(".nm-before", "alt") == "The photo cat"
    server.start()
    page.wait_for_selector(".nm-banner", state="hidden", timeout=40_000)
    page.wait_for_timeout(1000)  # in which it would begin
    assert server.count("begun") == 0, "it was given up"

    server.delay(0.3)
    dream(page)
    page.wait_for_selector(".nm-frame")
    server.kill()
    page.keyboard.press("Escape")
    page.wait_for_selector(".nm-viewer[data-state=idle]", timeout=6000)
    assert "Dream again" in page.inner_text(".nm-viewer > [role=alert]")


def test_closed_page_frees_the_dreamer(server: Server, visit: Visit) -> None:
    server.delay(0.2)
    visitor = visit(server)
    page = visitor.open()
    dream(page)
    page.wait_for_selector(".nm-frame")
    begun = server.count("begun")
    other = visit(server).open()
    page.close()
    dream(other)
    until(lambda: server.count("begun") > begun, seconds=2, what="the next dream")


def test_closed_page_leaves_the_line(server: Server, visit: Visit) -> None:
    server.delay(0.5)
    first, second, third = (visit(server).open() for _ in range(3))
    dream(first)
    first.wait_for_selector(".nm-frame")
    dream(second)
    second.wait_for_function("document.querySelector('.nm-status').textContent.startsWith('Next in line')")
    dream(third)
    third.wait_for_function("document.querySelector('.nm-status').textContent.startsWith('Second in line')")
    second.close()
    third.wait_for_function("document.querySelector('.nm-status').textContent.startsWith('Next in line')")
    server.delay(0.01)
    third.wait_for_selector(RESULT)


def test_second_page_hears_its_place_and_may_leave(server: Server, visit: Visit) -> None:
    server.delay(0.15)
    first, second = visit(server).open(), visit(server).open()
    dream(first)
    first.wait_for_selector(".nm-frame")
    dream(second)
    second.wait_for_function("/^Next in line, about \\d+ s$/.test(document.querySelector('.nm-status').textContent)")
    second.click(".nm-dream-button")
    second.wait_for_selector(".nm-viewer[data-state=idle]")
    assert first.get_attribute(".nm-viewer", "data-state") == "running"
    first.keyboard.press("Escape")
    first.wait_for_selector(RESULT)


def test_ninth_that_waits_is_refused(server: Server, visit: Visit) -> None:
    from gradio_client import Client

    server.delay(0.5)
    clients = [Client(server.url, verbose=False) for _ in range(9)]
    jobs = [client.submit("cat", api_name="/dream") for client in clients]
    until(lambda: all(job.outputs() for job in jobs), what="a place in line for all")
    page = visit(server).open()
    page.click(".nm-dream-button")
    page.wait_for_function(
        "document.querySelector('.nm-viewer > [role=alert]').textContent === "
        "'Eight people are waiting. Try again in a minute.'"
    )
    assert page.get_attribute(".nm-viewer", "data-state") == "idle"
    server.delay(0.0)
    for job in jobs:
        job.result(timeout=30)


def test_settings_survive_a_reload(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    page.get_by_label("Fever").check()
    more_controls(page)
    set_slider(page, "octaves", 3)
    page.get_by_label("Keep photo's colours").check()
    page.wait_for_function("JSON.parse(localStorage['nightmare.dream']).keep_colors")
    page.reload()
    page.wait_for_selector(".nm-dream-button:not([disabled])")
    more_controls(page)
    page.wait_for_function("document.querySelector('#dream-octaves input[type=number]').value === '3'")
    assert page.get_by_label("Custom").is_checked()
    assert page.get_by_label("Keep photo's colours").is_checked()
    assert json.loads(page.evaluate("localStorage['nightmare.dream']"))["base"] == "Fever"


def test_look_sets_the_sliders_and_a_slider_makes_it_custom(server: Server, visit: Visit, tmp_path: Path) -> None:
    page = visit(server).open()
    more_controls(page)
    page.get_by_label("Fever").check()
    page.wait_for_function("document.querySelector('#dream-octaves input[type=number]').value === '4'")
    assert page.input_value("#dream-strength input[type=number]") == "100"
    assert page.get_by_label("Fever").is_checked()
    set_slider(page, "iterations", 2)
    page.wait_for_function("JSON.parse(localStorage['nightmare.dream']).look === 'Custom'")
    dream(page)
    page.wait_for_selector(RESULT)
    recipe = read_provenance(saved(page, tmp_path / "dream.png")).recipe
    assert (recipe.iterations, recipe.octaves, recipe.parametrisation, recipe.strength) == (2, 4, "pixels", 1.0)


def test_emptied_number_is_its_default(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    more_controls(page)
    asked: list[dict[str, Any]] = []
    page.on("request", lambda request: asked.append(request.post_data_json) if request.method == "POST" else None)
    page.locator("#dream-seed input").fill("5")
    page.locator("#dream-seed input").press("Tab")
    page.wait_for_function("JSON.parse(localStorage['nightmare.dream']).seed === 5")
    page.locator("#dream-seed input").fill("")
    page.locator("#dream-seed input").press("Tab")
    page.wait_for_function("JSON.parse(localStorage['nightmare.dream']).seed === null")
    dream(page)
    page.wait_for_selector(RESULT)
    page.wait_for_timeout(500)  # in which it is asked what the next one takes
    assert [each["seed"] for each in asked if each and "seed" in each][-2:] == [0, 0]


def test_own_dream_asks_and_restores_every_control(
    start_server: Callable[..., Server], visit: Visit, tmp_path: Path
) -> None:
    server = start_server("--networks", "2")
    page = visit(server).open()
    more_controls(page)
    page.get_by_label("Whisper").check()
    page.locator("#dream-model input").click()
    page.get_by_role("option", name="stub-1").click()
    for name, value in {"octaves": 2, "iterations": 3, "jitter": 5, "side": 256, "strength": 65}.items():
        set_slider(page, name, value)
    page.get_by_label("Keep photo's colours").check()
    page.locator("#dream-seed input").fill("77")
    page.locator("#dream-channel input").fill("3")
    page.locator("#dream-channel input").press("Tab")
    page.wait_for_function("JSON.parse(localStorage['nightmare.dream']).channel === 3")
    page.wait_for_function("JSON.parse(localStorage['nightmare.dream']).look === 'Custom'")
    dream(page)
    page.wait_for_selector(RESULT)
    content = saved(page, tmp_path / "dream.png").read_bytes()
    wanted = json.loads(page.evaluate("localStorage['nightmare.dream']"))
    assert (wanted["keep_colors"], wanted["model"]) == (True, "stub-1")

    other = visit(server).open()
    for choice, taken in (("Cancel", False), ("Load its settings", True)):
        drop(other, tmp_path / "dream.png")
        other.get_by_role("button", name=choice).click()
        if taken:
            other.wait_for_function("JSON.parse(localStorage['nightmare.dream']).seed === 77")
    restored = json.loads(other.evaluate("localStorage['nightmare.dream']"))
    assert {**restored, "base": ""} == {**wanted, "base": ""}
    assert other.get_attribute(".nm-before", "alt") == "The photo cat", "settings alone were asked for"
    dream(other)
    other.wait_for_selector(RESULT)
    assert saved(other, tmp_path / "again.png").read_bytes() == content


def test_last_dream_is_there_after_a_reload(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    dream(page)
    page.wait_for_selector(RESULT)
    page.wait_for_selector(".nm-results li")
    job = page.get_attribute(".nm-viewer", "data-result")
    page.reload()
    page.wait_for_selector(RESULT)
    assert page.get_attribute(".nm-viewer", "data-result") == job
    assert page.locator(".nm-results li").count() == 1
    assert page.get_by_alt_text("The dream", exact=True).count() == 1


def test_settings_are_copied_as_programs_read_them(server: Server, visit: Visit, tmp_path: Path) -> None:
    visitor = visit(server, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.open()
    set_slider(page, "strength", 65)
    dream(page)
    page.wait_for_selector(RESULT)
    page.get_by_role("button", name="Copy settings").click()
    page.wait_for_function("document.querySelector('.nm-status').textContent.startsWith('Settings copied')")
    copied = page.evaluate("navigator.clipboard.readText()")
    result = page.get_attribute(".nm-viewer", "data-result")
    assert copied == page.request.get(f"{server.url}/api/results/{result}.json?strength=0.65").text()
    assert (
        read_provenance(saved(page, tmp_path / "dream.png")).recipe.strength == json.loads(copied)["strength"] == 0.65
    )


def test_keyboard_alone_dreams_and_compares(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(RESULT)
    page.locator(".nm-split").focus()
    page.keyboard.press("End")
    assert page.input_value(".nm-split") == "100"


def test_calm_page_shows_only_the_end(server: Server, visit: Visit) -> None:
    visitor = visit(server, reduced_motion="reduce")
    page = visitor.open()
    dream(page)
    page.wait_for_selector(RESULT)
    page.wait_for_selector(".nm-frame")
    shown = {url for url in visitor.requests if "/api/frames/" in url and not url.endswith("/0.jpg")}
    assert len(shown) == 1
