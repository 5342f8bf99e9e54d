"""Pictures that pages fetch by address: frames of dreams while they run, and dreams that can be saved.

All of it is held in memory, limited in number, size and age; nothing is written to the disk.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from nightmare.studio.limits import LIMITS, Limits

__all__ = ["FrameStore", "Kept"]

_NEWEST = 3  # frames that are kept beside the first: a page that is slow asks for one that is no longer the newest


class Kept(Protocol):
    """What a dream leaves behind: `size` in bytes of memory."""

    @property
    def size(self) -> int: ...


_Result = TypeVar("_Result", bound=Kept)


@dataclass
class _Frames:
    pictures: OrderedDict[int, bytes] = field(default_factory=OrderedDict)
    ended: float | None = None


class FrameStore(Generic[_Result]):
    """Frames and results under names that nobody guesses; the oldest make room for new ones."""

    def __init__(self, *, limits: Limits = LIMITS, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, _Frames] = OrderedDict()
        self._results: OrderedDict[str, tuple[float, _Result]] = OrderedDict()

    def begin(self, job: str = "") -> str:
        """The name of a new job, or `job`, which goes on."""
        job = job or secrets.token_urlsafe(16)
        with self._lock:
            self._sweep()
            frames = self._jobs.pop(job, _Frames())
            frames.ended = None
            while len(self._jobs) >= self._limits.frame_jobs:
                self._jobs.popitem(last=False)
            self._jobs[job] = frames
        return job

    def add(self, job: str, number: int, jpeg: bytes) -> None:
        """Keep frame `number` of `job`, the first of which is 0; of a job that had to make room it is dropped."""
        with self._lock:
            if frames := self._jobs.get(job):
                frames.pictures[number] = jpeg
                for old in [number for number in frames.pictures if number][:-_NEWEST]:
                    del frames.pictures[old]

    def end(self, job: str, result: _Result | None) -> None:
        """No more frames come; there is a `result`, or none."""
        with self._lock:
            if frames := self._jobs.get(job):
                frames.ended = self._clock()
            if result:
                self._results.pop(job, None)
                self._results[job] = (self._clock(), result)
            self._sweep()

    def forget(self, job: str) -> None:
        """There is no result any more."""
        with self._lock:
            self._results.pop(job, None)

    def frame(self, job: str, number: int) -> bytes | None:
        """The JPEG, of a frame that made room the next one that is there; None when there is none."""
        with self._lock:
            self._sweep()
            frames = self._jobs.get(job)
            pictures = frames.pictures if frames else {}
            # A page that lags asks for what is gone; what it gets is nearer to what it will show.
            return next((jpeg for kept, jpeg in pictures.items() if kept >= number), None)

    def result(self, job: str) -> _Result | None:
        """What `job` ended with, or None when it is not or no longer there."""
        with self._lock:
            self._sweep()
            found = self._results.get(job)
            return found[1] if found else None

    def _sweep(self) -> None:
        now, limits = self._clock(), self._limits
        old = [
            job for job, one in self._jobs.items() if one.ended is not None and now - one.ended > limits.frame_seconds
        ]
        for job in old:
            del self._jobs[job]
        for job in [job for job, (kept, _) in self._results.items() if now - kept > limits.result_seconds]:
            del self._results[job]
        size = sum(result.size for _, result in self._results.values())
        while len(self._results) > limits.results or size > limits.results_bytes:
            _, (_, oldest) = self._results.popitem(last=False)
            size -= oldest.size
