"""Photos that people bring: what is read, what is refused and in which words, and for how long they are kept."""

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_pictures import file_of, picture
from PIL import Image

from nightmare.data.canvases import SHIPPED, read_canvases
from nightmare.errors import ImageError
from nightmare.studio.errors import Refusal
from nightmare.studio.library import Library
from nightmare.studio.limits import LIMITS
from nightmare.studio.photos import check_photo, read_again, read_photo


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_photos_of_three_formats_are_read(kind: str) -> None:
    photo = read_photo(file_of(picture(400, 300), kind), pixels=320)
    assert (photo.image.size, photo.image.mode, photo.remark) == ((320, 240), "RGB", "")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_read_again_is_the_same_picture(kind: str) -> None:
    content = file_of(picture(400, 300), kind)
    assert read_again(content, pixels=200).tobytes() == read_photo(content, pixels=200).image.tobytes()


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"", 415, "That file is not a picture we can read (PNG, JPEG or WebP)."),
        (b"GIF89a and so on", 415, "That file is not a picture we can read (PNG, JPEG or WebP)."),
        (b"\x89PNG\r\n\x1a\n and so on", 415, "That file is not a picture we can read (PNG, JPEG or WebP)."),
        (file_of(picture(400, 300))[:900], 415, "That file is not a picture we can read (PNG, JPEG or WebP)."),
        (bytes(20_000_001), 413, "That photo is over 20 MB."),
        (file_of(picture(31, 100)), 422, "The photo is 31 x 100; each side needs 32 pixels."),
        (file_of(picture(900, 40)), 415, "One side of the photo is more than eight times the other."),
        (file_of(Image.new("RGB", (300, 300))), 415, "The photo is of one colour."),
    ],
)
def test_refusals_are_sentences(content: bytes, status: int, sentence: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_photo(content, pixels=512)
    assert (refusal.value.status, str(refusal.value)) == (status, sentence)


def test_pixels_are_counted_by_the_header() -> None:
    small = replace(LIMITS, megapixels=1)
    with pytest.raises(Refusal, match=re.escape("1 million pixels at most; this one has 2.")):
        check_photo(file_of(picture(1600, 1300)), limits=small)
    assert check_photo(file_of(picture(1000, 1000)), limits=small) == (1000, 1000)


def test_small_photo_gets_a_word() -> None:
    assert read_photo(file_of(picture(300, 100)), pixels=512).remark.startswith("The photo is 300 x 100:")


def test_photo_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = read_photo(file_of(picture(400, 300), "JPEG", exif=exif), pixels=512)
    assert photo.image.size == (300, 400)
    assert np.asarray(photo.image)[0, -1, 0] < 20  # the top left corner was the darkest red


def test_photo_is_what_the_command_line_dreams_on() -> None:
    (canvas,) = read_canvases(SHIPPED[:1], pixels=300)
    assert not isinstance(canvas, ImageError)
    assert Library().picture(SHIPPED[0].name, pixels=300).tobytes() == canvas.image.tobytes()
    assert Library().original(SHIPPED[0].name).sha256 == canvas.sha256


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def library(clock: Clock, **limits: Any) -> Library:
    return Library(samples=(), limits=replace(LIMITS, **limits), clock=clock)


def test_photo_is_kept_for_an_hour_after_it_was_asked_for() -> None:
    clock = Clock()
    photos = library(clock)
    original = photos.bring(file_of(picture(300, 240)), "a/b/my garden.png")
    assert (original.name, original.width, original.height) == ("my garden", 300, 240)
    clock.now = 3000
    assert photos.picture(original.key, pixels=100).size == (100, 80)
    clock.now = 6000
    assert photos.knows(original.key)
    clock.now = 6601
    assert not photos.knows(original.key)
    with pytest.raises(Refusal, match="no longer here"):
        photos.original(original.key)


def test_oldest_photo_makes_room() -> None:
    photos = library(Clock(), photos_bytes=600_000)
    first, second = (photos.bring(file_of(picture(300, 240)), "photo") for _ in range(2))
    photos.original(first.key)
    third = photos.bring(file_of(picture(300, 240)), "photo")
    assert [photos.knows(each.key) for each in (first, second, third)] == [True, False, True]


def test_photo_is_shown_without_its_metadata() -> None:
    photos = library(Clock())
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    original = photos.bring(file_of(picture(300, 240), "JPEG", exif=exif), "photo.jpg")
    shown = photos.jpeg(original.key, pixels=128)
    assert b"SecretCamera" not in shown
    with Image.open(io.BytesIO(shown)) as image:
        assert image.size == (128, 102)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a\r\nSet-Cookie: b=1.png", "aSet-Cookie: b=1"),
        ("\x00\x1b[2J.png", "[2J"),
        ("\x7f\n", "photo"),
        ("Füchse am Abend.jpg", "Füchse am Abend"),
        ("left\u202ejpg.exe", "leftjpg"),
    ],
)
def test_name_has_no_control_characters(name: str, kept: str) -> None:
    assert Library().bring(file_of(picture(64, 48)), name).name == kept


def test_file_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    key = library.bring(file_of(picture(64, 48)), "photo.png").key
    first = library.original(key).sha256
    monkeypatch.setattr("hashlib.sha256", None)
    assert library.original(key).sha256 == first
