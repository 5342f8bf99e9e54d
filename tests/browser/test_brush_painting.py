"""What the brush does to a picture: where it paints, how much, and the way back."""

import math
from pathlib import Path

import numpy as np
import pytest
from brush_pages import STILL, Server, Visit, brush_page, click, dreamt, levels, picture, place, ring, shown, stamped
from brush_pages import stamps as count_of

DONE = "^$"  # the status when a mouse has painted
LANDSCAPE, PORTRAIT = picture(640, 240), picture(240, 640)


def test_hovering_sends_one_patch_at_a_time_and_the_newest_place(server: Server, visit: Visit) -> None:
    server.delay(0.15)
    visitor = visit(server)
    page = brush_page(visitor, picture(640, 480), size=224)
    under_way, most, sizes = 0, 0, []

    def begun(request: object) -> None:
        nonlocal under_way, most
        if "/api/patch" in request.url:  # type: ignore[attr-defined]
            under_way += 1
            most = max(most, under_way)
            sizes.append(len(request.post_data_buffer))  # type: ignore[attr-defined]

    def over(request: object) -> None:
        nonlocal under_way
        under_way -= "/api/patch" in request.url  # type: ignore[attr-defined]

    page.on("request", begun)
    page.on("requestfinished", over)
    known = server.count("stamps")
    for number in range(200):
        turn = number / 200 * 2 * math.pi
        page.mouse.move(*place(page, 320 + 319 * math.cos(turn), 240 + 239 * math.sin(3 * turn)))
    page.wait_for_timeout(400)
    assert count_of(page) >= 5
    assert most == 1
    assert int(page.get_attribute(".nm-brush", "data-skipped") or 0) > 0
    lines = (server.control / "stamps").read_text().splitlines()[known:]
    assert [line[0] for line in lines] == ["+", "-"] * (len(lines) // 2), "two patches at once"
    assert {line for line in lines if line != "-"} == {"+ 224 224"}
    assert set(sizes) == {4 * 224 * 224}


@pytest.mark.parametrize(
    ("image", "x", "y"),
    [
        (LANDSCAPE, 620, 120),  # what the window of 2019 could not reach, which took width for height
        (PORTRAIT, 120, 620),
        (LANDSCAPE, 1, 1),
        (LANDSCAPE, 639, 1),
        (LANDSCAPE, 1, 239),
        (LANDSCAPE, 639, 239),
    ],
)
def test_every_place_can_be_painted(image: object, x: int, y: int, server: Server, visit: Visit) -> None:
    server.delay(0.3)
    page = brush_page(visit(server), image, **STILL | {"strength": 60})  # type: ignore[arg-type]
    before = shown(page)
    click(page, x, y)
    page.keyboard.press("b")  # then all of it is drawn anew
    after = shown(page)
    inside = ring(before.shape[1], before.shape[0], x, y, 96 - 4)
    assert np.abs(after - before)[inside].sum(axis=1).min() > 2
    outside = ~ring(before.shape[1], before.shape[0], x, y, 96 + 2)
    assert (after[outside] == before[outside]).all()


def test_stamp_changes_the_ring_by_its_share_and_nothing_else(server: Server, visit: Visit) -> None:
    server.delay(0.4)
    page = brush_page(visit(server), LANDSCAPE, **STILL | {"strength": 30})
    before = shown(page)
    click(page, 200, 100)
    after = shown(page)
    share = float(page.get_attribute(".nm-brush", "data-share") or 0)
    assert share == pytest.approx(0.7)  # 1 - 0.7^8 is more
    outside = ~ring(640, 240, 200, 100, 96 + 2)
    assert (after[outside] == before[outside]).all()
    inside = ring(640, 240, 200, 100, 96 - 2)
    wanted = before + share * (dreamt(before) - before)
    assert np.abs(after - wanted)[inside].max() <= 2
    assert np.abs(after - before)[inside].max() > 10


def test_strength_and_time_make_the_share(server: Server, visit: Visit) -> None:
    server.delay(0.1)
    page = brush_page(visit(server), LANDSCAPE, **STILL)
    shares = []
    for x, strength in ((150, 2), (300, 5), (450, 9)):
        page.locator("[name=strength]").fill(str(strength))
        before = shown(page)
        click(page, x, 100)
        page.wait_for_function(f"/{DONE}/.test(document.querySelector('.nm-brush .nm-status').textContent)")
        share = float(page.get_attribute(".nm-brush", "data-share") or 0)
        seconds = int(page.inner_text("[data-quality=live]").removesuffix(" ms")) / 1000
        assert seconds >= 0.1
        assert share == pytest.approx(1 - (1 - strength / 100) ** (20 * seconds), abs=0.01)
        inside = ring(640, 240, x, 100, 96 - 2)
        wanted, after = share * (dreamt(before) - before), shown(page)
        assert np.abs(after - before - wanted)[inside].max() <= 2
        assert np.sum((after - before) * wanted, where=inside[..., None]) == pytest.approx(
            np.sum(wanted**2, where=inside[..., None]), rel=0.05
        )
        shares.append(share)
    assert max(shares) < 0.7, "below the most that there is, or nothing was seen of the rest"
    assert len(set(shares)) == 3


def test_patch_that_is_sent_is_of_the_picture(server: Server, visit: Visit) -> None:
    server.delay(0)
    page = brush_page(visit(server), LANDSCAPE, **STILL | {"size": 224})
    sent: list[bytes] = []
    page.on("request", lambda request: sent.append(request.post_data_buffer) if "/api/patch" in request.url else None)
    for x, y, left, top in ((1, 1, 0, 0), (639, 1, 416, 0), (1, 239, 0, 16), (639, 239, 416, 16), (320, 120, 208, 8)):
        before, first = shown(page), len(sent)
        click(page, x, y)
        patch = np.frombuffer(sent[first], np.uint8).reshape(224, 224, 4)
        assert (patch[..., :3] == before[top : top + 224, left : left + 224]).all()
        assert (patch[..., 3] == 255).all()


def test_soft_stamp_fades_to_its_edge(server: Server, visit: Visit) -> None:
    server.delay(0.4)
    page = brush_page(visit(server), LANDSCAPE, **STILL | {"strength": 60, "softness": 100})
    before = shown(page)
    click(page, 200, 100)
    change = np.abs(shown(page) - before).sum(axis=2)[100, 200:250]
    middle, half, edge = change[:6].mean(), change[21:27].mean(), change[44:48].mean()
    assert edge < 0.1 * middle < half
    assert half == pytest.approx(0.5 * middle, rel=0.25)


def test_pace_is_that_of_time_and_not_of_the_machine(server: Server, visit: Visit) -> None:
    page = visit(server).open("/#brush")
    quick, slow = page.evaluate(
        """() => [[50, 0.1], [20, 0.25]].map(([count, seconds]) => {
          const canvas = document.createElement("canvas");
          const picture = nightmare.brushPicture(canvas, { undo_steps: 1, undo_bytes: 1 });
          picture.load(document.querySelector("canvas"), 64, 64);
          const area = { left: 0, top: 0, width: 64, height: 64 };
          const before = picture.read(area);
          const dream = Uint8Array.from({ length: 3 * 64 * 64 }, (_, place) => before[4 * Math.floor(place / 3)] ^ 128);
          for (let number = 0; number < count; number += 1) {
            const share = nightmare.brushShare(0.02, seconds);
            picture.blend(area, dream, { x: 32, y: 32, radius: 64, share, softness: 0 });
          }
          const after = picture.read(area);
          return after.reduce((sum, value, place) => sum + Math.abs(value - before[place]), 0);
        })"""
    )
    assert slow == pytest.approx(quick, rel=0.05)
    assert quick > 64 * 64 * 3 * 20
    assert page.evaluate("nightmare.brushShare(0.1, 0.01)") == pytest.approx(0.1)
    assert page.evaluate("nightmare.brushShare(0.1, 0.1)") == pytest.approx(1 - 0.9**2)
    assert page.evaluate("nightmare.brushShare(0.1, 9)") == 0.7


def test_changes_below_one_level_add_up(server: Server, visit: Visit) -> None:
    page = visit(server).open("/#brush")
    change = page.evaluate(
        """() => {
          const picture = nightmare.brushPicture(document.createElement("canvas"), { undo_steps: 1, undo_bytes: 1 });
          picture.load(nightmare.make("canvas"), 64, 64);
          const area = { left: 0, top: 0, width: 64, height: 64 };
          const dream = new Uint8Array(3 * 64 * 64).fill(252); // over white
          for (let number = 0; number < 100; number += 1) {
            picture.blend(area, dream, { x: 32, y: 32, radius: 64, share: 0.02, softness: 0 });
          }
          return picture.read(area).reduce((sum, value) => sum + 255 - value, 0) / (3 * 64 * 64);
        }"""
    )
    assert change == pytest.approx(3 * (1 - 0.98**100), abs=0.1)


def test_undo_redo_reset_and_saving_are_exact(server: Server, visit: Visit, tmp_path: Path) -> None:
    server.delay(0.2)
    page = brush_page(visit(server), LANDSCAPE, **STILL | {"strength": 60, "softness": 50})
    states = [shown(page)]
    for x, y in ((100, 100), (160, 120), (500, 60)):
        click(page, x, y)
        states.append(shown(page))
    for earlier in (2, 1, 0):
        page.get_by_role("button", name="Undo").click()
        assert (shown(page) == states[earlier]).all()
    assert page.get_by_role("button", name="Undo").is_disabled()
    for later in (1, 2, 3):
        page.get_by_role("button", name="Redo").click()
        assert (shown(page) == states[later]).all()
    page.get_by_role("button", name="Reset").click()
    assert (shown(page) == states[0]).all()
    page.get_by_role("button", name="Undo").click()
    assert (shown(page) == states[3]).all()
    page.get_by_role("button", name="Undo").click()
    click(page, 300, 200)  # what was taken back is gone now
    assert page.get_by_role("button", name="Redo").is_disabled()

    last = shown(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "mine-brush.png"
    download.value.save_as(tmp_path / "saved.png")
    assert (levels((tmp_path / "saved.png").read_bytes()) == last).all()


def test_undo_has_twenty_entries_and_a_bound_of_bytes(server: Server, visit: Visit) -> None:
    page = visit(server).open("/#brush")
    kept = page.evaluate(
        """() => [[20, 1e9], [20, 3 * 4 * 64 * 64]].map(([undo_steps, undo_bytes]) => {
          const picture = nightmare.brushPicture(document.createElement("canvas"), { undo_steps, undo_bytes });
          picture.load(document.querySelector("canvas"), 640, 480);
          const area = { left: 3, top: 4, width: 64, height: 64 };
          for (let number = 0; number < 25; number += 1) {
            picture.begin();
            const shape = { x: 32, y: 32, radius: 16, share: 0.5, softness: 0 };
            picture.blend(area, new Uint8Array(3 * 64 * 64), shape);
            picture.end();
          }
          return picture.undoable;
        })"""
    )
    assert kept == [20, 3]


def test_visit_is_one_undo(server: Server, visit: Visit) -> None:
    page = brush_page(visit(server), LANDSCAPE, size=96, strength=60)
    photo = shown(page)
    for number in range(6):
        page.mouse.move(*place(page, 100 + 60 * number, 120))
        page.wait_for_timeout(80)
    page.mouse.move(5, 5)
    page.wait_for_timeout(200)
    assert count_of(page) >= 3
    assert page.get_attribute(".nm-brush", "data-undoable") == "1"
    page.get_by_role("button", name="Undo").click()
    assert (shown(page) == photo).all()


def test_stroke_has_no_gaps_and_dreams_on_where_it_rests(server: Server, visit: Visit) -> None:
    server.delay(0.1)
    page = brush_page(visit(server), LANDSCAPE, **STILL | {"strength": 60})
    before = shown(page)
    page.mouse.move(*place(page, 100, 120))
    page.mouse.down()
    page.mouse.move(*place(page, 290, 120))  # 7 points at a quarter of 96 apart
    stamped(page, 9)
    page.mouse.up()
    page.wait_for_timeout(300)
    change = np.abs(shown(page) - before).sum(axis=2)[120, 60:330]
    assert change.min() > 2
    assert page.get_attribute(".nm-brush", "data-undoable") == "1"


@pytest.mark.alone
def test_fading_halves_the_distance_to_the_photo_in_its_time(server: Server, visit: Visit) -> None:
    server.delay(0.4)
    page = brush_page(visit(server), LANDSCAPE, **STILL | {"strength": 60, "halfLife": 2, "size": 208})
    photo = shown(page)
    click(page, 300, 120)
    page.mouse.move(5, 5)
    page.get_by_label("Fade back").check()
    page.wait_for_timeout(300)

    def distance() -> tuple[float, float]:
        now = page.evaluate("performance.now()")
        return np.abs(shown(page) - photo).sum(), now

    first, begun = distance()
    page.wait_for_timeout(2000)
    second, ended = distance()
    assert second / first == pytest.approx(0.5 ** ((ended - begun) / 2000), abs=0.05)

    page.get_by_role("tab", name="Dream").click()  # nobody sees it there
    page.wait_for_timeout(200)
    third, _ = distance()
    page.wait_for_timeout(700)
    assert distance()[0] == third
    page.get_by_role("tab", name="Brush").click()
    page.wait_for_timeout(500)
    assert distance()[0] < third


@pytest.mark.alone
def test_nothing_fades_while_the_browser_hides_the_page(server: Server, visit: Visit) -> None:
    server.delay(0.4)
    page = brush_page(visit(server), LANDSCAPE, **STILL | {"strength": 60, "halfLife": 2, "size": 208})
    photo = shown(page)
    click(page, 300, 120)
    page.mouse.move(5, 5)

    def hide(hidden: bool) -> None:
        page.evaluate(
            """hidden => {
              Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            hidden,
        )

    def distance() -> float:
        return float(np.abs(shown(page) - photo).sum())

    hide(True)
    page.get_by_label("Fade back").check()
    first = distance()
    page.wait_for_timeout(1500)
    assert distance() == first
    hide(False)
    page.wait_for_timeout(400)
    assert 0.7 * first < distance() < first, "what passed unseen is not made up for"


def test_nothing_fades_where_less_motion_is_asked_for(server: Server, visit: Visit) -> None:
    server.delay(0.3)
    page = brush_page(visit(server, reduced_motion="reduce"), LANDSCAPE, **STILL | {"fade": True, "halfLife": 2})
    click(page, 300, 120)
    before = shown(page)
    assert page.get_by_label("Fade back").is_disabled()
    assert not page.get_by_label("Fade back").is_checked()
    assert page.locator(".nm-calm").is_visible()
    page.wait_for_timeout(700)
    assert (shown(page) == before).all()
