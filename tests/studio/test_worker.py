"""The device thread: one piece of work at a time, patches first, and no more of them than may wait."""

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from nightmare.studio.errors import Refusal
from nightmare.studio.worker import DeviceWorker


def test_patches_come_before_steps(worker: DeviceWorker) -> None:
    gate, order = threading.Event(), []
    with ThreadPoolExecutor() as pool:
        pool.submit(worker.step, gate.wait)
        while not worker._queue.empty():  # until it holds the thread
            pass
        steps = [pool.submit(worker.step, lambda number=number: order.append(f"step {number}")) for number in range(2)]
        while worker._queue.qsize() < 2:
            pass
        patches = [worker.patch(lambda number=number: order.append(f"patch {number}")) for number in range(2)]
        assert worker.patches_waiting == 2
        with pytest.raises(Refusal, match="busy") as refusal:
            worker.patch(lambda: None)
        assert (refusal.value.status, refusal.value.retry_after) == (503, 1)
        gate.set()
        for work in (*steps, *patches):
            work.result(timeout=5)
    assert order[:2] == ["patch 0", "patch 1"]
    assert sorted(order[2:]) == ["step 0", "step 1"]
    assert worker.patches_waiting == 0


def test_a_step_waits_for_a_few_patches_alone() -> None:
    worker, gate = DeviceWorker(patches_waiting=10), threading.Event()
    order: list[str] = []
    with ThreadPoolExecutor() as pool:
        holding = worker.patch(gate.wait)
        while worker.patches_waiting:
            pass
        step = pool.submit(worker.step, lambda: order.append("step"))
        while not worker._queue.qsize():
            pass
        patches = [worker.patch(lambda number=number: order.append(f"patch {number}")) for number in range(6)]
        gate.set()
        for work in (holding, step, *patches):
            work.result(timeout=5)
    worker.close()
    assert order == ["patch 0", "patch 1", "patch 2", "patch 3", "step", "patch 4", "patch 5"]


def test_fault_goes_to_the_one_who_asked(worker: DeviceWorker) -> None:
    with pytest.raises(ZeroDivisionError):
        worker.step(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        worker.patch(lambda: 1 / 0).result(timeout=5)
    assert worker.step(lambda: 7) == 7


def test_what_waits_at_the_end_is_cancelled() -> None:
    worker, gate = DeviceWorker(patches_waiting=2), threading.Event()
    first = worker.patch(gate.wait)
    while worker.patches_waiting:
        pass
    waiting = worker.patch(lambda: None)
    closing = threading.Thread(target=worker.close)
    closing.start()
    while worker._queue.qsize() < 2:
        pass
    gate.set()
    closing.join(timeout=5)
    assert first.result(timeout=5)
    with pytest.raises(CancelledError):
        waiting.result(timeout=5)


def test_what_comes_after_the_end_is_cancelled_at_once() -> None:
    worker = DeviceWorker(patches_waiting=1)
    worker.close()
    with pytest.raises(CancelledError):
        worker.step(lambda: None)
    for _ in range(2):
        with pytest.raises(CancelledError):
            worker.patch(lambda: None).result(timeout=5)
    assert worker.patches_waiting == 0
