"""Calls that were given up, and run out on their server: one that is cancelled through gRPC can crash older Tritons.

See the issues 7368 and 8034 of Triton's server. Through HTTP, the end of a connection did so in no trial.
"""

from __future__ import annotations

import atexit
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.wire import UnansweredError

RUN_OUT = 60.0
"""Seconds after its deadline at which a call is cancelled all the same: a server that answers nothing has no use for
it, and a connection that is dead may not say so for longer."""
LEAVING = 5.0
"""Seconds that Python waits at its end, at most, for what runs out: its end cancels that."""

_all: WeakSet[Future[Any]] = WeakSet()


class LateCalls:
    """Those of one network to one server, over all connections."""

    def __init__(self, most: int = 1) -> None:
        """most: while there are more, nothing is sent. With as many in flight at a time, there are never twice more."""
        self._most = most
        self._calls: set[Future[Any]] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def check(self, address: Address) -> None:
        """Raise UnansweredError where there are too many."""
        if len(self) > self._most:
            raise UnansweredError(
                f"the server at {address} has {self._most + 1} windows or more to answer that were given up"
            )

    def add(self, call: Future[Any]) -> None:
        """Give a call up. Its answer, or its end, comes later, and is dropped."""
        _all.add(call)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)


@atexit.register
def _leave() -> None:
    with suppress(KeyboardInterrupt):
        wait(list(_all), LEAVING)
