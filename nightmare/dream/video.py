"""Pictures as one film: MP4 for players and browsers, GIF for where only pictures are shown.

In: pictures of one size, in their order. Out: H.264 in yuv420p that starts before it is loaded to its end, or a GIF
that repeats for ever, one or the other by the suffix.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from nightmare.atomic import atomic_path
from nightmare.errors import InputError

__all__ = ["check_video", "write_video"]

# x264 calls 18 visually lossless or nearly so, and dreams are all detail.
_QUALITY = "18"
# Programs take a GIF's delay of a hundredth of a second for a mistake and wait ten.
_SHORTEST = 2


def check_video(path: Path) -> None:
    """Raise `InputError` unless the suffix of `path` is that of a known format."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"{path} is no film of a known format: end the name with {' or '.join(_WRITERS)}")


def write_video(path: Path, pictures: Iterable[Image.Image], *, rate: int, hold: int = 1) -> None:
    """Write `pictures`, one at least and all of one size, to `path`, atomically.

    `rate` is frames per second, and each picture stays for `hold` of them. Since yuv420p has colours for pairs of
    pixels, MP4 repeats the last column or row of an odd side. GIF counts in hundredths of a second, so that frames of
    30 per second take 3 and 4 in turn, and shows at most 50 per second; each of its frames has 256 colours of its own.
    Raises `InputError` for an unknown suffix.
    """
    check_video(path)
    with atomic_path(path) as temporary:
        _WRITERS[path.suffix.lower()](temporary, iter(pictures), rate, hold)


def _write_mp4(path: Path, pictures: Iterator[Image.Image], rate: int, hold: int) -> None:
    import av  # 0.1 s, and whoever makes no film does without it
    from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc

    first = next(pictures)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": _QUALITY})
        stream.width, stream.height = (side + side % 2 for side in first.size)
        stream.pix_fmt = "yuv420p"
        # Players guess the colours of what does not say them, by its size: large films would differ from small ones.
        stream.codec_context.colorspace = Colorspace.ITU709
        stream.codec_context.color_primaries = ColorPrimaries.BT709
        stream.codec_context.color_trc = ColorTrc.IEC61966_2_1
        for number, picture in enumerate(chain([first], pictures)):
            frame = av.VideoFrame.from_ndarray(_even(picture), format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709
            )
            # Held by repetition, which costs next to nothing, and any player can show a constant rate.
            for place in range(number * hold, (number + 1) * hold):
                frame.pts = place
                container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_gif(path: Path, pictures: Iterator[Image.Image], rate: int, hold: int) -> None:
    frames = [picture.quantize(256) for picture in pictures]
    # Where each frame begins and the last one ends, so that what is rounded off one delay is in the next.
    moments = [round(100 * hold * number / rate) for number in range(len(frames) + 1)]
    delays = [max(_SHORTEST, end - start) * 10 for start, end in pairwise(moments)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=delays, loop=0)


def _even(picture: Image.Image) -> np.ndarray:
    """`picture` as uint8 (height, width, 3), its last row and column repeated where their number is odd."""
    levels = np.asarray(picture.convert("RGB"))
    return np.pad(levels, ((0, levels.shape[0] % 2), (0, levels.shape[1] % 2), (0, 0)), mode="edge")


_WRITERS = {".mp4": _write_mp4, ".gif": _write_gif}
