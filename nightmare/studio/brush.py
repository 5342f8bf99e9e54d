"""The brush: a patch under the pointer dreams for a moment, many times a second."""

import time
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import torch

from nightmare.dream.recipe import Recipe
from nightmare.studio.dreams import Dreamer
from nightmare.studio.errors import Refusal

__all__ = ["QUALITIES", "Brush"]

# Things rather than textures: on 60 stamps over a photo the fourth stage grows eyes, teeth and limbs where the third
# makes knobs and ridges. A stamp shows the page a tenth to a third of its step, so that it takes larger ones than a
# whole dream; turned and zoomed at random, those of one octave meet the photo at several sizes all the same.
_STAMP = Recipe(
    layers={"layer4": 1.0},
    octaves=1,
    iterations=1,
    octave_scale=1.4,
    step_size=0.12,
    jitter=32,
    rotation=6.0,
    zoom=0.3,
    parametrisation="fourier",
    smoothing=0.5,
    headroom=0.03,
    strength=1.0,
)
# The steps of several octaves add up, so each of them is smaller.
_OCTAVES = _STAMP.model_copy(update={"octaves": 3, "zoom": 0.0, "headroom": 0.0})
QUALITIES: Mapping[str, Recipe] = MappingProxyType(
    {
        "live": _STAMP,
        "original": _OCTAVES.model_copy(update={"step_size": 0.04}),
        "rich": _OCTAVES.model_copy(update={"iterations": 3, "step_size": 0.018}),
    }
)


class Brush:
    """Dreams over patches; it remembers nothing of the page but how long a patch takes."""

    def __init__(self, dreamer: Dreamer) -> None:
        self.dreamer = dreamer
        self.milliseconds: dict[str, float] = {}

    def stamp(self, rgba: bytes, *, width: int, height: int, network: str, quality: str, seed: int) -> bytes:
        """The dream over a patch, raw RGB, row by row; `rgba` is the patch, whose alpha is left aside.

        Raises `Refusal` for sizes out of the limits, a body of another length and a quality that does not exist, and
        when too many wait.
        """
        limits = self.dreamer.limits
        if not all(limits.patch_side_min <= side <= limits.patch_side_max for side in (width, height)):
            raise Refusal(422, f"A patch has sides of {limits.patch_side_min} to {limits.patch_side_max} pixels.")
        if len(rgba) != 4 * width * height:
            raise Refusal(422, f"A patch of {width} x {height} has {4 * width * height} bytes, not {len(rgba)}.")
        if quality not in QUALITIES:
            raise Refusal(422, f"No quality {quality!r}: choose one of {', '.join(QUALITIES)}.")
        work = partial(self._dreamt, rgba, (height, width), network, quality, seed)
        return self.dreamer.worker.patch(work).result()

    def calibrate(self, network: str, *, side: int = 224) -> None:
        """Time a patch of each quality; the first one is the slow one. Pages that brush meanwhile come first."""
        blank = bytes(4 * side * side)
        for quality in QUALITIES:
            for _ in range(2):
                self.dreamer.worker.step(partial(self._dreamt, blank, (side, side), network, quality, 0))

    def _dreamt(self, rgba: bytes, size: tuple[int, int], network: str, quality: str, seed: int) -> bytes:
        """For the worker's thread."""
        begun = time.perf_counter()
        recipe = QUALITIES[quality].model_copy(update={"seed": seed})
        pixels = torch.frombuffer(bytearray(rgba), dtype=torch.uint8).view(*size, 4)[:, :, :3]
        dreamt = self.dreamer.patch(network, pixels.permute(2, 0, 1)[None].float() / 255, recipe)
        self.milliseconds[quality] = 1000 * (time.perf_counter() - begun)
        levels: np.ndarray = (dreamt[0] * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        return levels.tobytes()
