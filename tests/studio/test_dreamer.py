"""Dreams as pages follow them."""

import gc
import io
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from made_pictures import file_of, picture
from PIL import Image
from studios import brightening, dreamer, small_model, wish
from torch import Tensor

from nightmare.dream.engine import Step, dream, to_picture, to_tensor
from nightmare.dream.picture import provenance_within
from nightmare.dream.recipe import Recipe
from nightmare.studio.dreams import Dreamer
from nightmare.studio.library import Library
from nightmare.studio.limits import LIMITS
from nightmare.studio.line import Ticket
from nightmare.studio.models import Catalogue, Network
from nightmare.studio.worker import DeviceWorker
from nightmare.train.model import Model

EVERY_STEP = replace(LIMITS, frames_per_second=1e9)


def rgb(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_dream_is_that_of_the_engine(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker)
    original = here.library.bring(file_of(picture(260, 224)), "garden.png")
    *_, last = here.dream(wish(original.key, side=240, seed=7))
    assert (last.ended, last.whole, last.step, last.share) == ("Done", True, 4, 1.0)
    kept = here.store.result(last.job)
    assert kept
    content = kept.png(0.8)
    made = provenance_within(content)
    assert made
    assert (made.canvas, made.canvas_name, made.pixels) == (original.sha256, "garden", 240)
    photo = to_tensor(here.library.picture(original.key, pixels=240))
    expected = dream(small, photo, made.recipe, names=[original.sha256])
    assert (rgb(content) == np.asarray(to_picture(expected[0]))).all()
    assert made.recipe.strength == 0.8


def test_what_is_left_of_a_dream_holds_no_network(worker: DeviceWorker) -> None:
    catalogue = Catalogue([Network("own", "own", small_model)], lent=1)
    here = Dreamer(catalogue, worker, Library(), steps=brightening)
    networks, jobs = [], []
    for name in "abcdef":  # the engine keeps the last four
        catalogue.lend(Network(name, name, small_model))
        *_, last = here.dream(wish("cat", model=name))
        networks.append(weakref.ref(catalogue.model(name).network))
        jobs.append(last.job)
    gc.collect()
    assert networks[0]() is None
    kept = here.store.result(jobs[0])
    assert kept
    made = provenance_within(kept.png(1.0))
    assert made
    assert (made.model, made.dataset) == ("0" * 64, "0" * 16)


def test_progress_counts_up_and_shows_what_it_says(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker, steps=brightening, limits=EVERY_STEP)
    seen = list(here.dream(wish("cat", octaves=3, iterations=2)))
    assert [each.step for each in seen] == [0, 1, 2, 3, 4, 5, 6]
    assert [each.frame for each in seen] == list(range(7))
    assert [(each.octave, each.iteration) for each in seen[1:]] == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]
    shares = [each.share for each in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert [each.ended for each in seen] == [""] * 6 + ["Done"]
    first, last = (here.store.frame(seen[0].job, number) for number in (0, 6))
    assert first and last
    assert rgb(last).mean() > rgb(first).mean() + 10


def test_octaves_that_are_too_small_are_said(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker)
    seen = list(here.dream(wish("cat", octaves=9, octave_scale=2.0, iterations=1)))
    assert seen[-1].left_out == 6
    assert (seen[-1].octaves, seen[-1].step, seen[-1].steps) == (3, 3, 3)


def test_stopped_dream_goes_on_as_if_it_had_not_been(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker, limits=EVERY_STEP)
    *_, whole = here.dream(wish("cat"))
    progress = here.dream(wish("cat"))
    job = next(progress).job
    next(progress)
    assert here.stop(job)
    *_, stopped = progress
    assert (stopped.ended, stopped.whole, stopped.step) == ("Stopped", False, 2)
    unfinished, finished = here.store.result(job), here.store.result(whole.job)
    assert unfinished and finished
    assert provenance_within(unfinished.png(1.0)) is None
    *_, done = here.further(job)
    assert (done.job, done.ended, done.whole, done.step) == (job, "Done", True, 4)
    again = here.store.result(job)
    assert again
    assert again.png(1.0) == finished.png(1.0)
    assert [each.status for each in here.further(job)] == [404]
    assert not here.stop(job)


def test_two_cannot_go_on_with_one_dream(small: Model, worker: DeviceWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    here = dreamer(small, worker, steps=brightening, limits=EVERY_STEP)
    progress = here.dream(wish("cat"))
    job = next(progress).job
    assert here.stop(job)
    list(progress)
    enter, met = here._line.enter, []

    def interrupted(ticket: Ticket) -> None:
        if not met:  # the second one comes between the first one's question and its start
            met.extend(here.further(job))
        enter(ticket)

    monkeypatch.setattr(here._line, "enter", interrupted)
    *_, done = here.further(job)
    assert [each.status for each in met] == [404]
    assert (done.ended, done.whole) == ("Done", True)


def test_only_the_last_stopped_dreams_can_go_on(small: Model, worker: DeviceWorker) -> None:
    ended = []

    def steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
        try:
            yield from brightening(model, images, recipe, name)
        finally:
            ended.append(name)

    here = dreamer(small, worker, steps=steps, limits=replace(EVERY_STEP, dreams_stopped=2))
    jobs = []
    for _ in range(3):
        progress = here.dream(wish("cat"))
        jobs.append(next(progress).job)
        assert here.stop(jobs[-1])
        list(progress)
    del progress
    gc.collect()
    assert len(ended) == 1, "the network of the first is let go of"
    assert [each.status for each in here.further(jobs[0])] == [404]
    assert here.store.result(jobs[0]), "its picture is not"
    for job in jobs[1:]:
        assert list(here.further(job))[-1].ended == "Done"


def test_a_full_line_leaves_a_stopped_dream_as_it_is(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker, steps=brightening, limits=replace(EVERY_STEP, dreams_waiting=0))
    progress = here.dream(wish("cat"))
    job = next(progress).job
    assert here.stop(job)
    list(progress)
    other = here.dream(wish("cat"))
    next(other)
    assert [each.status for each in here.further(job)] == [503]
    other.close()
    assert list(here.further(job))[-1].ended == "Done"


def test_one_who_hangs_up_has_stopped_the_dream(small: Model, worker: DeviceWorker) -> None:
    ended = []

    def steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
        yield from brightening(model, images, recipe, name)
        ended.append(name)

    here = dreamer(small, worker, steps=steps, limits=EVERY_STEP)
    first, second = here.dream(wish("cat")), here.dream(wish("cat"))
    next(first)
    next(first)
    assert next(second).place == 1
    first.close()
    assert next(second).place == 0
    assert not ended
    assert list(second)[-1].ended == "Done"


def test_one_in_line_may_leave(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker, steps=brightening)
    first, second = here.dream(wish("cat")), here.dream(wish("cat"))
    next(first)
    job = next(second).job
    assert here.stop(job)
    *_, last = second
    assert (last.ended, last.frame, last.status) == ("Stopped", -1, 200)
    assert list(first)[-1].ended == "Done"


def test_time_limit_keeps_the_last_picture(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker, steps=brightening, limits=replace(EVERY_STEP, dream_seconds=0))
    *_, last = here.dream(wish("cat"))
    assert (last.ended, last.whole, last.step) == ("Stopped after 0 s", False, 1)
    assert here.store.frame(last.job, last.frame)


def test_ninth_that_waits_is_refused(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker, steps=brightening, limits=replace(LIMITS, dreams_waiting=1))
    waiting = [here.dream(wish("cat")) for _ in range(2)]
    for each in waiting:
        next(each)
    (refused,) = here.dream(wish("cat"))
    assert (refused.status, refused.ended) == (503, "1 people are waiting. Try again in a minute.")


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (MemoryError(), 507, "Too big for this machine at 224."),
        (torch.OutOfMemoryError(), 507, "Too big for this machine at 224."),
        (RuntimeError("[enforce fail] can't allocate memory: you tried"), 507, "Too big for this machine"),
        (ZeroDivisionError(), 500, "Something went wrong here; the terminal says what."),
    ],
)
def test_fault_ends_the_dream_in_words_and_the_next_one_runs(
    error: Exception, status: int, sentence: str, small: Model, worker: DeviceWorker
) -> None:
    faults = [error]

    def steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
        if faults:
            raise faults.pop()
        yield from brightening(model, images, recipe, name)

    here = dreamer(small, worker, steps=steps)
    *_, last = here.dream(wish("cat"))
    assert last.status == status
    assert last.ended.startswith(sentence)
    assert list(here.dream(wish("cat")))[-1].ended == "Done"


