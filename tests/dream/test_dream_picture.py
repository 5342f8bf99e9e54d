import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import tifffile
import torch
from PIL import ExifTags, Image, ImageCms, PngImagePlugin
from torch import Tensor

from nightmare.data.canvases import Canvas, find_photos, read_canvases
from nightmare.dream.engine import to_tensor
from nightmare.dream.measures import Measures
from nightmare.dream.picture import Provenance, format_of, read_provenance, save_dream
from nightmare.dream.recipe import Recipe
from nightmare.errors import InputError

PROVENANCE = Provenance(
    model="a" * 64,
    dataset="0123456789abcdef",
    canvas="b" * 64,
    pixels=64,
    canvas_name="café",
    guides=("c" * 64,),
    masks=("d" * 64, "e" * 64),
    threads=2,
    torch="2.14.1+cu130",
    licence="CC0-1.0",
    credit="Stéfan 夢",
    recipe=Recipe(layers={"layer2": 0.5, "layer4": 1.0}, objective="class:вий", step_size=0.013),
    measures=Measures(
        activation_gain=math.inf,  # where nothing was before
        darkening=-0.1,
        clipped_share=0.0,
        distance=0.2,
        similarity=0.7,
        structure_fine=0.1,
        structure_middle=0.3,
        structure_coarse=0.6,
        class_shift=0.4,
        class_before="вий",
        class_after="skulls",
        dreamt_class="skulls",
    ),
)
SUFFIXES = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".PNG"]

every_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


def noise(height: int = 40, width: int = 50) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def smooth(height: int = 40, width: int = 50) -> Tensor:
    """Red rises to the right, green downwards, blue falls downwards."""
    right = torch.linspace(0, 1, width).expand(height, width)
    down = torch.linspace(0, 1, height)[:, None].expand(height, width)
    return torch.stack([right, down, 1 - down])


def transparency(height: int = 40, width: int = 50) -> Image.Image:
    levels = np.random.default_rng(1).integers(0, 256, (height, width), dtype=np.uint8)
    return Image.fromarray(levels)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as saved:
        return np.asarray(saved)


def saved(path: Path, **changes: Any) -> Path:
    save_dream(path, noise(), PROVENANCE.model_copy(update=changes))
    return path


