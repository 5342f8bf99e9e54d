"""The learning rate as a pure function of the step, so that a resumed training needs no scheduler state."""

import math
from collections.abc import Callable
from typing import Literal

__all__ = ["learning_rate_at"]

_WARM_UP = 0.25  # share of a one-cycle training in which the rate still rises


def learning_rate_at(
    schedule: Literal["onecycle", "multistep", "constant"], *, peak: float, steps: int
) -> Callable[[int], float]:
    """A function from step 0 … steps-1 to the learning rate.

    `onecycle` rises to `peak` and falls to nearly nothing along cosines (Smith & Topin 2017), `multistep` is the
    original's tenfold decay at half and at three quarters, `constant` stays at `peak`.
    """

    def onecycle(step: int) -> float:
        done = (step + 1) / steps
        if done < _WARM_UP:
            return peak * (0.04 + 0.96 * (1 - math.cos(math.pi * done / _WARM_UP)) / 2)
        return peak * (1e-4 + (1 - 1e-4) * (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP))) / 2)

    def multistep(step: int) -> float:
        done = step / steps
        return peak * (1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01)

    return {"onecycle": onecycle, "multistep": multistep, "constant": lambda step: peak}[schedule]
