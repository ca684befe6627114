"""Counts how many of the images that a camera sent arrive."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

PERIOD = 5.0
"""Minimum seconds over which images are counted."""
SILENCE = 2.0
"""Seconds without an image after which a camera counts as silent, not as losing images."""
TOLERATED = 0.05
"""Fraction of the images that may be lost without a warning; a single one always may."""


@dataclass(frozen=True)
class Shortfall:
    """Images per second that arrived, and that were sent."""

    arrived: float
    sent: float

    def __str__(self) -> str:
        """Return it in words; to a tenth, since in whole numbers 8.6 of 9.4 would be 9 of 9."""
        return f"{self.arrived:.1f} of {self.sent:.1f} images/s arrive"


@dataclass(frozen=True)
class _Counts:
    """What was counted until a moment, in seconds."""

    at: float
    arrived: int = 0
    skipped: int = 0  # numbers left out between images that arrived
    lost: int = 0  # as the middleware says


class Arrivals:
    """Counts a topic's images. Moments are monotonic seconds.

    Two things are evidence. The publisher numbers its messages, and the numbers left out were lost on the way or in
    this node's queue. The middleware reports what was lost on the way, even while nothing arrives or where there are
    no numbers. The images' stamps are no evidence: a camera that skips images looks the same as one that loses
    them.
    """

    def __init__(self) -> None:
        self._now = _Counts(0.0)
        self._before: deque[_Counts] = deque()  # a second apart; the first is PERIOD old, or the oldest there is
        self._number: int | None = None
        self._went_back = -float("inf")

    @property
    def lost(self) -> int:
        """Number of images known to be lost since the beginning."""
        return max(self._now.skipped, self._now.lost)

    def arrive(self, now: float, number: int | None = None) -> None:
        """Count an image. number: the publisher's of this message, None when it is not known."""
        skipped = 0
        if number is not None:
            if self._number is not None and number > self._number:
                skipped = number - self._number - 1
            elif self._number is not None:  # another publisher, or the same one restarted: nothing follows from it
                self._went_back = now
            self._number = number
        self._count(now, arrived=1, skipped=skipped)

    def forget(self) -> None:
        """Count nothing as lost that came between the last image and the next one."""
        self._number = None

    def lose(self, now: float, count: int) -> None:
        """Count images of which the middleware says that they are lost."""
        self._count(now, lost=count)

    def shortfall(self, now: float) -> Shortfall | None:
        """Return the rates of the last seconds when too few images arrived, else None."""
        if not self._before or now - self._now.at > SILENCE:
            return None
        first, last = self._before[0], self._now
        elapsed = last.at - first.at
        arrived = last.arrived - first.arrived
        skipped = last.skipped - first.skipped if self._went_back < first.at else 0
        lost = max(skipped, last.lost - first.lost)
        if elapsed <= 0 or lost < 2 or lost <= TOLERATED * (arrived + lost):
            return None
        return Shortfall(arrived / elapsed, (arrived + lost) / elapsed)

    def _count(self, now: float, arrived: int = 0, skipped: int = 0, lost: int = 0) -> None:
        last = self._now
        self._now = _Counts(now, last.arrived + arrived, last.skipped + skipped, last.lost + lost)
        if not self._before or now - self._before[-1].at >= 1:
            self._before.append(self._now)
        while len(self._before) > 1 and self._before[1].at <= now - PERIOD:
            self._before.popleft()
