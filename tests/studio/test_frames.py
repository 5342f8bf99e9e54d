"""Frames and results: kept in memory, few, small and not for long."""

from dataclasses import dataclass, replace

from nightmare.studio.frames import FrameStore
from nightmare.studio.limits import LIMITS


@dataclass
class Sized:
    size: int


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def store(clock: Clock | None = None, **limits: float) -> FrameStore[Sized]:
    return FrameStore(limits=replace(LIMITS, **limits), clock=clock or Clock())


def test_first_and_newest_frames_are_kept() -> None:
    frames = store()
    job = frames.begin()
    for number in range(6):
        frames.add(job, number, b"%d" % number)
    assert [frames.frame(job, number) for number in (0, 3, 4, 5)] == [b"0", b"3", b"4", b"5"]
    assert [frames.frame(job, number) for number in (1, 2)] == [b"3", b"3"], "a page that lags sees the next one"
    assert frames.frame(job, 6) is None
    assert frames.frame("other", 0) is None


def test_names_are_not_guessed() -> None:
    frames = store()
    names = {frames.begin() for _ in range(16)}
    assert len(names) == 16
    assert all(len(name) >= 22 for name in names)


def test_oldest_job_makes_room() -> None:
    frames = store(frame_jobs=2)
    first, second = frames.begin(), frames.begin()
    for job in (first, second):
        frames.add(job, 0, b"x")
    third = frames.begin()
    frames.add(first, 1, b"late")
    assert (frames.frame(first, 0), frames.frame(second, 0), frames.frame(third, 0)) == (None, b"x", None)


def test_frames_go_a_while_after_the_end_and_not_before() -> None:
    clock = Clock()
    frames = store(clock, frame_seconds=60)
    job = frames.begin()
    frames.add(job, 0, b"x")
    clock.now = 1000
    assert frames.frame(job, 0) == b"x"
    frames.end(job, None)
    clock.now = 1061
    assert frames.frame(job, 0) is None


def test_job_that_goes_on_keeps_its_frames() -> None:
    clock = Clock()
    frames = store(clock, frame_seconds=60)
    job = frames.begin()
    frames.add(job, 0, b"x")
    frames.end(job, Sized(1))
    assert frames.begin(job) == job
    clock.now = 1000
    assert frames.frame(job, 0) == b"x"


def test_results_are_limited_in_number_size_and_age() -> None:
    clock = Clock()
    frames = store(clock, results=3, results_bytes=100, result_seconds=3600)
    jobs = [frames.begin() for _ in range(4)]
    for job in jobs[:3]:
        frames.end(job, Sized(30))
    assert all(frames.result(job) for job in jobs[:3])
    frames.end(jobs[3], Sized(45))
    assert [bool(frames.result(job)) for job in jobs] == [False, False, True, True]
    clock.now = 3601
    assert not any(frames.result(job) for job in jobs)
