"""What is brought as a photo: taken, or refused in words while the photo before it stays."""

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from made_pictures import file_of, picture
from pages import RESULT, choose, chosen, dream, give
from PIL import Image
from visiting import Server, Visitor

from benchmarks.studio import Peak

if TYPE_CHECKING:
    from playwright.sync_api import Route

Visit = Callable[..., Visitor]
UNREADABLE = "That file is not a picture we can read (PNG, JPEG or WebP)."


def bomb(side: int) -> bytes:
    """A PNG of side x side black pixels in a few kilobytes, whose pixels nobody should look at."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        length, check = len(content).to_bytes(4), zlib.crc32(kind + content).to_bytes(4)
        return length + kind + content + check

    header = side.to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def animated() -> bytes:
    file = io.BytesIO()
    picture(64, 64).save(file, "GIF", save_all=True, append_images=[picture(64, 64).rotate(90)])
    return file.getvalue()


REFUSED = {
    "text": (b"not a picture at all", "415", UNREADABLE),
    "truncated": (file_of(picture(400, 300), "JPEG")[:2000], "415", UNREADABLE),
    "animation": (animated(), "415", UNREADABLE),
    "tiny": (file_of(picture(20, 400)), "422", "The photo is 20 x 400; each side needs 32 pixels."),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusal_is_a_sentence_and_the_photo_before_it_stays(what: str, server: Server, visit: Visit) -> None:
    content, status, sentence = REFUSED[what]
    visitor = visit(server)
    visitor.expect(status, path="/api/photos")
    page = visitor.open()
    choose(page, content)
    page.wait_for_function(
        "text => document.querySelector('.nm-photo [role=alert]').textContent === text", arg=sentence
    )
    assert page.get_attribute(".nm-before", "alt") == "The photo cat"
    dream(page)
    page.wait_for_selector(RESULT)


def test_large_file_is_refused_without_being_sent(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    page = visitor.open()
    page.evaluate(
        """() => {
          const given = new DataTransfer();
          given.items.add(new File([new Uint8Array(21e6)], "large.png"));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true }));
        }"""
    )
    page.wait_for_function(
        "document.querySelector('.nm-photo [role=alert]').textContent === 'That photo is over 20 MB.'"
    )
    assert not any("/api/photos?" in url for url in visitor.requests)


def test_bomb_is_refused_at_once_and_fills_no_memory(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect("413")
    page = visitor.open()
    content = bomb(13_000)
    assert server.process
    with Peak(psutil.Process(server.process.pid)) as peak:
        before = peak.begin()
        choose(page, content)
        page.wait_for_function(
            "document.querySelector('.nm-photo [role=alert]').textContent.startsWith('24 million pixels at most')",
            timeout=3000,  # three times the second that is meant: the machine is shared
        )
        assert "this one has 169." in page.inner_text(".nm-photo [role=alert]")
    assert peak.megabytes - before < 100


def test_turned_photo_stands_upright_and_its_place_stays_secret(server: Server, visit: Visit, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 0.0)
    exif[0x010F] = "SecretCamera"
    content = file_of(picture(400, 300), "JPEG", exif=exif)
    assert b"SecretCamera" in content
    page = visit(server).open()
    chosen(page, content, "turned.jpg")
    page.wait_for_function("document.querySelector('.nm-before').naturalHeight === 400")
    dream(page)
    page.wait_for_selector(RESULT)
    with page.expect_download() as download:
        page.get_by_role("link", name="Save PNG").click()
    download.value.save_as(tmp_path / "dream.png")
    assert download.value.suggested_filename == "turned-nightmare.png"
    with Image.open(tmp_path / "dream.png") as saved:
        assert saved.size == (300, 400)
        assert not saved.getexif()
    assert b"SecretCamera" not in (tmp_path / "dream.png").read_bytes()


def test_dropped_and_pasted_photos_are_taken(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    for how, name in (("drop", "dropped"), ("paste", "pasted")):
        give(page, how, name)
        page.wait_for_function("name => document.querySelector('.nm-before').alt === `The photo ${name}`", arg=name)


def test_small_photo_is_taken_with_a_warning(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    chosen(page, file_of(picture(200, 150)), "small.png")
    assert "its dreams will be coarse" in page.inner_text(".nm-photo [role=status]")


def test_what_is_said_of_a_photo_stays_with_it(server: Server, visit: Visit) -> None:
    visitor = visit(server)
    visitor.expect("415", path="/api/photos")
    page = visitor.open()
    chosen(page, file_of(picture(200, 150)), "small.png")
    said = page.inner_text(".nm-photo [role=status]")
    assert said.startswith("small. The photo is 200 x 150")
    choose(page, b"not a picture at all")
    page.wait_for_function(
        "text => document.querySelector('.nm-photo [role=alert]').textContent === text", arg=UNREADABLE
    )
    assert page.inner_text(".nm-photo [role=status]") == said
    dreamt = {"key": "dreamt", "name": "dreamt", "remark": "", "unloadable": "Its settings have no sliders here."}
    page.route("**/api/photos?*", lambda route: route.fulfill(json=dreamt))
    choose(page, file_of(picture(200, 150)), "dreamt.png")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_selector("dialog", state="detached")
    assert page.inner_text(".nm-photo [role=status]") == said


def test_newer_photo_is_not_replaced_by_one_that_comes_late(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    held: list[Route] = []
    page.route("**/api/photos?name=first*", lambda route: held.append(route))
    choose(page, file_of(picture(320, 240)), "first.png")
    while not held:
        page.wait_for_timeout(20)
    chosen(page, file_of(picture(300, 300)), "second.png")
    with page.expect_response("**/api/photos?name=first*"):
        held[0].continue_()
    page.wait_for_timeout(300)  # in which it would be taken
    assert page.get_attribute(".nm-before", "alt") == "The photo second"
    assert page.inner_text(".nm-photo [role=status]") == "second"


def test_nothing_is_left_on_the_disk(server: Server, visit: Visit) -> None:
    page = visit(server).open()
    chosen(page, file_of(picture(320, 240)))
    dream(page)
    page.wait_for_selector(RESULT)
    assert [name for _, _, names in os.walk(server.temporary) for name in names] == []
