import numpy as np
import pytest
from PIL import Image, ImageFilter
from synthetic import drawing

from nightmare.data.matte import on_matte, visible
from nightmare.data.quality import measure_quality, suggested_grade

CLEAN = {"original_width": 200, "original_height": 200, "sharpness": 0.2, "contrast": 0.2, "blank_share": 0.5}


def test_blur_lowers_sharpness():
    sharp = measure_quality(drawing(1)).sharpness
    assert measure_quality(drawing(1).filter(ImageFilter.GaussianBlur(3))).sharpness < 0.3 * sharp


def test_brightness_and_contrast_of_a_known_picture():
    image = Image.new("RGB", (10, 10), (255, 255, 255))
    image.paste((0, 0, 0), (0, 0, 10, 5))
    facts = measure_quality(image)
    assert facts.brightness == pytest.approx(0.5)
    assert facts.contrast == pytest.approx(0.5)
    assert facts.blank_share == pytest.approx(0.5)


@pytest.mark.parametrize(("ink", "grey"), [((0, 0, 0), True), ((255, 255, 255), True), ((200, 0, 0), False)])
def test_glyphs_show_on_their_matte_whatever_their_ink(ink, grey):
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    image.paste((*ink, 255), (0, 0, 5, 20))
    facts = measure_quality(image)
    assert facts.contrast > 0.3
    assert facts.blank_share == pytest.approx(0.75)
    assert facts.has_alpha
    assert facts.monochrome is grey
    assert visible(image).sum() == 100


def test_opaque_pictures_are_their_own_matte():
    image = drawing(2)
    assert on_matte(image) is image
    assert visible(image).all()
    assert not measure_quality(image).has_alpha


def test_a_few_tinted_pixels_do_not_make_a_colour_picture():
    pixels = np.tile(np.arange(100, dtype=np.uint8)[:, None, None], (1, 100, 3))
    pixels[0, :50] = (90, 0, 0)
    assert measure_quality(Image.fromarray(pixels)).monochrome
    pixels[:3] = (90, 0, 0)
    assert not measure_quality(Image.fromarray(pixels)).monochrome


@pytest.mark.parametrize(
    ("flaws", "grade"),
    [
        ({}, "A"),
        ({"original_width": 40}, "B"),
        ({"sharpness": 0.01}, "B"),
        ({"contrast": 0.01}, "B"),
        ({"blank_share": 0.99}, "B"),
        ({"blank_share": 0.99, "contrast": 0.01}, "C"),
        ({"blank_share": 0.99, "contrast": 0.01, "sharpness": 0.0, "original_height": 9}, "C"),
    ],
)
def test_grades_count_flaws(flaws, grade):
    assert suggested_grade(CLEAN | flaws) == grade
