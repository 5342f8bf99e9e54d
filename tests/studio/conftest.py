"""A device thread for each test, and one small network for all."""

from collections.abc import Iterator

import pytest
from studios import small_model

from nightmare.studio.worker import DeviceWorker
from nightmare.train.model import Model


@pytest.fixture
def worker() -> Iterator[DeviceWorker]:
    worker = DeviceWorker(patches_waiting=2)
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def small() -> Model:
    return small_model()
