"""One backend serves while another is being made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Event, Lock, Thread
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend, State
from har_ros.errors import ModelError, error_text

logger = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that `close` waits for a thread that makes again what was lost, and does not keep Python from ending."""


class Standby:
    """Runs the network on `meanwhile` until `make`, in a thread of its own, has made what is to run it.

    Where that fails, a warning says so and `meanwhile` goes on. make: gets an event, which is set when what it makes is
    no longer wanted. awaited: what it makes, in words. made: what serves at first. keep: what was made may fail; then
    `meanwhile`, which is not closed, serves until `make` has made it again, or has closed it. turn: how often another
    took over; no state goes from one to the other.
    """

    def __init__(
        self,
        meanwhile: Backend,
        make: Callable[[Event], Backend],
        awaited: str = "the engine",
        made: Backend | None = None,
        keep: bool = False,
    ) -> None:
        self._meanwhile = meanwhile
        self._make = make
        self._awaited = awaited
        self._keep = keep
        self._serving = made or meanwhile
        self.turn = 0
        self._made: Backend | None = None
        self._closed = Event()
        self._lock = Lock()  # of the last two
        self._thread: Thread | None = None
        if made is None:
            logger.info("%s serves until %s is ready", meanwhile.name, awaited)
            self._start()

    @property
    def name(self) -> str:
        """What runs the network now."""
        return self._serving.name

    @property
    def max_batch(self) -> int:
        """How many inputs that runs at once."""
        return self._serving.max_batch

    @property
    def waiting(self) -> bool:
        """Whether a backend was made that is to take over."""
        return self._made is not None

    def new_state(self) -> StandbyState:
        """Return another stream's state, which is lost whenever another backend takes over."""
        return StandbyState(self)

    def serving_state(self) -> State:
        """Return another stream's state in what serves now."""
        return self._serving.new_state()

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """Return one row of outputs for each input. Raises ModelError.

        A backend that was made takes over first; where there are states, only when one of them is reset.
        """
        if not states:
            self.take_over()
        kept = [cast(StandbyState, state) for state in states]
        if any(state.turn != self.turn for state in kept):  # another stream's reset let another backend take over
            raise ModelError("the state is of a backend that serves no longer; the stream begins again")
        try:
            return self._serving.infer(inputs, [state.served for state in kept])
        except ModelError as error:
            if not self._keep or self._serving is self._meanwhile:
                raise
            self._give_up(error)
            if states:
                raise
            return self._instead(error, inputs)

    def take_over(self) -> None:
        """Let a backend that was made serve from now on."""
        if made := self._take():
            before, self._serving = self._serving, made
            self.turn += 1
            if not self._keep:
                before.close()
            logger.info("%s serves from now on", made.name)

    def _give_up(self, error: ModelError) -> None:
        """Let `meanwhile` serve, because of an error."""
        self._serving = self._meanwhile
        self.turn += 1
        logger.warning("%s serves until %s is ready, because: %s", self._meanwhile.name, self._awaited, error)
        self._start()

    def _instead(self, error: ModelError, inputs: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Return what `meanwhile` answers; where it fails, too, the first error is raised."""
        try:
            return self._meanwhile.infer(inputs)
        except ModelError:
            raise error from None

    def close(self) -> None:
        """Free the networks. Python waits for `make` before it ends, and what that still makes is freed.

        With `keep`, this waits PATIENCE seconds for `make`, and Python does not.
        """
        with self._lock:
            self._closed.set()
        try:
            if made := self._take():
                made.close()
        finally:
            with ExitStack() as both:  # one that cannot be freed does not keep the other
                if self._keep and self._serving is not self._meanwhile:
                    both.callback(self._meanwhile.close)
                if self._keep:
                    both.callback(self.wait, PATIENCE)
                both.callback(self._serving.close)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until `make` has ended, at most `timeout` seconds; returns whether it has."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _take(self) -> Backend | None:
        """Return what was made, once."""
        with self._lock:
            made, self._made = self._made, None
        return made

    def _start(self) -> None:
        self._thread = Thread(target=self._run, name="standby", daemon=self._keep)
        self._thread.start()

    def _run(self) -> None:
        try:
            made = self._make(self._closed)
        except Exception as error:  # the network goes on, whatever was wrong
            if not self._closed.is_set():
                logger.warning("%s stays, because: %s", self._serving.name, error_text(error))
            return
        with self._lock:
            if not self._closed.is_set():
                self._made = made
                return
        made.close()


class StandbyState:
    """One stream's state in what serves. Use it from the thread that infers; `reset` comes first.

    served: the state there. turn: of the standby, when it began.
    """

    def __init__(self, standby: Standby) -> None:
        self._standby = standby
        self.turn = -1
        self.served: State

    @property
    def kept(self) -> bool:
        """Whether what keeps it serves, and goes on serving."""
        return self.turn == self._standby.turn and not self._standby.waiting and self.served.kept

    def reset(self) -> None:
        """Make it zeros again, in a backend that was made if there is one."""
        self._standby.take_over()
        if self.turn == self._standby.turn:
            self.served.reset()
        else:
            self.served, self.turn = self._standby.serving_state(), self._standby.turn
