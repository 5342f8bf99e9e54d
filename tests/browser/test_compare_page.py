"""The Compare tab: one slider for all cards, the address, what is missing, making it, and the album."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from pages import RESULT, dream
from PIL import Image
from visiting import Server, Visitor, running

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

Visit = Callable[..., Visitor]
VIEW = {"with": "stub,stub-1,stub-2", "photo": "cat", "octaves": 3, "iterations": 1, "side": 256}
LOST = {
    "name": "lost-one",
    "title": "lost-one",
    "model": "resnet18, 64 pixels",
    "data": "anf, 10 classes",
    "accuracy": 0.625,
    "settings": {"train.epochs": 30, "seed": 1},
    "missing": "dvc exp apply lost-one; dvc repro train",
}
KEPT = LOST | {"name": "kept-one", "title": "kept-one", "settings": {"train.epochs": 5, "seed": 1}, "missing": ""}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio with four networks, whose dreams differ."""
    server = Server(tmp_path_factory.mktemp("control"), tmp_path_factory.mktemp("temporary"), ("--networks", "4"))
    with running(server):
        yield server


@pytest.fixture
def four(several: Server) -> Server:
    several.delay(0.002)
    return several


def opened(visitor: Visitor, **changes: Any) -> "Page":
    """The tab at its usual view with `changes`, when it knows what is made."""
    page = visitor.open(f"/#compare?{urlencode(VIEW | changes)}")
    page.wait_for_selector(".nm-compare[data-looked]")
    return page


def make_all(page: "Page") -> None:
    button = page.locator(".nm-make-all")
    if button.is_enabled():
        button.click()
    page.wait_for_function("document.querySelector('.nm-make-all').textContent === 'All made'")


def names(page: "Page") -> list[str]:
    return [str(title).split(" ", 1)[1] for title in page.locator(".nm-card:not(.nm-card-photo) h3").all_inner_texts()]


def pictures(page: "Page") -> list[str]:
    return page.locator(".nm-card:not(.nm-card-photo) .nm-own img").evaluate_all("all => all.map((each) => each.src)")


def parameters(page: "Page") -> dict[str, str]:
    return dict(page.evaluate("Object.fromEntries(nightmare.place().parameters)"))


def answer_with(page: "Page", *experiments: dict[str, Any]) -> None:
    def answer(route: "Route") -> None:
        route.fulfill(json={"experiments": experiments, "sentence": ""})

    page.route("**/api/compare/experiments", answer)


def test_one_slider_changes_all_cards(four: Server, visit: Visit) -> None:
    page = opened(visit(four))
    make_all(page)
    before = pictures(page)
    assert len(set(before)) == 3
    slider = page.get_by_role("slider", name="Iterations")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("nightmare.place().parameters.get('iterations') === '10'")
    page.wait_for_function("document.querySelectorAll('.nm-card .nm-not-made').length === 3")
    assert slider.get_attribute("aria-valuetext") == "10 iterations"
    make_all(page)
    after = pictures(page)
    assert len(set(after)) == 3
    assert not set(before) & set(after)
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("nightmare.place().parameters.get('iterations') === '1'")
    page.wait_for_function("!document.querySelector('.nm-not-made')")
    assert pictures(page) == before


def test_dreams_of_networks_differ_and_wait_in_the_one_line(four: Server, visit: Visit) -> None:
    begun = four.count("begun")
    page = opened(visit(four), photo="coffee")
    make_all(page)
    assert four.count("begun") == begun + 3
    content = [page.request.get(url).body() for url in pictures(page)]
    assert len({Image.open(io.BytesIO(png)).convert("RGB").tobytes() for png in content}) == 3
    assert all("nightmare" in Image.open(io.BytesIO(png)).info for png in content), "its settings are inside"


