"""A dream in the making: what is done of it, what is to come, and what is left of it."""

import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from nightmare.dream.engine import Step, finished, to_picture, to_tensor
from nightmare.dream.gallery import Commission, file_stem
from nightmare.dream.picture import Provenance, png_bytes
from nightmare.studio.worker import DeviceWorker

__all__ = ["Dreamt", "Run"]


@dataclass
class Run:
    """A dream that is made step by step, and that can be left alone in between.

    `images` is the photo (1, 3, height, width) on the device of the model, `sizes` those of the octaves as
    `octave_sizes` gives them. `made` is what a picture says of how it was made; the model itself is held by `steps`
    alone, which let go of it with the last one. `octave` and `iteration` count from 1. `frame` is the number of the
    newest picture that was shown, which is the photo itself at 0.
    """

    network: str
    commission: Commission
    made: Provenance
    images: Tensor
    sizes: Sequence[tuple[int, int] | None]
    steps: Iterator[Step]
    done: int = 0
    octave: int = 1
    iteration: int = 0
    frame: int = -1
    dreamt: Tensor = field(init=False)
    busy: float = 0.0

    def __post_init__(self) -> None:
        self.dreamt = self.images
        recipe = self.commission.recipe
        self.octaves = [octave for octave, size in enumerate(self.sizes) if size]
        self._work = [
            size[0] * size[1]
            for octave, size in enumerate(self.sizes)
            if size
            for _ in range(recipe.iterations_of(octave))
        ]

    def advance(self, worker: DeviceWorker) -> bool:
        """Make one more step; False when none is left, and the dream is whole.

        Raises what a step raises; after that none can be made.
        """
        before = time.monotonic()
        step = worker.step(lambda: next(self.steps, None))
        if step is None:
            if not self.whole:  # steps that have raised end like those that are done
                raise RuntimeError(f"the steps ended after {self.done} of {self.count}")
            return False
        self.busy += time.monotonic() - before
        self.dreamt, self.done = step.images, self.done + 1
        self.octave, self.iteration = self.octaves.index(step.octave) + 1, step.iteration + 1
        return True

    def give_up(self) -> None:
        """Let go of the steps that are left, and of the network with them; the picture stays."""
        self.steps = iter(())

    @property
    def count(self) -> int:
        """Of all steps."""
        return len(self._work)

    @property
    def whole(self) -> bool:
        """Whether all steps are made."""
        return self.done == self.count

    @property
    def iterations(self) -> int:
        """Of the octave that it is in."""
        return self.commission.recipe.iterations_of(self.octaves[self.octave - 1])

    @property
    def share(self) -> float:
        """Of the work that is done, 0 … 1: a step of the last octave is ten times one of the first."""
        return sum(self._work[: self.done]) / max(1, sum(self._work))

    @property
    def seconds_per_pixel(self) -> float:
        """Of a step, by those that are done; 0 before the first one."""
        return self.busy / sum(self._work[: self.done]) if self.done else 0.0

    @property
    def seconds(self) -> float:
        """What is still to come, by what is done."""
        return self.seconds_per_pixel * sum(self._work[self.done :])

    def jpeg(self) -> bytes:
        """What it looks like now, or the photo before the first frame. Without metadata."""
        file = io.BytesIO()
        photo = self.commission.canvas.image
        shown = photo if self.frame < 0 else to_picture(finished(self.images, self.dreamt, self.commission.recipe)[0])
        shown.save(file, "JPEG", quality=85)
        return file.getvalue()


@dataclass(frozen=True)
class Dreamt:
    """What is left of a dream: all that made it, and how far it came."""

    run: Run

    @property
    def size(self) -> int:
        """Bytes of memory."""
        photo = self.run.commission.canvas.image
        return 4 * (self.run.dreamt.numel() + self.run.images.numel()) + 3 * photo.width * photo.height

    @property
    def filename(self) -> str:
        """What it is called when it is saved."""
        return f"{file_stem(self.run.commission.canvas.name)}-nightmare.png"

    def commission(self, strength: float) -> Commission:
        """What makes it again with `strength` 0 … 1."""
        made = self.run.commission
        return Commission(made.canvas, made.recipe.model_copy(update={"strength": strength}))

    def png(self, strength: float) -> bytes:
        """The dream over its photo with `strength` 0 … 1, with its recipe inside unless it was stopped.

        Of a stopped one no recipe makes the same picture.
        """
        run, recipe = self.run, self.commission(strength).recipe
        photo = to_tensor(run.commission.canvas.image).to(run.dreamt)
        made = run.made.model_copy(update={"recipe": recipe}) if run.whole else None
        return png_bytes(finished(photo, run.dreamt, recipe)[0].cpu(), made)
