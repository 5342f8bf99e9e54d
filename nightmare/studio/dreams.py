"""Dreams as pages follow them: waiting in line, frames, how far they are, stopping, and going on."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial

import torch
from PIL import Image
from torch import Tensor

from nightmare.data.canvases import Canvas
from nightmare.dream.engine import Step, dream_steps, finished, octave_sizes, smallest_side, to_tensor
from nightmare.dream.gallery import Commission, provenance
from nightmare.dream.objectives import build_objectives
from nightmare.dream.recipe import Recipe
from nightmare.errors import NightmareError
from nightmare.studio.errors import Refusal
from nightmare.studio.frames import FrameStore
from nightmare.studio.library import Library
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.line import Line, Ticket
from nightmare.studio.looks import Wish
from nightmare.studio.models import Catalogue
from nightmare.studio.runs import Dreamt, Run
from nightmare.studio.worker import DeviceWorker
from nightmare.train.model import Model

__all__ = ["Dreamer", "Progress", "Steps"]

# How a model dreams; tests put something quicker in its place.
Steps = Callable[[Model, Tensor, Recipe, str], Iterator[Step]]
_PLACE_EVERY = 0.5  # seconds after which those in line hear of their place

_CANNOT_GO_ON = Refusal(404, "That dream cannot go on: dream again.")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far the dream `job` is. `frame` is the number of its newest picture, `seconds` what is still to come.

    `place` counts those before it in line. `octave` counts from 1 among the `octaves` that are not left out,
    `iteration` from 1 within it, and `step` from 0 (nothing yet) to `steps` over all of them. `ended` is a sentence
    when it is over and empty before; `whole` says that nothing of it is missing. `status` is 200, or that of a refusal.
    """

    job: str = ""
    place: int = 0
    frame: int = -1
    octave: int = 1
    octaves: int = 1
    iteration: int = 0
    iterations: int = 0
    step: int = 0
    steps: int = 0
    share: float = 0.0  # of the work that is done
    seconds: float = 0.0
    left_out: int = 0
    ended: str = ""
    whole: bool = False
    status: int = 200
    smaller: int = 0  # the side at which a dream might fit that was too large for the memory


