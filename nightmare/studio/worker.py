"""One thread that owns the device. What is asked of it is done in order of urgency, so that a brush never waits for a
whole dream: dreams hand in one step at a time.
"""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import PriorityQueue
from typing import Any, TypeVar

from nightmare.studio.errors import Refusal

__all__ = ["DeviceWorker"]

_PATCH, _STEP = 0, 1
_PATIENCE = 4  # patches that may come after a step and yet before it; more would have it wait as long as many brush
_Result = TypeVar("_Result")


class DeviceWorker:
    """Runs pieces of work one after the other: patches before steps, each kind in the order it came, and no more than
    a few patches before a step that was there first.

    At most `patches_waiting` patches wait; further ones are refused. What comes after the end is cancelled at once.
    """

    def __init__(self, *, patches_waiting: int) -> None:
        self._most = patches_waiting
        self._waiting = 0
        self._closed = False
        self._lock = threading.Lock()
        self._order = itertools.count()
        # By the turn, and of one turn the patch first.
        self._queue: PriorityQueue[tuple[int, int, Future[Any] | None, Callable[[], Any]]] = PriorityQueue()
        self._thread = threading.Thread(target=self._run, name="device", daemon=True)
        self._thread.start()

    def step(self, work: Callable[[], _Result]) -> _Result:
        """The result of `work`, which yields to patches that wait. Blocks until it is done.

        Raises `CancelledError` where the end comes before.
        """
        with self._lock:
            future = self._submit(_STEP, work)
        return future.result()

    def patch(self, work: Callable[[], _Result]) -> "Future[_Result]":
        """`work` before all steps. Raises `Refusal` when too many patches wait."""
        with self._lock:
            if self._waiting >= self._most:
                raise Refusal(503, "The dreamer is busy.", retry_after=1)
            if not self._closed:
                self._waiting += 1
            return self._submit(_PATCH, work)

    @property
    def patches_waiting(self) -> int:
        """Patches that have not begun."""
        return self._waiting

    def close(self) -> None:
        """End the thread after what it is doing; what still waits is cancelled."""
        with self._lock:
            self._closed = True
            self._queue.put((-1, _PATCH, None, lambda: None))
        self._thread.join()

    def _submit(self, urgency: int, work: Callable[[], _Result]) -> "Future[_Result]":
        """For those who hold the lock: nothing may come to the queue after the thread has emptied it."""
        future: Future[_Result] = Future()
        if self._closed:
            future.cancel()
        else:
            turn = next(self._order) + (_PATIENCE if urgency == _STEP else 0)
            self._queue.put((turn, urgency, future, work))
        return future

    def _run(self) -> None:
        while True:
            _, urgency, future, work = self._queue.get()
            if future is None:
                break
            if urgency == _PATCH:
                with self._lock:
                    self._waiting -= 1
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # the one who asked hears of it
                future.set_exception(error)
        while not self._queue.empty():
            _, _, future, _ = self._queue.get()
            if future:
                future.cancel()