@pytest.mark.parametrize(("side", "smaller"), [(224, 0), (240, 224), (320, 224), (736, 352), (768, 384), (2048, 1024)])
def test_smaller_side_is_one_that_the_control_has(side: int, smaller: int, small: Model, worker: DeviceWorker) -> None:
    def steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
        raise MemoryError
        yield

    here = dreamer(small, worker, steps=steps)
    photo = here.library.bring(file_of(picture(side, 32 + side // 8)), "photo.png")
    *_, last = here.dream(wish(photo.key, side=side))
    assert (last.status, last.smaller) == (507, smaller)
    assert last.ended == f"Too big for this machine at {side}." + (f" Try {smaller}?" if smaller else "")
    assert not smaller or wish(photo.key, side=smaller)


def test_dream_that_failed_is_not_done_and_cannot_go_on(small: Model, worker: DeviceWorker) -> None:
    def steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
        for step in brightening(model, images, recipe, name):
            if step.octave == 1:
                raise ZeroDivisionError
            yield step

    here = dreamer(small, worker, steps=steps, limits=EVERY_STEP)
    *_, failed = here.dream(wish("cat"))
    assert (failed.status, failed.whole) == (500, False)
    assert here.store.result(failed.job) is None
    assert [each.status for each in here.further(failed.job)] == [404]

    progress = here.dream(wish("cat"))
    job = next(progress).job
    assert here.stop(job)
    *_, stopped = progress
    assert (stopped.ended, stopped.step) == ("Stopped", 1)
    assert here.store.result(job)
    assert list(here.further(job))[-1].status == 500
    assert here.store.result(job) is None, "what was kept of it could not go on either"


def test_steps_that_end_early_are_a_fault(small: Model, worker: DeviceWorker) -> None:
    def steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
        yield next(brightening(model, images, recipe, name))

    *_, last = dreamer(small, worker, steps=steps).dream(wish("cat"))
    assert (last.status, last.whole) == (500, False)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"photo": "nobody"}, "That photo is no longer here: choose it again."),
        ({"model": "nobody"}, "no model 'nobody' here"),
        ({"channel": 512}, "channel"),
        ({"base": "nobody"}, "no look 'nobody'"),
    ],
)
def test_wish_that_cannot_be_is_refused_in_words(
    changes: dict[str, Any], sentence: str, small: Model, worker: DeviceWorker
) -> None:
    *_, last = dreamer(small, worker).dream(wish(**{"photo": "cat"} | changes))
    assert last.status in (404, 422)
    assert sentence in last.ended


def test_expectation_is_learnt(small: Model, worker: DeviceWorker) -> None:
    here = dreamer(small, worker)
    asked = wish("cat")
    assert here.expected(asked) is None
    list(here.dream(asked))
    expected = here.expected(asked)
    assert expected
    assert here.expected(asked.model_copy(update={"iterations": 20})) == pytest.approx(10 * expected)
    assert here.expected(asked.model_copy(update={"photo": "nobody"})) is None
    here.calibrate("small", asked.recipe())
    assert here.expected(asked)


def test_patch_comes_between_steps(small: Model, worker: DeviceWorker) -> None:
    begun, order = threading.Event(), []

    def steps(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
        for step in brightening(model, images, recipe, name):
            order.append("step")
            if len(order) == 1:
                begun.set()
                while not worker.patches_waiting:
                    pass
            yield step

    here = dreamer(small, worker, steps=steps)
    running = threading.Thread(target=lambda: list(here.dream(wish("cat"))))
    running.start()
    begun.wait(timeout=5)
    worker.patch(lambda: order.append("patch")).result(timeout=5)
    running.join(timeout=5)
    assert order == ["step", "patch", "step", "step", "step"]