class Dreamer:
    """Dreams on one device, one step at a time, so that patches come between them.

    Once `closing` is set, all of them stop after their step.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        worker: DeviceWorker,
        library: Library,
        *,
        limits: Limits = LIMITS,
        steps: Steps | None = None,
        closing: threading.Event | None = None,
    ) -> None:
        self.catalogue, self.worker, self.library, self.limits = catalogue, worker, library, limits
        self.store = FrameStore[Dreamt](limits=limits)
        self._line = Line(most=limits.dreams_waiting)
        self._steps = steps or _steps_of_engine
        self._seconds_per_pixel: dict[tuple[str, str], float] = {}
        self._stops: dict[str, threading.Event] = {}
        self._resumable: dict[str, Run] = {}  # stopped ones, the newest last
        self._closing = closing or threading.Event()

    def dream(self, wish: Wish) -> Generator[Progress, None, None]:
        """Wait in line, dream, and see how far it is; a refusal is the last progress, with its status and sentence.

        Whoever closes the generator stops the dream. Of one that was stopped the last picture is kept.
        """
        try:
            seconds = self.expected(wish) or 0.0
        except (Refusal, NightmareError) as error:
            yield _refused("", error)
            return
        yield from self._follow("", partial(self._new_run, wish), seconds)

    def further(self, job: str) -> Generator[Progress, None, None]:
        """Go on with a dream that was stopped, as if it had not been."""
        dreamt = self.store.result(job)
        if dreamt is None or job not in self._resumable:
            yield _refused(job, _CANNOT_GO_ON)
            return
        yield from self._follow(job, lambda: dreamt.run, dreamt.run.seconds)

    def stop(self, job: str) -> bool:
        """Stop a dream after its step, or take it out of the line; whether there was something to stop."""
        stop = self._stops.get(job)
        if stop:
            stop.set()
        return stop is not None

    def expected(self, wish: Wish) -> float | None:
        """Seconds that a dream will take by what the last ones took; None before the first one, and without a photo."""
        network = self.catalogue.network(wish.model or self.catalogue.first)
        recipe = wish.recipe()
        rate = self._seconds_per_pixel.get(_rate_of(network.name, recipe))
        if rate is None or not self.library.knows(wish.photo):
            return None
        original = self.library.original(wish.photo)
        shrink = min(1.0, wish.side / max(original.width, original.height))
        sizes = octave_sizes(round(original.height * shrink), round(original.width * shrink), recipe, smallest=1)
        return rate * sum(size[0] * size[1] * recipe.iterations_of(octave) for octave, size in enumerate(sizes) if size)

    def step_milliseconds(self, network: str, recipe: Recipe, *, side: int = 224) -> float | None:
        """What a step at `side` x `side` took the last time; None before the first one."""
        rate = self._seconds_per_pixel.get(_rate_of(network, recipe))
        return None if rate is None else 1000 * rate * side**2

    def patch(self, network: str, images: Tensor, recipe: Recipe) -> Tensor:
        """The dream over `images` (1, 3, height, width) at once; for the worker's thread."""
        model = self.catalogue.model(network)
        images = images.to(next(model.network.parameters()).device)
        dreamt = images
        for step in self._steps(model, images, recipe, "patch"):
            dreamt = step.images
        return finished(images, dreamt, recipe)

    def calibrate(self, network: str, recipe: Recipe, *, side: int = 160) -> None:
        """Time a few steps, so that the first dream has an expectation; the first step is the slow one."""
        model = self.worker.step(lambda: self.catalogue.model(network))
        brief = recipe.model_copy(update={"octaves": 1, "iterations": 4})
        photo = torch.full((1, 3, side, side), 0.5, device=next(model.network.parameters()).device)
        moments = []
        steps = self._steps(model, photo, brief, "calibration")
        while self.worker.step(lambda: next(steps, None)):
            moments.append(time.perf_counter())
        self._learn(network, recipe, (moments[-1] - moments[0]) / (len(moments) - 1) / side**2)

    def _learn(self, network: str, recipe: Recipe, seconds_per_pixel: float) -> None:
        self._seconds_per_pixel[_rate_of(network, recipe)] = seconds_per_pixel

    def _follow(self, job: str, prepare: Callable[[], Run], seconds: float) -> Generator[Progress, None, None]:
        ticket, stop, run, last = Ticket(seconds), threading.Event(), None, None
        if job and self._stops.setdefault(job, stop) is not stop:  # somebody follows it already
            yield _refused(job, _CANNOT_GO_ON)
            return
        try:
            self._line.enter(ticket)
        except Refusal as refusal:
            self._stops.pop(job, None)
            yield _refused(job, refusal)
            return
        job = self.store.begin(job)
        self._stops[job] = stop
        self._resumable.pop(job, None)
        try:
            while not (turn := self._line.wait(ticket, seconds=_PLACE_EVERY)) and not self._ends(stop):
                place, before = self._line.place(ticket)
                yield Progress(job, place=place, seconds=before)
            if turn and not self._closing.is_set():
                run = prepare()
                ended = yield from self._advance(job, run, ticket, stop)
                last = _progress(job, run, ended)
            else:
                last = Progress(job, ended="Stopped")
        except CancelledError:  # by the worker, whose end has come
            last = Progress(job, ended="Stopped")
        except Exception as error:
            last = _refused(job, error, side=max(run.commission.canvas.image.size) if run else 0)
            if run:  # its steps cannot go on
                run = None
                self.store.forget(job)
        finally:  # also where nobody asks for the end any more
            self._line.leave(ticket)
            del self._stops[job]
            self.store.end(job, Dreamt(run) if run and run.done else None)
            if run and run.done and not run.whole:
                self._resume_later(job, run)
        yield last

    def _resume_later(self, job: str, run: Run) -> None:
        """Keep what a stopped dream needs to go on, its network among it, for some of them alone."""
        self._resumable[job] = run
        while len(self._resumable) > self.limits.dreams_stopped:
            self._resumable.pop(next(iter(self._resumable))).give_up()

    def _advance(self, job: str, run: Run, ticket: Ticket, stop: threading.Event) -> Generator[Progress, None, str]:
        """Make the steps, show some of them, and say how it ended."""
        limits, ended = self.limits, ""
        if run.frame < 0:
            self._show(job, run)
        yield _progress(job, run)
        begun = shown = time.monotonic()
        while not ended and run.advance(self.worker):
            ticket.seconds = run.seconds
            now = time.monotonic()
            if run.done == run.count:
                continue
            if self._ends(stop):
                ended = "Stopped"
            elif now - begun > limits.dream_seconds:
                ended = f"Stopped after {limits.dream_seconds:.0f} s"
            elif now - shown >= 1 / limits.frames_per_second:
                shown = now
                self._show(job, run)
                yield _progress(job, run)
        self._learn(run.network, run.commission.recipe, run.seconds_per_pixel)
        self._show(job, run)
        return ended or "Done"

    def _ends(self, stop: threading.Event) -> bool:
        return stop.is_set() or self._closing.is_set()

    def _show(self, job: str, run: Run) -> None:
        jpeg = run.jpeg()
        run.frame += 1
        self.store.add(job, run.frame, jpeg)

    def _new_run(self, wish: Wish) -> Run:
        network = self.catalogue.network(wish.model or self.catalogue.first)
        recipe = wish.recipe().model_copy(update={"strength": 1.0})  # the page blends, see `Dreamt.png`
        original = self.library.original(wish.photo)
        photo = self.library.picture(wish.photo, pixels=wish.side)
        canvas = Canvas(original.name, photo, original.sha256, original.licence, original.credit)
        model = self.worker.step(lambda: self.catalogue.model(network.name))
        images = to_tensor(photo).to(next(model.network.parameters()).device)
        sizes = self.worker.step(lambda: _sizes(model, photo, recipe))
        steps = self._steps(model, images, recipe, canvas.sha256)
        commission = Commission(canvas, recipe)
        return Run(network.name, commission, provenance(commission, model), images, sizes, steps)