@every_suffix
@pytest.mark.parametrize("alpha", [None, transparency()], ids=["opaque", "alpha"])
def test_provenance_comes_back_and_nothing_else_is_left(tmp_path: Path, suffix: str, alpha: Image.Image | None) -> None:
    path = tmp_path / f"dream{suffix}"
    save_dream(path, noise(), PROVENANCE, alpha=alpha)
    assert read_provenance(path) == PROVENANCE
    with Image.open(path) as picture:
        assert picture.format == format_of(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif"])
def test_other_programs_find_the_provenance_as_ascii_json(tmp_path: Path, suffix: str) -> None:
    with Image.open(saved(tmp_path / f"dream{suffix}")) as picture:
        description = picture.getexif()[ExifTags.Base.ImageDescription]
    assert description.isascii()
    assert json.loads(description)["credit"] == "Stéfan 夢"


def test_png_has_the_nearest_of_256_levels(tmp_path: Path) -> None:
    save_dream(tmp_path / "dream.png", noise(), PROVENANCE)
    wanted = np.floor(noise().double().numpy().transpose(1, 2, 0) * 255 + 0.5)
    assert np.array_equal(pixels(tmp_path / "dream.png"), wanted)
    assert pixels(tmp_path / "dream.png").dtype == np.uint8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tiff_has_the_nearest_of_65536_levels(tmp_path: Path, dtype: torch.dtype) -> None:
    levels = torch.arange(65536, dtype=dtype).reshape(1, 256, 256).repeat(3, 1, 1)
    levels[1] = levels[1].flip(0)
    # A quarter of a level off, towards the inside, is still nearest to the same level.
    save_dream(tmp_path / "dream.tif", (levels + 0.25).clamp(max=65535) / 65535, PROVENANCE)
    read = tifffile.imread(tmp_path / "dream.tif")
    assert read.dtype == np.uint16
    assert np.array_equal(read, levels.numpy().transpose(1, 2, 0))
    save_dream(tmp_path / "dream.tif", (levels - 0.25).clamp(min=0) / 65535, PROVENANCE)
    assert np.array_equal(tifffile.imread(tmp_path / "dream.tif"), levels.numpy().transpose(1, 2, 0))


def test_tiff_is_compressed_without_loss(tmp_path: Path) -> None:
    save_dream(tmp_path / "dream.tif", smooth(200, 300), PROVENANCE)
    with tifffile.TiffFile(tmp_path / "dream.tif") as file:
        assert file.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert len(file.pages[0].tags.getall("ImageDescription")) == 1  # and none of the package's own
    assert (tmp_path / "dream.tif").stat().st_size < 200 * 300 * 6 / 4


@pytest.mark.parametrize(("suffix", "mean", "most"), [(".jpg", 1.0, 6), (".webp", 1.5, 12)])
def test_jpeg_and_webp_are_near(tmp_path: Path, suffix: str, mean: float, most: int) -> None:
    save_dream(tmp_path / f"dream{suffix}", smooth(), PROVENANCE)
    error = np.abs(pixels(tmp_path / f"dream{suffix}") - smooth().numpy().transpose(1, 2, 0) * 255)
    assert error.mean() < mean
    assert error.max() < most


def test_jpeg_keeps_the_colours_of_single_pixels(tmp_path: Path) -> None:
    stripes = torch.zeros(3, 32, 32)
    stripes[0, :, ::2] = 1
    stripes[2, :, 1::2] = 1
    save_dream(tmp_path / "dream.jpg", stripes, PROVENANCE)
    # With colours at half the resolution red and blue would meet in purple, some 125 off.
    assert np.abs(pixels(tmp_path / "dream.jpg") - stripes.numpy().transpose(1, 2, 0) * 255).max() < 20


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_alpha_is_kept_to_the_bit(tmp_path: Path, suffix: str) -> None:
    save_dream(tmp_path / f"dream{suffix}", smooth(), PROVENANCE, alpha=transparency())
    read = pixels(tmp_path / f"dream{suffix}")
    assert np.array_equal(read[..., 3], np.asarray(transparency()))
    if suffix == ".png":
        assert np.array_equal(read[..., :3], np.floor(smooth().numpy().transpose(1, 2, 0) * 255 + 0.5))


def test_alpha_of_tiff_is_an_extra_channel_that_has_not_darkened_the_colours(tmp_path: Path) -> None:
    save_dream(tmp_path / "opaque.tif", noise(), PROVENANCE)
    save_dream(tmp_path / "dream.tif", noise(), PROVENANCE, alpha=transparency())
    with tifffile.TiffFile(tmp_path / "dream.tif") as file:
        assert file.pages[0].extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)
        read = file.asarray()
    assert read.dtype == np.uint16
    assert np.array_equal(read[..., 3] / 65535, np.asarray(transparency()) / 255)
    assert np.array_equal(read[..., :3], tifffile.imread(tmp_path / "opaque.tif"))


def test_jpeg_leaves_alpha_out_and_opaque_dreams_have_none(tmp_path: Path) -> None:
    save_dream(tmp_path / "alpha.jpg", smooth(), PROVENANCE, alpha=transparency())
    save_dream(tmp_path / "opaque.jpg", smooth(), PROVENANCE)
    assert (tmp_path / "alpha.jpg").read_bytes() == (tmp_path / "opaque.jpg").read_bytes()
    for suffix in (".png", ".webp", ".tif"):
        with Image.open(saved(tmp_path / f"dream{suffix}")) as picture:
            assert picture.mode == "RGB"


