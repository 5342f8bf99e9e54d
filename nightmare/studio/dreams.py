"""One dream as the page follows it: frames, how far it is, how long it still takes, and what can be saved of it."""

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from nightmare.data.canvases import Canvas
from nightmare.dream.engine import Step, dream_steps, finished, octave_sizes, smallest_side, to_picture, to_tensor
from nightmare.dream.gallery import Commission, file_stem, provenance
from nightmare.dream.objectives import build_objectives
from nightmare.dream.picture import png_bytes
from nightmare.dream.recipe import Recipe
from nightmare.studio.errors import Refusal
from nightmare.studio.frames import FrameStore
from nightmare.studio.limits import LIMITS, Limits
from nightmare.studio.models import Catalogue
from nightmare.studio.worker import DeviceWorker
from nightmare.train.model import Model

__all__ = ["Dreamer", "Dreamt", "Progress", "Steps", "jpeg_bytes"]

# How a model dreams; tests put something quicker in its place.
Steps = Callable[[Model, Tensor, Recipe, str], Iterator[Step]]


@dataclass(frozen=True)
class Progress:
    """How far a dream is: `frame` is the number of the newest picture of `job`, `seconds` what is still to come.

    `octave` counts from 1 among the `octaves` that are not left out, `step` from 0 (nothing yet) to `steps`. `ended` is
    a sentence when it is over and empty before.
    """

    job: str
    frame: int
    octave: int
    octaves: int
    iteration: int
    iterations: int
    step: int
    steps: int
    seconds: float
    left_out: int = 0
    ended: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Dreamt:
    """What is left of a dream: photo and dream as they were on the device, and all that made it.

    `whole` is false where it was stopped: then no recipe makes it again.
    """

    commission: Commission
    model: Model
    dreamt: Tensor
    whole: bool

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return self.dreamt.numel() * 4 + self.photo.width * self.photo.height * 3

    @property
    def photo(self) -> Image.Image:
        """What was dreamt on."""
        return self.commission.canvas.image

    @property
    def filename(self) -> str:
        """What it is called when it is saved."""
        return f"{file_stem(self.commission.canvas.name)}-nightmare.png"

    def png(self, strength: float) -> bytes:
        """The dream over its photo with `strength` 0 … 1, with its recipe inside where one makes it again."""
        recipe = self.commission.recipe.model_copy(update={"strength": strength})
        image = finished(to_tensor(self.photo).to(self.dreamt), self.dreamt, recipe)[0].cpu()
        made = Commission(self.commission.canvas, recipe)
        return png_bytes(image, provenance(made, self.model) if self.whole else None)


class Dreamer:
    """Dreams on one device, one step at a time, so that patches come between them."""

    def __init__(
        self,
        catalogue: Catalogue,
        worker: DeviceWorker,
        store: FrameStore[Dreamt],
        *,
        limits: Limits = LIMITS,
        steps: Steps | None = None,
    ) -> None:
        self.catalogue, self.worker, self.store, self.limits = catalogue, worker, store, limits
        self._steps = steps or _steps_of_engine
        self._seconds_per_pixel: dict[tuple[str, str], float] = {}

    def dream(self, photo: Image.Image, content: bytes, name: str, recipe: Recipe, network: str) -> Iterator[Progress]:
        """Dream over `photo`, whose file had the bytes `content` and is called `name`; see how far it is.

        Whoever closes the generator stops the dream, of which the last picture is kept. Raises `Refusal` where the
        photo is too large for the memory or too small for every octave, and what `dream_steps` raises.
        """
        model = self.worker.step(lambda: self.catalogue.model(network))
        recipe = recipe.model_copy(update={"strength": 1.0})  # the page blends, see `Dreamt.png`
        sizes = self.worker.step(lambda: _sizes(model, photo, recipe))
        work = [
            size[0] * size[1]
            for octave, size in enumerate(sizes)
            if size
            for _ in range(recipe.iterations_of(octave))
        ]
        canvas = Canvas(name, photo, hashlib.sha256(content).hexdigest(), "", "")
        images = to_tensor(photo).to(next(model.network.parameters()).device)
        run = _Run(self, model, Commission(canvas, recipe), images, sizes, work, network)
        yield from run.steps(self._steps(model, images, recipe, canvas.sha256))

    def expected(self, photo: Image.Image, recipe: Recipe, network: str) -> float | None:
        """Seconds that a dream will take by what the last ones took, or None before the first one."""
        rate = self._seconds_per_pixel.get(_rate_of(network, recipe))
        if rate is None:
            return None
        model = self.catalogue.model(network)
        sizes = enumerate(_sizes(model, photo, recipe))
        return rate * sum(size[0] * size[1] * recipe.iterations_of(octave) for octave, size in sizes if size)

    def patch(self, network: str, images: Tensor, recipe: Recipe) -> Tensor:
        """The dream over `images` (1, 3, height, width) at once; for the worker's thread."""
        model = self.catalogue.model(network)
        images = images.to(next(model.network.parameters()).device)
        dreamt = images
        for step in self._steps(model, images, recipe, "patch"):
            dreamt = step.images
        return finished(images, dreamt, recipe)

    def learn(self, network: str, recipe: Recipe, seconds_per_pixel: float) -> None:
        """Remember what a pixel of a step took."""
        self._seconds_per_pixel[_rate_of(network, recipe)] = seconds_per_pixel

    def calibrate(self, network: str, recipe: Recipe, *, side: int = 160) -> None:
        """Time a few steps, so that the first dream has an expectation; the first step is the slow one."""
        model = self.worker.step(lambda: self.catalogue.model(network))
        brief = recipe.model_copy(update={"octaves": 1, "iterations": 4})
        photo = torch.full((1, 3, side, side), 0.5, device=next(model.network.parameters()).device)
        moments = []
        steps = self._steps(model, photo, brief, "calibration")
        while self.worker.step(lambda: next(steps, None)):
            moments.append(time.perf_counter())
        self.learn(network, recipe, (moments[-1] - moments[0]) / (len(moments) - 1) / side**2)


