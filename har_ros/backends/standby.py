"""One backend serves while another is being made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.backends import Backend, State
from har_ros.errors import HarError

logger = logging.getLogger(__name__)


class Standby:
    """Runs the network on `meanwhile` until `make`, in a thread of its own, has made what is to run it.

    Where that fails, a warning says so and `meanwhile` goes on.
    """

    def __init__(self, meanwhile: Backend, make: Callable[[], Backend]) -> None:
        self._serving = meanwhile
        self._made: Backend | None = None
        self._closed = False
        self._thread = Thread(target=self._make, args=[make], name="standby", daemon=True)
        logger.info("%s serves until the engine is ready", meanwhile.name)
        self._thread.start()

    @property
    def name(self) -> str:
        """See Backend."""
        return self._serving.name

    @property
    def max_batch(self) -> int:
        """See Backend."""
        return self._serving.max_batch

    def new_state(self) -> State:
        """See Backend; a network with states cannot be on standby."""
        return self._serving.new_state()

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """See Backend."""
        if self._made is not None:
            self._serving.close()
            self._serving, self._made = self._made, None
            logger.info("%s serves from now on", self._serving.name)
        return self._serving.infer(inputs, states)

    def close(self) -> None:
        """See Backend. A build that goes on is left to itself."""
        self._closed = True
        if self._made is not None:
            self._made.close()
        self._serving.close()

    def _make(self, make: Callable[[], Backend]) -> None:
        try:
            made = make()
        except HarError as error:
            logger.warning("%s goes on, because: %s", self._serving.name, error)
            return
        if self._closed:
            made.close()
        else:
            self._made = made
