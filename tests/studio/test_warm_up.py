"""A studio becomes ready, whatever its model does."""

import logging
import threading
from pathlib import Path

import pytest
from studios import brightening

from nightmare.errors import ModelError
from nightmare.studio.brush import QUALITIES, Brush
from nightmare.studio.dreams import Dreamer
from nightmare.studio.library import Library
from nightmare.studio.limits import LIMITS
from nightmare.studio.manifest import Tables
from nightmare.studio.models import Catalogue, Network
from nightmare.studio.tab import Parts
from nightmare.studio.warm_up import warm_up
from nightmare.studio.worker import DeviceWorker
from nightmare.train.model import Model


def parts_of(model: Model, worker: DeviceWorker, error: Exception | None = None) -> Parts:
    def load() -> Model:
        if error:
            raise error
        return model

    catalogue, library = Catalogue([Network("small", "small", load)]), Library()
    dreamer = Dreamer(catalogue, worker, library, steps=brightening)
    return Parts(Path(), catalogue, library, dreamer, Brush(dreamer), Tables(Path()), LIMITS)


@pytest.mark.parametrize("error", [ModelError("no weights"), RuntimeError("no device"), MemoryError(), OSError("gone")])
def test_model_that_cannot_dream_is_logged_and_pages_do_not_wait(
    error: Exception, small: Model, worker: DeviceWorker, caplog: pytest.LogCaptureFixture
) -> None:
    ready = threading.Event()
    with caplog.at_level(logging.ERROR):
        warm_up(parts_of(small, worker, error), ready)
    assert ready.is_set()
    (record,) = caplog.records
    assert record.getMessage().startswith("the model small cannot dream")


def test_brush_and_looks_are_timed_while_pages_brush(small: Model, worker: DeviceWorker) -> None:
    parts, ready, gate = parts_of(small, worker), threading.Event(), threading.Event()
    worker.patch(gate.wait)
    while worker.patches_waiting:
        pass
    brushing = [worker.patch(lambda: None) for _ in range(2)]
    warming = threading.Thread(target=warm_up, args=(parts, ready))
    warming.start()
    gate.set()
    warming.join(timeout=20)
    assert ready.is_set()
    assert set(parts.brush.milliseconds) == set(QUALITIES), "patches of pages leave no room for others"
    assert all(patch.done() for patch in brushing)


def test_studio_that_closes_says_nothing(small: Model, worker: DeviceWorker, caplog: pytest.LogCaptureFixture) -> None:
    worker.close()
    ready = threading.Event()
    warm_up(parts_of(small, worker), ready)
    assert ready.is_set()
    assert not caplog.records
