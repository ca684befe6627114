"""A thread in which a network serves whoever's turn it is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Generic, TypeVar

from har_ros.backends.backend import Backend
from har_ros.pipeline.scheduler import Scheduler

T = TypeVar("T", bound=Hashable)


class NetworkThread(ABC, Generic[T]):
    """Takes from the scheduler as many at once as the backend runs, until it is stopped."""

    def __init__(self, name: str, scheduler: Scheduler[T], backend: Backend, lock: Lock) -> None:
        """lock: held while the network runs."""
        self.busy_since: float | None = None  # monotonic seconds
        self._stopped = False
        self._scheduler = scheduler
        self._backend = backend
        self._lock = lock
        self._thread = Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin the work."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """End the work; nothing is published afterwards. Returns False when the network still runs after `timeout`."""
        self._stopped = True
        self._scheduler.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while turn := self._scheduler.next(self._backend.max_batch):
            self._serve(turn)

    @abstractmethod
    def _serve(self, turn: list[T]) -> None:
        """Run the network for these; must not raise."""

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Hold the lock, and tell since when the network is busy."""
        self.busy_since = time.monotonic()
        try:
            with self._lock:
                yield
        finally:
            self.busy_since = None
