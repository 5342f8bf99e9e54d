"""Where the time of a dream goes, by kind of work."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from torch.profiler import ProfilerActivity, profile

__all__ = ["Profile", "profiled"]

# Beginnings of operators' names, after `aten::`; the first that fits counts.
_KINDS = {
    "convolutions": ("conv", "mkldnn_convolution", "mkldnn::", "_convolution", "cudnn_convolution"),
    "activations": ("threshold", "relu", "clamp_min", "_InPlace"),
    "pooling": ("max_pool", "avg_pool", "adaptive"),
    "filters": ("fft", "_fft", "einsum", "bmm"),
    "resizing": ("upsample", "_upsample", "grid_sampler"),
    "copies and moves": ("copy", "roll", "cat", "stack", "fill", "pixel_", "pad", "constant_pad", "contiguous"),
}


class Profile:
    """Seconds by kind of work, complete when the block of `profiled` has ended."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __str__(self) -> str:
        total = sum(self.seconds.values()) or 1.0
        rows = sorted(self.seconds.items(), key=lambda row: -row[1])
        return "\n".join(f"{kind:<18}{seconds:>8.2f} s{seconds / total:>7.1%}" for kind, seconds in rows)


@contextmanager
def profiled(*, wanted: bool = True) -> Iterator[Profile]:
    """Count what PyTorch does in this process while the block runs, if `wanted`: counting costs a few percent."""
    result = Profile()
    if not wanted:
        yield result
        return
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # what it says of itself is not for the person who dreams
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as events:
        yield result
    seconds: dict[str, float] = defaultdict(float)
    for event in events.key_averages():
        seconds[_kind(event.key)] += event.self_cpu_time_total / 1e6
    result.seconds = dict(seconds)


def _kind(operator: str) -> str:
    name = operator.removeprefix("aten::")
    return next((kind for kind, starts in _KINDS.items() if name.startswith(starts)), "everything else")