def test_address_holds_the_whole_view(four: Server, visit: Visit) -> None:
    page = opened(visit(four))
    make_all(page)
    page.get_by_role("radio", name="Slider").check()
    page.get_by_label("Against").select_option("stub-1")
    page.get_by_label("Where the picture begins").fill("30")
    page.get_by_role("button", name="Zoom in").click()
    page.locator(".nm-cards").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_role("checkbox", name="stub-3").check()
    page.get_by_role("checkbox", name="stub-2").uncheck()
    page.get_by_label("Look").select_option("Fever")
    page.get_by_label("Look").select_option("Nightmare")
    wanted = parameters(page)
    assert wanted["with"] == "stub,stub-1,stub-3"
    assert (wanted["mode"], wanted["against"], wanted["split"]) == ("slider", "stub-1", "30")
    assert (wanted["zoom"], wanted["x"]) == ("1.5", "60")
    address = page.evaluate("location.hash")

    other = visit(four).open(f"/{address}")
    other.wait_for_selector(".nm-compare[data-looked]")
    assert parameters(other) == wanted
    for each in (page, other):
        each.wait_for_function("document.querySelectorAll('.nm-card .nm-own').length === 2")
    assert names(other) == names(page) == ["stub", "stub-1", "stub-3"]
    assert pictures(other) == pictures(page)
    style = "document.querySelector('.nm-compare').getAttribute('style')"
    assert other.evaluate(style) == page.evaluate(style)
    assert other.get_by_role("radio", name="Slider").is_checked()
    clip = "getComputedStyle(document.querySelector('.nm-own')).clipPath"
    assert "30%" in other.evaluate(clip)
    scale = "getComputedStyle(document.querySelector('.nm-own img')).transform"
    assert other.evaluate(scale).startswith("matrix(1.5,")


def test_missing_card_has_its_sentence(four: Server, visit: Visit) -> None:
    visitor = visit(four)
    page = visitor.page()
    answer_with(page, LOST, KEPT)
    page.goto(visitor.url + "/#compare?with=lost-one,kept-one,nobody&photo=cat&octaves=9&iterations=40")
    page.wait_for_selector(".nm-experiments input")
    lost, kept, nobody = page.locator(".nm-card:not(.nm-card-photo)").all()
    assert lost.locator(".nm-not-made").inner_text().split("\n")[0] == "not made: run"
    assert lost.locator("code").inner_text() == LOST["missing"]
    assert lost.get_by_role("button", name="Make").count() == 0
    assert kept.get_by_role("button", name="Make kept-one, 9 octaves, 40 iterations").count() == 1
    assert nobody.locator(".nm-not-made").inner_text() == "There is no experiment of this name here."
    assert "resnet18, 64 pixels · anf, 10 classes · validation accuracy 62.5 %" in lost.inner_text()
    assert lost.locator("tr").all_inner_texts() == ["train.epochs\t30"]
    assert kept.locator("tr").all_inner_texts() == ["train.epochs\t5"]


OLDER = ('{"with": "stub-1,stub-2", "octaves": "many"}', '{"with": ["stub-1", "stub-2"]}', "[1, 2]", '"text"', "7")


@pytest.mark.parametrize("older", OLDER)
def test_view_that_an_older_page_kept_is_read_as_far_as_it_goes(older: str, four: Server, visit: Visit) -> None:
    visitor = visit(four)
    visitor.context.add_init_script(f"localStorage['nightmare.compare'] = {json.dumps(older)}")
    page = visitor.open("/#compare")
    page.wait_for_selector(".nm-compare[data-looked]")
    assert names(page) == (["stub-1", "stub-2"] if "with" in older else ["stub", "stub-1"])
    assert parameters(page)["octaves"] == "3"


def test_view_outlives_a_reload_without_its_address(four: Server, visit: Visit) -> None:
    visitor = visit(four)
    opened(visitor, octaves=5)
    page = visitor.open("/#compare")
    page.wait_for_selector(".nm-compare[data-looked]")
    assert names(page) == ["stub", "stub-1", "stub-2"]
    assert {name: parameters(page)[name] for name in VIEW} == {name: str(VIEW[name]) for name in VIEW} | {
        "octaves": "5"
    }


def test_what_is_lacking_to_compare_is_said(server: Server, four: Server, visit: Visit) -> None:
    lonely = opened(visit(server), **{"with": "stub"})
    status = "document.querySelector('.nm-compare-status').textContent"
    lonely.wait_for_function(f"{status}.includes('`make repro`')")
    page = opened(visit(four), **{"with": "stub"})
    page.wait_for_function(f"{status} === 'Choose two experiments or more.'")
    page.get_by_role("checkbox", name="stub-1").check()
    page.wait_for_function(f"{status} === ''")