def _progress(job: str, run: Run, ended: str = "") -> Progress:
    return Progress(
        job=job,
        frame=run.frame,
        octave=run.octave,
        octaves=len(run.octaves),
        iteration=run.iteration,
        iterations=run.iterations,
        step=run.done,
        steps=run.count,
        share=run.share,
        seconds=run.seconds,
        left_out=len(run.sizes) - len(run.octaves),
        ended=ended,
        whole=run.whole,
    )


def _refused(job: str, error: Exception, *, side: int = 0) -> Progress:
    """The end of a dream that cannot be; of a fault of ours the log has all, the page one line."""
    if isinstance(error, Refusal):
        return Progress(job, ended=error.sentence, status=error.status)
    if isinstance(error, NightmareError):
        return Progress(job, ended=str(error), status=422)
    # Without an accelerator PyTorch has no class of its own for it.
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        smaller = _smaller(side)
        at, offer = f" at {side}" if side else "", f" Try {smaller}?" if smaller else ""
        return Progress(job, ended=f"Too big for this machine{at}.{offer}", status=507, smaller=smaller)
    _log.error("a dream failed", exc_info=error)
    return Progress(job, ended="Something went wrong here; the terminal says what.", status=500)


def _smaller(side: int) -> int:
    """About half of `side` that the control has, or 0 where it has nothing below."""
    half = side // 2 // LIMITS.side_step * LIMITS.side_step
    return max(half, LIMITS.small_side) if side > LIMITS.small_side else 0


def _steps_of_engine(model: Model, images: Tensor, recipe: Recipe, name: str) -> Iterator[Step]:
    return dream_steps(model, images, recipe, names=[name])


def _sizes(model: Model, photo: Image.Image, recipe: Recipe) -> list[tuple[int, int] | None]:
    smallest = smallest_side(build_objectives(model, recipe))
    sizes = octave_sizes(photo.height, photo.width, recipe, smallest=smallest)
    if not any(sizes):
        raise Refusal(422, f"The photo is {photo.width} x {photo.height}; this model needs {smallest} pixels a side.")
    return sizes


def _rate_of(network: str, recipe: Recipe) -> tuple[str, str]:
    return network, ",".join(sorted(recipe.layers))
