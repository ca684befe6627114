"""Which windows of a camera are left out while nothing moves in its picture."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from har_ros.frames.motion import Motion
from har_ros.frames.sampling import SECOND

CALM = 3.0
"""Seconds without movement, at least, after which a camera is idle; a slow movement may pause for as long."""
PERIOD = 2.0
"""Seconds between two windows of an idle camera: the network's second look, should a movement have been overlooked."""


class Idleness:
    """Watches the frames of one camera. A window in which Motion sees a movement is never left out."""

    def __init__(self) -> None:
        self.since: int | None = None  # stamp of the last movement, nanoseconds; None: the camera is not idle
        self._motion = Motion()
        self._moved = 0  # stamp of the last movement
        self._places = 0  # of the window, since then
        self._lent = 0  # end of the window that the network had last
        self._held: int | None = None  # end of the window that was left out last
        self._offered = False  # and not lent yet

    def reset(self) -> None:
        """Begin again: another scene may follow."""
        self._motion, self.since, self._held, self._offered = Motion(), None, None, False
        self._lent = 0  # the clock may have gone back

    def watch(self, frame: NDArray[Any], stamp: int, places: int, length: int, only_still: bool = False) -> bool:
        """Take a frame that enters the window, and how many places of its length it takes.

        Returns whether it was taken: with only_still, none in which something moves is.
        """
        if self._motion.take(frame, stamp, only_still):
            if only_still:
                return False
            self._moved, self._places = stamp, 0
        else:
            self._places += places
        calm = self._places >= length and stamp - self._moved >= CALM * SECOND
        self.since = self._moved if calm else None
        return True

    def offers(self, end: int) -> bool:
        """Return whether the network should have the window that ends here, else it is left out.

        What was offered waits until it is lent: the newest window takes its place.
        """
        if self.since is None or self._offered or end - self._lent >= PERIOD * SECOND:
            self._offered = True
            return True
        self._held = end
        return False

    def lend(self, end: int) -> int | None:
        """Take note that the network has a window. Returns the end of what was left out just before, if anything."""
        held, self._held, self._offered, self._lent = self._held, None, False, end
        return held