def test_folder_without_dvc_says_so_in_a_sentence(four: Server, visit: Visit) -> None:
    page = opened(visit(four))
    page.wait_for_function("document.querySelector('.nm-dvc').textContent.includes('no DVC repository')")
    assert page.get_by_role("checkbox", name="stub-3").count() == 1


def test_keys_move_focus_steps_and_flip(four: Server, visit: Visit) -> None:
    page = opened(visit(four), mode="flip")
    make_all(page)
    page.locator(".nm-cards").focus()
    focused = "document.activeElement.querySelector('h3')?.textContent"
    for number, name in ((2, "stub-1"), (3, "stub-2"), (1, "stub")):
        page.keyboard.press(str(number))
        assert page.evaluate(focused) == f"{number} {name}"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert (parameters(page)["octaves"], parameters(page)["iterations"]) == ("5", "10")
    assert page.evaluate(focused) == "1 stub", "the focus stays where it was"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert (parameters(page)["octaves"], parameters(page)["iterations"]) == ("3", "1")
    page.wait_for_selector(".nm-own")
    visible = "getComputedStyle(document.querySelector('.nm-own')).visibility"
    for expected in ("hidden", "visible"):
        page.keyboard.press("Space")
        assert page.evaluate(visible) == expected


def test_space_on_a_button_of_a_card_presses_it(four: Server, visit: Visit) -> None:
    page = opened(visit(four), seed=5, mode="flip")
    page.get_by_role("button", name="Make stub-1").focus()
    page.keyboard.press("Space")
    page.wait_for_selector(".nm-card:nth-child(2) .nm-own")
    assert page.locator(".nm-card .nm-own").count() == 1
    assert page.get_attribute(".nm-compare-flip", "aria-pressed") == "false"


def test_difference_of_a_picture_with_itself_is_black(four: Server, visit: Visit) -> None:
    page = opened(visit(four), iterations=10, mode="difference", against="stub")
    make_all(page)
    page.wait_for_function("[...document.querySelectorAll('.nm-card img')].every((each) => each.complete)")

    def brightest(number: int) -> int:
        shot = page.locator(f".nm-card:nth-child({number}) .nm-card-picture").screenshot()
        image = Image.open(io.BytesIO(shot)).convert("L")
        return int(image.crop((20, 20, image.width - 20, image.height - 20)).getextrema()[1])

    assert brightest(1) <= 2
    assert brightest(2) > 10


def test_an_answer_that_changes_nothing_leaves_the_pictures_where_they_are(four: Server, visit: Visit) -> None:
    """DVC answers seconds after the cards are drawn: who looks at them, or drags one, is not to lose them."""
    visitor = visit(four)
    asked: list[Route] = []
    visitor.context.route("**/api/compare/experiments", lambda route: asked.append(route))
    page = opened(visitor, iterations=10, mode="difference", against="stub")
    make_all(page)
    assert len(asked) == 1
    page.evaluate("""() => {
      window.moved = 0;
      const watching = new MutationObserver((all) => { window.moved += all.length; });
      watching.observe(document.querySelector(".nm-cards"), { childList: true, subtree: true });
    }""")
    with page.expect_response("**/api/compare/cells"):
        asked[0].fulfill(json={"experiments": [], "sentence": "There is none."})
    page.wait_for_function("document.querySelector('.nm-dvc').textContent === 'There is none.'")
    assert page.evaluate("moved") == 0


def test_a_card_that_changes_leaves_the_others_where_they_are(four: Server, visit: Visit) -> None:
    page = opened(visit(four), seed=21)
    page.evaluate("""() => {
      window.moved = [];
      const watching = new MutationObserver((all) => {
        for (const { addedNodes } of all) for (const each of addedNodes) moved.push(each.dataset.name ?? "photo");
      });
      watching.observe(document.querySelector(".nm-cards"), { childList: true });
    }""")
    page.get_by_role("button", name="Make stub-1").click()
    page.wait_for_selector(".nm-card[data-name='stub-1'] .nm-own")
    assert set(page.evaluate("moved")) == {"stub-1"}