@pytest.mark.parametrize("alpha", [transparency(50, 40), transparency().convert("RGB")], ids=["turned", "colour"])
@every_suffix
def test_alpha_that_does_not_fit_is_refused(tmp_path: Path, suffix: str, alpha: Image.Image) -> None:
    with pytest.raises(InputError, match=r"alpha of .* for a dream of \(50, 40\)"):
        save_dream(tmp_path / f"dream{suffix}", noise(), PROVENANCE, alpha=alpha)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["dream", "dream.gif", "dream.png.part"])
def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"\.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff"):
        save_dream(tmp_path / name, noise(), PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_what_webp_cannot_hold_is_refused(tmp_path: Path) -> None:
    save_dream(tmp_path / "fits.webp", torch.zeros(3, 2, 16383), PROVENANCE)
    with pytest.raises(InputError, match="16384 x 2: WebP holds 16383 pixels a side, save wide as PNG or TIFF"):
        save_dream(tmp_path / "wide.webp", torch.zeros(3, 2, 16384), PROVENANCE)
    assert [file.name for file in tmp_path.iterdir()] == ["fits.webp"]


@every_suffix
def test_the_longest_provenance_that_can_be_saved_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"dream{suffix}"
    room = 60_000 - len(PROVENANCE.model_copy(update={"credit": ""}).model_dump_json(ensure_ascii=True))
    saved(path, credit="x" * room)
    assert len(read_provenance(path).credit) == room
    with pytest.raises(InputError, match="60001 characters of itself, 60000 fit: give fewer masks"):
        saved(path, credit="x" * (room + 1))
    assert len(read_provenance(path).credit) == room


@every_suffix
def test_a_failing_save_leaves_the_old_file_and_no_other(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(where: Any, *rest: Any, **named: Any) -> NoReturn:
        path = rest[0] if isinstance(where, Image.Image) else where
        Path(path).write_bytes(b"half a picture")
        raise OSError("no space left")

    path = saved(tmp_path / f"dream{suffix}")
    before = path.read_bytes()
    monkeypatch.setattr(Image.Image, "save", fail)
    monkeypatch.setattr(tifffile, "imwrite", fail)
    with pytest.raises(OSError, match="no space left"):
        saved(path, threads=7)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@every_suffix
def test_nothing_of_the_photos_own_metadata_goes_into_the_dream(tmp_path: Path, suffix: str) -> None:
    photos, path = tmp_path / "photos", tmp_path / f"dream{suffix}"
    photos.mkdir()
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "SECRETCAMERA"
    tags[ExifTags.Base.DateTime] = "2019:10:31 23:59:59"
    tags.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 31.0, 7.0), 29: "SECRETDATE"})
    photo = Image.merge("RGBA", [Image.linear_gradient("L")] * 4)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta>SECRETPLACE</x:xmpmeta>"
    photo.save(photos / "home.webp", lossless=True, exif=tags, xmp=xmp, icc_profile=profile)
    assert photos.joinpath("home.webp").read_bytes().count(b"SECRET") == 3
    (canvas,) = read_canvases(find_photos([photos]), pixels=64)
    assert isinstance(canvas, Canvas)
    assert canvas.alpha
    save_dream(path, to_tensor(canvas.image)[0], PROVENANCE, alpha=canvas.alpha)
    assert b"SECRET" not in path.read_bytes()
    with Image.open(path) as dreamt:
        dreamt.load()
        assert not dreamt.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        said = {ExifTags.Base.Make, ExifTags.Base.DateTime, ExifTags.Base.Software, ExifTags.Base.GPSInfo}
        assert not said & set(dreamt.getexif())
        assert not {"xmp", "icc_profile", "comment", "XML:com.adobe.xmp"} & set(dreamt.info)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_pictures_that_do_not_say_are_refused_with_a_repair(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"dream{suffix}"
    with pytest.raises(InputError, match="no picture at"):
        read_provenance(path)
    path.mkdir()
    with pytest.raises(InputError, match="no picture at"):
        read_provenance(path)
    path.rmdir()
    path.write_text("no picture at all")
    with pytest.raises(InputError, match=r"no readable PNG, JPEG, WebP or TIFF \(Unid.*: give a dream as it was saved"):
        read_provenance(path)
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(InputError, match="does not say how"):
        read_provenance(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("length", [0, 1, 20, 200, 700])
def test_files_cut_before_their_pixels_are_refused(tmp_path: Path, suffix: str, length: int) -> None:
    path = saved(tmp_path / f"dream{suffix}")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"no readable PNG|does not say how"):
        read_provenance(path)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_files_cut_within_their_pixels_are_refused_where_reading_sees_them(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"dream{suffix}")
    # The last 30 bytes of a WebP are its tags.
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="no readable PNG"):
        read_provenance(path)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif"])
