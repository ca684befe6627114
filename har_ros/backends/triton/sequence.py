"""States that a server keeps, as Triton's sequences: one for each stream."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from queue import SimpleQueue


@dataclass(frozen=True)
class Step:
    """A step of a sequence. number: the sequence's, Triton's correlation id. start, end: is it the first, the last?"""

    number: int
    start: bool = False
    end: bool = False


def new_number() -> int:
    """Return a number that no other sequence has, of no other robot either; Triton's client takes 63 bits."""
    return secrets.randbelow(2**63 - 1) + 1


class SequenceState:
    """One stream's state on the server, which the stream's next step begins.

    Each beginning is another sequence: a late step of the one before cannot get into it.
    """

    def __init__(self, idle: float, over: SimpleQueue[int]) -> None:
        """idle: seconds without a step after which the server forgets it. over: gets the numbers of ended sequences."""
        self._idle = idle
        self._over = over
        self._number = new_number()
        self._asked: float | None = None  # monotonic seconds, of its newest step

    @property
    def kept(self) -> bool:
        """Whether the server still has it. After half the time it may forget it before the next step is there."""
        return self._asked is None or time.monotonic() - self._asked < self._idle / 2

    def step(self) -> Step:
        """Return the next step, which is sent at once."""
        start, self._asked = self._asked is None, time.monotonic()
        return Step(self._number, start)

    def reset(self) -> None:
        """Make it zeros again."""
        self._end()
        self._number, self._asked = new_number(), None

    def _end(self) -> None:
        if self._asked is not None:
            self._over.put(self._number)

    __del__ = _end