def test_pictures_zoom_and_move_in_step(four: Server, visit: Visit) -> None:
    page = opened(visit(four))
    make_all(page)
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    box = page.locator(".nm-card-picture").nth(1).bounding_box()
    assert box
    page.mouse.move(box["x"] + 100, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 60, steps=4)
    page.mouse.up()
    seen = page.locator(".nm-card img").evaluate_all(
        "all => all.map((each) => [getComputedStyle(each).scale, getComputedStyle(each).transform,"
        " each.style.transformOrigin])"
    )
    assert len(seen) == 4
    assert all(each == seen[0] for each in seen)
    assert float(parameters(page)["x"]) > 50
    assert float(parameters(page)["y"]) > 50
    page.get_by_role("button", name="Fit").click()
    assert (parameters(page)["zoom"], parameters(page)["x"]) == ("1", "50")


def test_six_at_most(four: Server, visit: Visit) -> None:
    visitor = visit(four)
    page = visitor.page()
    answer_with(page, *({**KEPT, "name": f"e{number}", "title": f"e{number}"} for number in range(4)))
    page.goto(visitor.url + "/#compare?with=stub,stub-1,stub-2,stub-3,e0,e1,e2,e3")
    page.wait_for_selector(".nm-experiments input")
    assert len(names(page)) == 6
    assert page.get_by_role("checkbox", name="e2").is_disabled()
    page.get_by_role("checkbox", name="e0").uncheck()
    assert page.get_by_role("checkbox", name="e2").is_enabled()


def test_album_is_made_shown_and_saved(four: Server, visit: Visit, tmp_path: Path) -> None:
    page = opened(visit(four), side=224)
    page.get_by_role("button", name="Album of stub-1").click()
    assert parameters(page)["album"] == "stub-1"
    head = page.locator(".nm-album thead th").all_inner_texts()
    assert head == ["1 iteration", "10 iterations", "20 iterations", "30 iterations", "40 iterations"]
    assert page.locator(".nm-album tbody th").all_inner_texts() == ["3 octaves", "5 octaves", "7 octaves", "9 octaves"]
    page.get_by_role("button", name="Make stub-1, 5 octaves, 10 iterations").click()
    page.wait_for_selector(".nm-album tbody tr:nth-child(2) td:nth-child(3) img")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save album").click()
    download.value.save_as(tmp_path / "album.png")
    with Image.open(tmp_path / "album.png") as sheet:
        assert sheet.width > 6 * 224
        assert sheet.width * sheet.height < 40_000_000
    page.get_by_role("button", name="Back").click()
    assert len(names(page)) == 3


def test_stop_ends_what_is_made(four: Server, visit: Visit) -> None:
    four.delay(0.2)
    page = opened(visit(four), seed=9, octaves=9, iterations=40)
    begun = four.count("begun")
    page.click(".nm-make-all")
    page.wait_for_selector(".nm-card progress[value]")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_function("document.querySelector('.nm-compare-status').textContent.includes('is not kept')")
    page.wait_for_timeout(1000)  # in which the next one would begin
    assert page.locator(".nm-make-all").is_enabled()
    assert four.count("begun") == begun + 1, "those that waited are not made"
    assert page.locator(".nm-card .nm-not-made").count() == 3


def test_dreams_are_of_the_view_in_which_they_were_wished_for(four: Server, visit: Visit) -> None:
    four.delay(0.5)
    page = opened(visit(four), seed=11)
    asked: list[dict[str, Any]] = []
    page.on(
        "request",
        lambda request: asked.append(request.post_data_json) if request.url.endswith("/api/compare/dreams") else None,
    )
    page.click(".nm-make-all")
    page.wait_for_selector(".nm-card progress")
    page.locator(".nm-compare-photo").select_option("coffee")
    page.wait_for_function("nightmare.place().parameters.get('photo') === 'coffee'")
    # The first network dreams over the other photo: over this one it does not.
    page.get_by_role("button", name="Make stub, 3 octaves, 1 iteration").click()
    four.delay(0.002)
    page.wait_for_selector(".nm-card:nth-child(2) .nm-own")
    wished = [(each["album"]["photo"], each["model"]) for each in asked]
    assert wished == [("cat", "stub"), ("cat", "stub-1"), ("cat", "stub-2"), ("coffee", "stub")]
    assert page.locator(".nm-card .nm-not-made").count() == 2
    page.locator(".nm-compare-photo").select_option("cat")
    page.wait_for_function("document.querySelector('.nm-make-all').textContent === 'All made'")


