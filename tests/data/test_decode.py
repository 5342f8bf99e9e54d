"""The conformance set: tiny odd files, each with the pixels or the refusal that it must lead to."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from nightmare.data.decode import REASONS, decode
from nightmare.errors import ImageError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box}">{body}</svg>'
SQUARE = '<path fill="#f00" d="M0 0h12v24H0z"/>'


def quarters(mode="RGB"):
    """16 x 8 pixels: red and green above, blue and white below."""
    image = Image.new("RGB", (16, 8), RED)
    image.paste(GREEN, (8, 0, 16, 4))
    image.paste(BLUE, (0, 4, 8, 8))
    image.paste(WHITE, (8, 4, 16, 8))
    return image.convert(mode)


def saved(image, image_format, **options):
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def svg(body, box="24 24"):
    return SVG.format(body=body, box=box).encode()


def decoded(data, media="file", pixels=128, megapixels=1.0):
    return decode(data, media=media, pixels=pixels, megapixels=megapixels)


def reason(data, media="file", **options):
    with pytest.raises(ImageError) as refusal:
        decoded(data, media, **options)
    assert refusal.value.reason in REASONS
    assert refusal.value.detail
    return refusal.value.reason


def png(width, height, depth, colour, rows, chunks=()):
    """A PNG written by hand, for what Pillow does not write. `rows` are the bytes of the lines."""
    data = zlib.compress(b"".join(b"\x00" + row for row in rows))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    blocks = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def close(image, expected, tolerance):
    return np.abs(np.asarray(image).astype(int) - np.asarray(expected).astype(int)).max() <= tolerance


@pytest.mark.parametrize(
    ("image_format", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("GIF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("JPEG", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "progressive": True}, 12),
        ("AVIF", {"quality": 95}, 12),
    ],
)
def test_each_allowed_format_gives_its_pixels(image_format, options, tolerance):
    result = decoded(saved(quarters(), image_format, **options))
    assert result.image.mode == "RGB"
    if tolerance == 0:
        assert close(result.image, quarters(), 0)
    for at in [(3, 1), (12, 1), (3, 6), (12, 6)]:  # lossy formats blur the borders of colours
        assert result.image.getpixel(at) == pytest.approx(quarters().getpixel(at), abs=tolerance)
    assert (result.original_width, result.original_height, result.animated) == (16, 8, False)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation):
    inverse = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    own = {2: 0, 3: 3, 4: 1, 5: 5, 7: 6}
    stored = quarters()
    if orientation > 1:
        stored = stored.transpose(inverse.get(orientation, own.get(orientation)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    result = decoded(saved(stored, "PNG", exif=exif))
    assert close(result.image, quarters(), 0)
    assert (result.original_width, result.original_height) == (16, 8)
    assert not result.image.info
    assert not dict(result.image.getexif())


def test_broken_exif_does_not_lose_the_picture():
    data = saved(quarters(), "PNG", exif=b"Exif\x00\x00nonsense")
    assert close(decoded(data).image, quarters(), 0)


def test_colour_profile_is_applied():
    result = decoded(saved(quarters(), "PNG", icc_profile=swapped_profile())).image
    assert result.getpixel((1, 1)) == pytest.approx(BLUE, abs=3)
    assert result.getpixel((1, 6)) == pytest.approx(RED, abs=3)


def swapped_profile():
    """The sRGB profile with the columns of red and blue exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    for index in range(count):
        at = 132 + 12 * index
        tag = bytes(profile[at : at + 4])
        profile[at : at + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(tag, tag)
    return bytes(profile)


def display_p3():
    """The sRGB profile with the primaries of Display P3, which shares its white and its curve."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for index in range(struct.unpack(">I", profile[128:132])[0]):
        name, offset = struct.unpack(">4sI", profile[132 + 12 * index : 140 + 12 * index])
        if name in primaries:
            numbers = (round(value * 65536) for value in primaries[name])
            profile[offset + 8 : offset + 20] = struct.pack(">3i", *numbers)
    return bytes(profile)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF", "WEBP"])
def test_a_photo_in_display_p3_comes_out_in_srgb(image_format):
    image = Image.new("RGB", (24, 8), (200, 100, 50))
    image.paste((80, 90, 200), (8, 0, 16, 8))
    image.paste((128, 128, 128), (16, 0, 24, 8))
    result = decoded(saved(image, image_format, icc_profile=display_p3(), lossless=True)).image
    # By the matrices of CSS Color 4.
    assert result.getpixel((4, 4)) == pytest.approx((214.9, 92.6, 31.0), abs=1)
    assert result.getpixel((12, 4)) == pytest.approx((77.5, 90.4, 207.1), abs=1)
    assert result.getpixel((20, 4)) == pytest.approx((128, 128, 128), abs=1)
    assert not result.info


def test_profile_keeps_alpha():
    image = quarters("RGBA")
    image.putpixel((0, 0), (255, 0, 0, 0))
    result = decoded(saved(image, "PNG", icc_profile=swapped_profile())).image
    assert result.getpixel((0, 0)) == (0, 0, 0, 0)
    assert result.getpixel((1, 1))[:3] == pytest.approx(BLUE, abs=3)


def test_unusable_profile_is_passed_over():
    assert close(decoded(saved(quarters(), "PNG", icc_profile=b"no profile at all")).image, quarters(), 0)


def test_grey_picture_with_a_colour_profile_keeps_its_greys():
    grey = quarters("L")
    assert close(decoded(saved(grey, "PNG", icc_profile=swapped_profile())).image, grey.convert("RGB"), 0)


def test_cmyk():
    cmyk = Image.new("CMYK", (16, 8), (0, 255, 255, 0))
    cmyk.paste((255, 0, 255, 0), (8, 0, 16, 8))
    for data in (saved(cmyk, "TIFF"), saved(cmyk, "JPEG", quality=100, subsampling=0)):
        result = decoded(data).image
        assert result.getpixel((3, 3)) == pytest.approx(RED, abs=4)
        assert result.getpixel((12, 3)) == pytest.approx(GREEN, abs=4)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled(image_format):
    levels = np.array([[0, 128, 257, 32768, 65535, 65407]] * 2, dtype=np.uint16)
    result = decoded(saved(Image.fromarray(levels), image_format)).image
    assert np.asarray(result)[0, :, 0].tolist() == [0, 0, 1, 128, 255, 255]


def test_sixteen_bit_grey_with_a_transparent_level():
    row = struct.pack(">4H", 0, 1000, 1001, 65535)
    data = png(4, 2, 16, 0, [row, row], [(b"tRNS", struct.pack(">H", 1000))])
    assert np.asarray(decoded(data).image)[0, :, 3].tolist() == [255, 0, 255, 255]


def test_sixteen_bit_colour_is_scaled():
    row = struct.pack(">6H", 65535, 0, 32896, 0, 65535, 257)
    result = decoded(png(2, 2, 16, 2, [row, row])).image
    assert np.asarray(result)[0].tolist() == [[255, 0, 128], [0, 255, 1]]


def test_thirty_two_bit_samples_are_refused():
    assert reason(saved(Image.new("F", (8, 8), 0.5), "TIFF")) == "format"
    assert reason(saved(Image.new("I", (8, 8), 70000), "TIFF")) == "format"


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_other_modes_become_rgb(mode):
    image = quarters(mode)
    assert close(decoded(saved(image, "PNG")).image, image.convert("RGB"), 0)


def test_palette_with_transparency():
    image = Image.new("P", (4, 2), 0)
    image.putpalette([*RED, *GREEN])
    image.paste(1, (2, 0, 4, 2))
    result = decoded(saved(image, "PNG", transparency=0)).image
    assert np.asarray(result)[0].tolist() == [[0, 0, 0, 0]] * 2 + [[*GREEN, 255]] * 2


def test_grey_with_alpha():
    image = Image.new("LA", (4, 2), (200, 255))
    image.putpixel((0, 0), (200, 100))
    assert decoded(saved(image, "PNG")).image.getpixel((0, 0)) == (200, 200, 200, 100)


def test_transparent_colour_of_an_rgb_picture():
    result = decoded(saved(quarters(), "PNG", transparency=GREEN)).image
    assert result.getpixel((12, 1)) == (0, 0, 0, 0)
    assert result.getpixel((1, 1)) == (*RED, 255)


def test_opaque_alpha_is_no_alpha():
    assert decoded(saved(quarters("RGBA"), "PNG")).image.mode == "RGB"


def test_colour_below_full_transparency_does_not_count():
    one, other = quarters("RGBA"), quarters("RGBA")
    one.putpixel((0, 0), (9, 9, 9, 0))
    other.putpixel((0, 0), (200, 9, 9, 0))
    assert decoded(saved(one, "PNG")).image.tobytes() == decoded(saved(other, "PNG")).image.tobytes()


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_first_frame_of_an_animation(image_format):
    second = Image.new("RGB", (16, 8), BLUE)
    result = decoded(saved(quarters(), image_format, save_all=True, append_images=[second]))
    assert result.animated
    assert result.image.getpixel((12, 1)) == pytest.approx(GREEN, abs=12)


def test_the_preview_inside_a_camera_file_is_no_animation():
    result = decoded(saved(quarters(), "MPO", save_all=True, append_images=[quarters()]))
    assert not result.animated
    assert result.image.getpixel((12, 1)) == pytest.approx(GREEN, abs=20)


def test_shorter_side_is_scaled_and_never_enlarged():
    large = quarters().resize((160, 80), Image.Resampling.NEAREST)
    result = decoded(saved(large, "PNG"), pixels=20)
    assert result.image.size == (40, 20)
    assert (result.original_width, result.original_height) == (160, 80)
    assert result.image.getpixel((10, 5)) == RED
    assert decoded(saved(quarters(), "PNG"), pixels=20).image.size == (16, 8)


def test_jpeg_is_scaled_like_any_other():
    large = quarters().resize((1600, 800), Image.Resampling.NEAREST)
    result = decoded(saved(large, "JPEG", quality=95), pixels=20, megapixels=2)
    assert (result.image.size, result.original_width) == ((40, 20), 1600)
    assert result.image.getpixel((30, 5)) == pytest.approx(GREEN, abs=6)


def test_decoding_leaves_no_trace_in_pillow():
    before = Image.MAX_IMAGE_PIXELS
    reason(saved(quarters(), "PNG"), megapixels=0.0001)
    decoded(saved(quarters(), "PNG"))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_truncated_is_refused(image_format, share):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), image_format)
    assert reason(data[: int(share * len(data))]) == "damaged"


def test_flipped_bits_are_refused():
    data = bytearray(saved(quarters().resize((64, 64)), "PNG"))
    data[60] ^= 0xFF
    assert reason(bytes(data)) == "damaged"


def bomb(side):
    return png(side, side, 1, 0, [b"\x00" * (side // 8)])


@pytest.mark.parametrize(
    ("data", "media", "expected"),
    [
        (b"", "file", "empty"),
        (b"", "svg", "empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "file", "format"),
        (b"%PDF-1.7\n%", "file", "format"),
        (b"PK\x03\x04", "file", "format"),
        (b"\x00\x00\x01\x00\x01\x00", "file", "format"),
        (b"GIF89a", "file", "damaged"),
        (svg(SQUARE), "file", "format"),
        (b"<html></html>", "svg", "format"),
        (saved(quarters(), "PNG"), "svg", "damaged"),
        (bomb(1200), "file", "pixels"),
        (bomb(16000), "file", "pixels"),
        (saved(Image.new("RGB", (1, 1), RED), "PNG"), "file", "blank"),
        (saved(Image.new("RGB", (9, 9), RED), "JPEG"), "file", "blank"),
        (saved(Image.new("RGBA", (9, 9), (255, 0, 0, 0)), "PNG"), "file", "blank"),
        (png(20000, 8, 1, 0, [b"\xaa" * 2500] * 8), "file", "aspect"),
        (svg("<g/>"), "svg", "blank"),
        (svg('<path fill="#f00" d="M0 0h24v24H0z"/>'), "svg", "blank"),
        (svg(SQUARE, box="9000 9"), "svg", "aspect"),
        (svg(SQUARE, box="0 24"), "svg", "format"),
        (svg(SQUARE, box="a b"), "svg", "format"),
        (svg(SQUARE)[:-9], "svg", "damaged"),
        (svg(SQUARE + " " * (1 << 20)), "svg", "bytes"),
        (svg('<image href="file:///etc/passwd"/>'), "svg", "unsafe"),
        (svg('<image href="data:image/png;base64,AAAA"/>'), "svg", "unsafe"),
        (svg('<use href="other.svg#a"/>'), "svg", "unsafe"),
        (svg('<use xmlns:x="http://www.w3.org/1999/xlink" x:href="//host/a"/>'), "svg", "unsafe"),
        (svg("<script>0</script>"), "svg", "unsafe"),
        (svg("<foreignObject/>"), "svg", "unsafe"),
        (svg("<filter><feImage href='#a'/></filter>"), "svg", "unsafe"),
        (svg('<path fill="url(//host/a.svg#b)" d="M0 0h9v9z"/>'), "svg", "unsafe"),
        (svg("<style>@import 'a.css';</style>"), "svg", "unsafe"),
        (svg("<style>path{fill:url(a.svg)}</style>"), "svg", "unsafe"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + svg("<text>&a;</text>"), "svg", "unsafe"),
        (svg(SQUARE).decode().encode("utf-16"), "svg", "damaged"),
    ],
)
def test_refusals(data, media, expected):
    assert reason(data, media) == expected


def test_only_so_many_bytes_are_read(monkeypatch):
    data = saved(quarters(), "PNG")
    monkeypatch.setattr("nightmare.data.decode._MAX_BYTES", len(data))
    assert close(decoded(data).image, quarters(), 0)
    assert reason(data + b"\x00") == "bytes"


def test_warnings_of_pillow_do_not_come_through():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reason(bomb(1200))
    assert not caught


@pytest.mark.parametrize("alpha", [9, 12])
def test_a_picture_too_faint_to_see_is_blank(alpha):
    faint = quarters("RGBA")
    faint.putalpha(alpha)
    assert reason(saved(faint, "PNG")) == "blank"


def test_svg_is_drawn_at_the_wanted_size():
    result = decoded(svg(SQUARE, box="24 48"), "svg", pixels=32)
    assert result.image.size == (32, 64)
    assert (result.original_width, result.original_height) == (32, 64)
    assert result.image.getpixel((8, 16)) == (*RED, 255)
    assert result.image.getpixel((24, 16)) == (0, 0, 0, 0)


def test_svg_without_view_box():
    data = f'<svg xmlns="http://www.w3.org/2000/svg" width="24px" height="24">{SQUARE}</svg>'.encode()
    assert decoded(data, "svg", pixels=32).image.getpixel((8, 16)) == (*RED, 255)


def test_svg_may_refer_to_itself():
    gradient = '<linearGradient id="g"><stop stop-color="#00f"/></linearGradient>'
    body = f'<defs>{gradient}<path id="p" fill="url(#g)" d="M0 0h12v24H0z"/></defs><use href="#p"/>'
    assert decoded(svg(body), "svg", pixels=32).image.getpixel((8, 16)) == (*BLUE, 255)