def test_pixels_are_not_decoded_in_vain(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / f"dream{suffix}")

    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("pixels were decoded")

    with Image.open(path) as picture:
        monkeypatch.setattr(type(picture), "load", refuse)
    assert read_provenance(path) == PROVENANCE


def test_text_after_the_pixels_of_a_png_is_found(tmp_path: Path) -> None:
    content = saved(tmp_path / "dream.png").read_bytes()
    # A chunk is its length, its name, its data and a checksum.
    text, data, end = (content.index(name) - 4 for name in (b"iTXt", b"IDAT", b"IEND"))
    (tmp_path / "dream.png").write_bytes(content[:text] + content[data:end] + content[text:data] + content[end:])
    assert read_provenance(tmp_path / "dream.png") == PROVENANCE


def described(path: Path, text: Any) -> Path:
    """A picture at `path` that says `text` of itself, written without `save_dream`."""
    chunks, tags = PngImagePlugin.PngInfo(), Image.Exif()
    if path.suffix == ".png":
        chunks.add_itxt("nightmare", text)
        Image.new("RGB", (4, 4)).save(path, pnginfo=chunks)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, np.zeros((4, 4, 3), np.uint8), photometric="rgb", description=text, metadata=None)
    else:
        tags[ExifTags.Base.ImageDescription] = text
        Image.new("RGB", (4, 4)).save(path, exif=tags)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("text", ["OLYMPUS DIGITAL CAMERA", "[]", ""])
def test_the_description_of_a_camera_is_not_taken_for_ours(tmp_path: Path, suffix: str, text: str) -> None:
    with pytest.raises(InputError, match="does not say how it was made"):
        read_provenance(described(tmp_path / f"photo{suffix}", text))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda text: "{", "'the text'"),
        (lambda text: text.replace('"octaves"', '"okta"'), r"'recipe\.okta'"),
        (lambda text: text.replace('"threads":2,', ""), "'threads'"),
        (lambda text: text.replace('"threads":2,', '"threads":0,'), "'threads'"),
        (lambda text: text.replace("2.14.1", "2.14.1\\u001b[31m"), "'torch'"),
        (lambda text: text.replace("2.14.1", "2.14.1" * 11), "'torch'"),
        (lambda text: text.replace("e" * 64, "e" * 63), r"'masks\.1'"),
        (lambda text: text.replace("c" * 64, "../c"), r"'guides\.0'"),
        (lambda text: f'{text[:-1]},"{"t" * 200}":1}}', f"'{'t' * 80}'"),
    ],
    ids=["syntax", "recipe", "no threads", "threads", "torch", "long torch", "masks", "guides", "long name"],
)
def test_a_provenance_of_another_kind_is_refused_by_the_name_of_its_fault(
    tmp_path: Path, suffix: str, change: Callable[[str], str], fault: str
) -> None:
    text = change(PROVENANCE.model_dump_json(ensure_ascii=True))
    with pytest.raises(InputError, match=f"was made by another version: {fault}: "):
        read_provenance(described(tmp_path / f"odd{suffix}", text))