def test_stop_ends_what_has_not_answered_yet(four: Server, visit: Visit) -> None:
    page = opened(visit(four), seed=10)
    begun = four.count("begun")
    held: list[Any] = []
    page.route("**/api/compare/dreams", lambda route: held.append(route))
    page.click(".nm-make-all")
    page.wait_for_selector(".nm-make-stop")
    while not held:
        page.wait_for_timeout(20)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_function(
        "document.querySelector('.nm-compare-status').textContent === 'stub: Stopped; it is not kept.'"
    )
    page.wait_for_selector(".nm-make-stop", state="hidden")
    assert len(held) == 1
    assert four.count("begun") == begun
    page.unroute("**/api/compare/dreams")
    make_all(page)


def test_keyboard_keeps_its_place(four: Server, visit: Visit) -> None:
    page = opened(visit(four), seed=12)
    focused = "document.activeElement.querySelector('h3')?.textContent"

    def pressed(name: str) -> None:
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")

    pressed("Make stub-1")
    page.wait_for_selector(".nm-card:nth-child(3) .nm-own")
    assert page.evaluate(focused) == "2 stub-1"
    page.get_by_role("button", name="Album of stub-2").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelectorAll('.nm-not-made').length === 3")
    assert page.evaluate("document.activeElement.ariaLabel") == "Album of stub-2"

    pressed("Album of stub-2")
    assert page.evaluate("document.activeElement.className") == "nm-cards"
    pressed("Make stub-2, 5 octaves, 1 iteration")
    page.wait_for_selector(".nm-album tbody tr:nth-child(2) td img")
    assert page.evaluate("document.activeElement.querySelector('img')?.alt") == "stub-2, 5 octaves, 1 iteration"
    pressed("Back")
    assert page.evaluate(focused) == "3 stub-2"

    four.delay(0.05)
    pressed("Make all")
    page.wait_for_selector(".nm-make-stop")
    assert page.evaluate("document.activeElement.textContent") == "Stop"
    page.keyboard.press("Enter")
    page.wait_for_selector(".nm-make-stop", state="hidden")
    assert page.evaluate("document.activeElement.className") == "nm-button nm-primary nm-make-all"


def test_failure_of_one_is_told_and_the_others_are_made(four: Server, visit: Visit) -> None:
    visitor = visit(four)
    visitor.expect("422")
    page = visitor.page()
    answer_with(page, KEPT)
    page.goto(visitor.url + "/#compare?with=kept-one,stub&photo=cat&octaves=3&iterations=1&side=256&seed=3")
    page.wait_for_selector(".nm-experiments input")
    page.wait_for_selector(".nm-compare[data-looked]")
    page.click(".nm-make-all")
    page.wait_for_selector(".nm-card .nm-own[class*=nm-picture]")
    assert page.inner_text(".nm-compare > [role=alert]") == (
        "kept-one: no experiment 'kept-one': `dvc exp list --all-commits` lists them"
    )


def test_dream_is_added(four: Server, visit: Visit) -> None:
    four.delay(0.05)
    page = visit(four).open()
    page.get_by_label("Fever").check()
    page.wait_for_function("JSON.parse(localStorage['nightmare.dream']).look === 'Fever'")
    dream(page)
    page.wait_for_selector(RESULT)
    begun = four.count("begun")
    page.get_by_role("button", name="Add to Compare").click()
    page.wait_for_selector("#tab-compare-button[aria-selected=true]")
    page.wait_for_selector(".nm-card:nth-child(2) .nm-own")
    said = parameters(page)
    assert (said["base"], said["octaves"], said["iterations"], said["photo"]) == ("Fever", "4", "6", "cat")
    assert names(page) == ["stub", "stub-1"]
    assert four.count("begun") == begun, "it is not dreamt again"
    assert json.loads(page.evaluate("localStorage['nightmare.compare']"))["base"] == "Fever"
