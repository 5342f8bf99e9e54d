"""Patches of the brush."""

import numpy as np
import pytest
from made_pictures import picture
from studios import brightening, dreamer

from nightmare.errors import ModelError
from nightmare.studio.brush import QUALITIES, Brush
from nightmare.studio.errors import Refusal
from nightmare.studio.worker import DeviceWorker
from nightmare.train.model import Model


@pytest.mark.parametrize("quality", QUALITIES)
def test_stamp_is_a_dream_over_the_patch(quality: str, small: Model, worker: DeviceWorker) -> None:
    patch = picture(96, 64)
    stamp = Brush(dreamer(small, worker)).stamp
    dreamt = stamp(patch.convert("RGBA").tobytes(), width=96, height=64, network="small", quality=quality, seed=3)
    change = np.frombuffer(dreamt, np.uint8).reshape(64, 96, 3).astype(int) - np.asarray(patch)
    assert 2 < np.abs(change).mean() < 40


def test_stamp_knows_rows_from_columns_and_leaves_alpha_aside(small: Model, worker: DeviceWorker) -> None:
    patch = picture(64, 32).convert("RGBA")
    patch.putalpha(0)
    brush = Brush(dreamer(small, worker, steps=brightening))
    dreamt = brush.stamp(patch.tobytes(), width=64, height=32, network="small", quality="live", seed=0)
    change = np.frombuffer(dreamt, np.uint8).reshape(32, 64, 3).astype(int) - np.asarray(patch)[..., :3]
    assert set(np.unique(change)) <= {0, 1, 2, 3}
    assert list(brush.milliseconds) == ["live"]


@pytest.mark.parametrize(
    ("width", "height", "length", "quality"),
    [(31, 64, 0, "live"), (64, 513, 0, "live"), (64, 64, 4 * 64 * 64 - 1, "live"), (64, 64, 4 * 64 * 64, "best")],
)
def test_patch_that_does_not_fit_is_refused(
    width: int, height: int, length: int, quality: str, small: Model, worker: DeviceWorker
) -> None:
    with pytest.raises(Refusal) as refusal:
        Brush(dreamer(small, worker)).stamp(
            bytes(length), width=width, height=height, network="small", quality=quality, seed=0
        )
    assert refusal.value.status == 422


def test_unknown_model_is_refused(small: Model, worker: DeviceWorker) -> None:
    with pytest.raises(ModelError, match="choose one of small"):
        Brush(dreamer(small, worker)).stamp(
            bytes(4 * 64 * 64), width=64, height=64, network="other", quality="live", seed=0
        )
