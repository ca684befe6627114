"""One backend serves while another is being made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend, State
from har_ros.errors import error_text

logger = logging.getLogger(__name__)


class Standby:
    """Runs the network on `meanwhile` until `make`, in a thread of its own, has made what is to run it.

    Where that fails, a warning says so and `meanwhile` goes on. make: gets an event, which is set when what it makes is
    no longer wanted.
    """

    def __init__(self, meanwhile: Backend, make: Callable[[Event], Backend]) -> None:
        self._serving = meanwhile
        self._made: Backend | None = None
        self._closed = Event()
        self._lock = Lock()  # of the last two
        self._thread = Thread(target=self._make, args=[make], name="standby")
        logger.info("%s serves until the engine is ready", meanwhile.name)
        self._thread.start()

    @property
    def name(self) -> str:
        """What runs the network now."""
        return self._serving.name

    @property
    def max_batch(self) -> int:
        """How many inputs that runs at once."""
        return self._serving.max_batch

    def new_state(self) -> State:
        """Return another stream's state; a network with states cannot be on standby."""
        return self._serving.new_state()

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """Return one row of outputs for each input; a backend that was made takes over first. Raises ModelError."""
        if made := self._take():
            before, self._serving = self._serving, made
            before.close()
            logger.info("%s serves from now on", made.name)
        return self._serving.infer(inputs, states)

    def close(self) -> None:
        """Free the networks. Python waits for `make` before it ends, and what that still makes is freed."""
        with self._lock:
            self._closed.set()
        try:
            if made := self._take():
                made.close()
        finally:
            self._serving.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until `make` has ended, at most `timeout` seconds; returns whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _take(self) -> Backend | None:
        """Return what was made, once."""
        with self._lock:
            made, self._made = self._made, None
        return made

    def _make(self, make: Callable[[Event], Backend]) -> None:
        try:
            made = make(self._closed)
        except Exception as error:  # the network goes on, whatever was wrong
            if not self._closed.is_set():
                logger.warning("%s stays, because: %s", self._serving.name, error_text(error))
            return
        with self._lock:
            if not self._closed.is_set():
                self._made = made
                return
        made.close()