def test_a_dream_from_before_torch_was_noted_is_read(tmp_path: Path) -> None:
    text = PROVENANCE.model_dump_json().replace('"torch":"2.14.1+cu130",', "")
    assert "torch" not in text
    assert read_provenance(described(tmp_path / "old.png", text)) == PROVENANCE.model_copy(update={"torch": ""})


def test_names_of_faults_cannot_command_a_terminal(tmp_path: Path) -> None:
    text = PROVENANCE.model_dump_json().replace('"engine"', '"\\u001b[31mred\\u202e"')
    with pytest.raises(InputError) as caught:
        read_provenance(described(tmp_path / "odd.png", text))
    assert r"'\x1b[31mred\u202e'" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_more_text_than_we_write_is_refused(tmp_path: Path, suffix: str) -> None:
    text = PROVENANCE.model_dump_json(ensure_ascii=True).ljust(60_001)
    with pytest.raises(InputError, match="says 60001 characters of itself, 60000 are allowed"):
        read_provenance(described(tmp_path / f"long{suffix}", text))
    assert read_provenance(described(tmp_path / f"fits{suffix}", text[:-1])) == PROVENANCE


def test_text_that_unpacks_into_a_flood_is_refused(tmp_path: Path) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("nightmare", "{" + " " * (64 << 20), zip=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "flood.png", pnginfo=chunks)
    assert (tmp_path / "flood.png").stat().st_size < 1 << 17
    with pytest.raises(InputError, match=r"no readable PNG.*too large"):
        read_provenance(tmp_path / "flood.png")


def test_more_bytes_than_a_dream_has_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "dream.webp")
    with path.open("r+b") as file:
        file.truncate((1 << 30) + 1)  # a hole: no disk is used
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(InputError, match="1073741825 bytes, 1073741824 are allowed"):
        read_provenance(path)


def test_more_pixels_than_pillow_allows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [saved(tmp_path / f"dream{suffix}") for suffix in (".png", ".jpg", ".webp", ".tif")]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 50 // 2 - 1)
    for path in paths:
        with pytest.raises(InputError, match="DecompressionBombError"):
            read_provenance(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40 * 50 // 2 + 1)  # only a warning, which is an error in tests
    assert [read_provenance(path) for path in paths] == [PROVENANCE] * 4


@pytest.mark.parametrize("kind", ["GIF", "BMP", "PPM"])
def test_other_formats_are_not_opened_whatever_their_suffix(tmp_path: Path, kind: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "dream.png", format=kind)
    with pytest.raises(InputError, match="no readable PNG, JPEG, WebP or TIFF"):
        read_provenance(tmp_path / "dream.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_damaged_files_end_in_a_refusal_or_in_a_provenance(tmp_path: Path, suffix: str) -> None:
    content = saved(tmp_path / f"dream{suffix}").read_bytes()
    random = np.random.default_rng(0)
    for number in range(150):
        damaged = bytearray(content)
        # The first bytes hold sizes and offsets, which lead decoders astray.
        for place in random.integers(0, len(content) if number % 3 == 0 else 60, 3):
            damaged[place] = random.integers(256)
        path = tmp_path / f"damaged{suffix}"
        path.write_bytes(damaged)
        try:
            read_provenance(path)
        except InputError as refusal:
            assert len(str(refusal)) < 700
            assert str(path) in str(refusal)


def test_the_two_images_of_a_mobile_phones_jpeg_are_no_obstacle(tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[ExifTags.Base.ImageDescription] = PROVENANCE.model_dump_json(ensure_ascii=True)
    image, buffer = Image.new("RGB", (4, 4)), io.BytesIO()
    image.save(buffer, format="MPO", save_all=True, append_images=[image.copy()], exif=tags)
    (tmp_path / "dream.jpg").write_bytes(buffer.getvalue())
    assert read_provenance(tmp_path / "dream.jpg") == PROVENANCE
