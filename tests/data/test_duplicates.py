import imagehash
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance
from synthetic import drawing

from nightmare.data.duplicates import _close, dhash, drawing_aspect, near_groups, phash, thumbnail

TURNS = list(Image.Transpose)


def groups(images, distance=6, works=()):
    thumbnails = np.array([thumbnail(image) for image in images])
    aspects = np.array([drawing_aspect(image) for image in images])
    return near_groups(thumbnails, aspects, works or [()] * len(images), distance=distance).tolist()


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


def test_renderings_of_one_work_belong_together_however_they_look():
    images = [drawing(number) for number in range(5)]
    works = [["ann crab"], ["bob crab"], ["bob newt", "ann crab"], [""], [""]]
    assert groups(images, works=works) == [0, 1, 0, 3, 4]


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


def test_what_the_hashes_propose_is_verified():
    # 64 bits of tolerance propose every pair.
    assert groups([drawing(number) for number in range(40)], distance=64) == list(range(40))


def test_a_copy_with_another_detail_is_found():
    changed = drawing(5)
    changed.paste((128, 128, 128), (40, 40, 56, 56))
    left, right = (thumbnail(image).ravel().astype(float) for image in (drawing(5), changed))
    assert 0.93 < np.corrcoef(left, right)[0, 1] < 0.99
    assert groups([drawing(5), drawing(9), changed], distance=64) == [0, 1, 0]


@pytest.mark.parametrize("distance", [0, 3, 6, 10])
def test_the_banded_search_finds_what_comparing_all_finds(monkeypatch, distance):
    monkeypatch.setattr("nightmare.data.duplicates._CHUNK", 50)
    random = np.random.default_rng(1)
    hashed = random.integers(0, 1 << 63, (8, 60), dtype=np.uint64)
    for copy in range(30, 60):
        bits = random.choice(64, copy % 13, replace=False)
        hashed[random.integers(8), copy] = hashed[0, copy - 30] ^ np.bitwise_or.reduce(
            np.uint64(1) << bits.astype("u8")
        )
    # The worst case for bands: six bits that lie as far apart as they can.
    hashed[2, 1] = hashed[0, 0] ^ np.uint64(sum(1 << bit for bit in (5, 16, 27, 37, 48, 59)))
    bits = np.bitwise_count(hashed[0][None, :, None] ^ hashed[:, None, :])
    expected = {(int(i), int(j), int(turn)) for turn, i, j in np.argwhere(bits <= distance) if i < j}
    found = {
        triple
        for triples in _close(hashed, distance=distance)
        for triple in zip(*(part.tolist() for part in triples), strict=True)
    }
    assert found == expected
    assert len(found) >= 2


def test_no_and_one_picture():
    assert near_groups(np.zeros((0, 32, 32), dtype=np.uint8), np.zeros(0), [], distance=6).tolist() == []
    assert groups([drawing(1)]) == [0]
