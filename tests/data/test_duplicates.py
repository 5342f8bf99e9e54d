import imagehash
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance
from synthetic import drawing

from nightmare.data.duplicates import dhash, drawing_aspect, near_groups, phash, thumbnail

TURNS = list(Image.Transpose)


def groups(images, distance=6):
    thumbnails = np.array([thumbnail(image) for image in images])
    return near_groups(thumbnails, np.array([drawing_aspect(image) for image in images]), distance=distance).tolist()


def glyph(ink=(0, 0, 0), *, at=(0, 0), side=128):
    """A transparent picture with an asymmetric mark of 40 by 60."""
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    x, y = at
    draw = ImageDraw.Draw(image)
    draw.rectangle([x, y, x + 12, y + 59], fill=(*ink, 255))
    draw.rectangle([x, y, x + 39, y + 10], fill=(*ink, 255))
    draw.ellipse([x + 8, y + 25, x + 28, y + 45], fill=(*ink, 255))
    return image


@pytest.mark.parametrize("number", range(20))
def test_hashes_are_those_of_imagehash(number):
    image = drawing(number)
    small = thumbnail(image)
    assert phash(small) == int(str(imagehash.phash(image)), 16)
    # ImageHash goes from the full picture to 9 x 8 at once, we go through the thumbnail: give it the same start.
    assert dhash(small) == int(str(imagehash.dhash(Image.fromarray(small))), 16)


def test_hashes_of_a_stack_are_those_of_its_pictures():
    stack = np.array([thumbnail(drawing(number)) for number in range(6)]).reshape(2, 3, 32, 32)
    for hashed in (phash, dhash):
        assert hashed(stack).shape == (2, 3)
        assert hashed(stack)[1, 2] == hashed(stack[1, 2])


def test_different_drawings_stay_apart():
    assert groups([drawing(number) for number in range(60)]) == list(range(60))


@pytest.mark.parametrize("turn", TURNS)
def test_mirrored_and_turned_copies_are_found(turn):
    images = [drawing(1), drawing(2), drawing(1).transpose(turn)]
    assert groups(images) == [0, 1, 0]


@pytest.mark.parametrize("turn", TURNS)
def test_turned_glyphs_are_found_whatever_their_proportions(turn):
    assert groups([glyph(), drawing(2), glyph().transpose(turn)]) == [0, 1, 0]


def test_copies_in_other_sizes_tones_and_frames_are_found():
    original = drawing(3, side=128)
    noise = np.random.default_rng(0).normal(0, 6, (128, 128, 3))
    copies = [
        original.resize((50, 50), Image.Resampling.LANCZOS),
        ImageEnhance.Brightness(original).enhance(0.8),
        Image.fromarray((np.asarray(original) + noise).clip(0, 255).astype(np.uint8)),
    ]
    assert groups([original, *copies, drawing(4)]) == [0, 0, 0, 0, 4]


def test_a_glyph_is_found_with_other_margins_and_other_ink():
    images = [glyph(), glyph((120, 60, 30), at=(60, 20)), glyph((40, 40, 90), at=(30, 60))]
    assert groups(images) == [0, 0, 0]


def test_white_glyphs_are_seen():
    other = Image.new("RGBA", (128, 128), (0, 0, 0, 0))
    ImageDraw.Draw(other).ellipse([0, 0, 39, 59], fill=(255, 255, 255, 255))
    assert np.ptp(thumbnail(glyph((255, 255, 255)))) > 200
    assert groups([glyph((255, 255, 255)), other, glyph((255, 255, 255), at=(50, 50))]) == [0, 1, 0]


def test_proportions_tell_a_square_from_a_bar():
    square, bar = Image.new("RGBA", (128, 128), (0, 0, 0, 0)), Image.new("RGBA", (128, 128), (0, 0, 0, 0))
    for image, height in ((square, 60), (bar, 20)):
        draw = ImageDraw.Draw(image)
        draw.rectangle([0, 0, 59, height - 1], fill=(0, 0, 0, 255))
        draw.rectangle([30, 0, 59, height // 2], fill=(200, 0, 0, 255))
    assert groups([square, bar]) == [0, 1]


def test_groups_join_through_a_common_neighbour_and_take_its_smallest_index():
    steps = [ImageEnhance.Contrast(drawing(5)).enhance(factor) for factor in (1.0, 0.7, 0.5)]
    assert groups([drawing(6), *steps, drawing(7)]) == [0, 1, 1, 1, 4]


def test_the_banded_search_finds_what_comparing_all_finds(monkeypatch):
    random = np.random.default_rng(1)
    images = []
    for number in range(40):
        image = drawing(number)
        noise = random.normal(0, random.choice([2, 20, 40]), (64, 64, 3))
        images += [image, Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))]
    thumbnails = np.array([thumbnail(image) for image in images])
    hashed = phash(thumbnails)
    distances = np.bitwise_count(hashed[:, None] ^ hashed[None])
    expected = {(int(i), int(j)) for i, j in np.argwhere(distances <= 6) if i < j}
    assert expected
    seen = set()

    def remember(_turned, _aspects, first, second, turn):
        plain = turn == 0
        seen.update(zip(first[plain].tolist(), second[plain].tolist(), strict=True))
        return np.zeros(len(first), dtype=bool)

    monkeypatch.setattr("nightmare.data.duplicates._same_drawing", remember)
    monkeypatch.setattr("nightmare.data.duplicates.dhash", phash)
    monkeypatch.setattr("nightmare.data.duplicates._CHUNK", 7)
    near_groups(thumbnails, np.ones(len(images)), distance=6)
    assert seen == expected


def test_no_and_one_picture():
    assert near_groups(np.zeros((0, 32, 32), dtype=np.uint8), np.zeros(0), distance=6).tolist() == []
    assert groups([drawing(1)]) == [0]
