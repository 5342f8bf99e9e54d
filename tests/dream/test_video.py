"""Films as files: every picture in its order, for as long as it should be, in its colours, and never half a file."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from nightmare.dream.video import check_video, write_video
from nightmare.errors import InputError


def greys(count: int, *, size: tuple[int, int] = (64, 48)) -> list[Image.Image]:
    """Plain pictures, each brighter than the one before."""
    return [Image.new("RGB", size, (10 + 15 * number,) * 3) for number in range(count)]


def brightness(path: Path) -> list[float]:
    """The mean level of every frame of an MP4."""
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]


def test_mp4_shows_all_pictures_in_their_order_and_for_their_time(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", greys(12), rate=30, hold=5)
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.frames) == ("h264", "yuv420p", 60)
        assert stream.average_rate == 30
        assert stream.duration is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(2.0)
    np.testing.assert_allclose(
        brightness(tmp_path / "film.mp4")[2::5], [10 + 15 * number for number in range(12)], atol=2
    )


def test_mp4_can_be_shown_before_it_is_loaded(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", greys(3), rate=30)
    content = (tmp_path / "film.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 30)])
def test_mp4_says_which_colours_it_means(tmp_path: Path, color: tuple[int, int, int]) -> None:
    write_video(tmp_path / "film.mp4", [Image.new("RGB", (64, 48), color)], rate=25)
    with av.open(str(tmp_path / "film.mp4")) as container:
        (frame,) = container.decode(video=0)
        context = container.streams.video[0].codec_context
        # The numbers of ITU-T H.273: BT.709, sRGB's curve, BT.709, and levels from 16 to 235.
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 13, 1, 1)
    luma = 16 + 219 / 255 * float(np.dot(color, (0.2126, 0.7152, 0.0722)))
    assert bytes(frame.planes[0])[10] == pytest.approx(luma, abs=1.5)


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (33, 1)])
def test_mp4_repeats_the_last_line_of_an_odd_side(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "white")
    write_video(tmp_path / "film.mp4", [picture], rate=25)
    with av.open(str(tmp_path / "film.mp4")) as container:
        (frame,) = container.decode(video=0)
        levels = frame.to_ndarray(format="rgb24")
    assert levels.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    assert levels.min() > 250


def test_gif_shows_all_pictures_in_their_order_and_repeats(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    # Two hundred colours each, and none of them shared: a palette for all would not do.
    pictures = [
        Image.fromarray(generator.integers(0, 256, (200, 3), dtype=np.uint8).reshape(10, 20, 3)) for _ in range(12)
    ]
    write_video(tmp_path / "film.gif", pictures, rate=30)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.info["loop"] == 0
        frames, delays = [], []
        for frame in ImageSequence.Iterator(film):
            frames.append(np.asarray(frame.convert("RGB"), dtype=int))
            delays.append(frame.info["duration"])
    assert delays == [30, 40, 30] * 4
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_allclose(frame, np.asarray(picture, dtype=int), atol=1)


def test_gif_is_never_faster_than_programs_show_it(tmp_path: Path) -> None:
    write_video(tmp_path / "film.gif", greys(3), rate=60)
    with Image.open(tmp_path / "film.gif") as film:
        assert [frame.info["duration"] for frame in ImageSequence.Iterator(film)] == [20, 20, 20]


@pytest.mark.parametrize("name", ["film.avi", "film", ".mp4"])
def test_other_formats_are_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"\.mp4 or \.gif"):
        check_video(tmp_path / name)
    with pytest.raises(InputError, match=r"\.mp4 or \.gif"):
        write_video(tmp_path / name, greys(1), rate=25)
    check_video(tmp_path / "FILM.MP4")


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_an_interruption_leaves_the_older_film(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    write_video(path, greys(2), rate=25)
    before = path.read_bytes()

    def interrupted() -> Iterator[Image.Image]:
        yield from greys(12) * 10  # more than the encoder looks ahead, so that some are in the file
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(path, interrupted(), rate=25)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