@dataclass
class _Run:
    dreamer: Dreamer
    model: Model
    commission: Commission
    images: Tensor
    sizes: list[tuple[int, int] | None]
    work: list[int]
    network: str

    def steps(self, steps: Iterator[Step]) -> Iterator[Progress]:
        dreamer, limits, recipe = self.dreamer, self.dreamer.limits, self.commission.recipe
        store, job = dreamer.store, dreamer.store.begin()
        dreamt, whole, frame, done = self.images, False, 0, 0
        store.add(job, 0, jpeg_bytes(self.commission.canvas.image))
        octaves = [octave for octave, size in enumerate(self.sizes) if size]
        begun = shown = time.monotonic()
        busy = 0.0

        def progress(octave: int, iteration: int, ended: str = "") -> Progress:
            rate = busy / sum(self.work[:done]) if done else 0.0
            return Progress(
                job=job,
                frame=frame,
                octave=octave,
                octaves=len(octaves),
                iteration=iteration,
                iterations=recipe.iterations_of(octaves[octave - 1]) if octaves else 0,
                step=done,
                steps=len(self.work),
                seconds=rate * sum(self.work[done:]),
                left_out=len(self.sizes) - len(octaves),
                ended=ended,
                whole=whole,
            )

        try:
            yield progress(1, 0)
            octave, iteration, ended = 1, 0, ""
            while not ended:
                before = time.monotonic()
                step = dreamer.worker.step(lambda: next(steps, None))
                if step is None:
                    whole, ended = True, "Done"
                    break
                dreamt, done = step.images, done + 1
                octave, iteration = octaves.index(step.octave) + 1, step.iteration + 1
                now = time.monotonic()
                busy += now - before
                if now - begun > limits.dream_seconds and done < len(self.work):
                    ended = f"Stopped after {limits.dream_seconds:.0f} s"
                elif done < len(self.work) and now - shown >= 1 / limits.frames_per_second:
                    shown, frame = now, frame + 1
                    store.add(job, frame, jpeg_bytes(self._shown(dreamt)))
                    yield progress(octave, iteration)
            if done:
                dreamer.learn(self.network, recipe, busy / sum(self.work[:done]))
            frame += 1
            store.add(job, frame, jpeg_bytes(self._shown(dreamt)))
            store.end(job, self._result(dreamt, whole=whole))
            yield progress(octave, iteration, ended)
        except (MemoryError, torch.OutOfMemoryError) as error:
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            side = max(self.commission.canvas.image.size)
            raise Refusal(507, f"Too big for this machine at {side}. Try {side // 2}?") from error
        finally:
            # After a stop, and where nobody asked for the end any more.
            if store.result(job) is None:
                store.end(job, self._result(dreamt, whole=whole))

    def _shown(self, dreamt: Tensor) -> Image.Image:
        return to_picture(finished(self.images, dreamt, self.commission.recipe)[0])

    def _result(self, dreamt: Tensor, *, whole: bool) -> Dreamt:
        return Dreamt(self.commission, self.model, dreamt.detach(), whole)


def jpeg_bytes(picture: Image.Image, *, quality: int = 85) -> bytes:
    """`picture` as a JPEG without metadata."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


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
