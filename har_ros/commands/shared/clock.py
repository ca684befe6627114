"""The times that the terminal names of an input."""

from __future__ import annotations

import time

from har_ros.frames.sampling import SECOND


class Clock:
    """Counts the seconds of an input: of a file as its stamps do, of a camera or a stream from its first image on."""

    def __init__(self, live: bool) -> None:
        """live: whether stamps are nanoseconds since 1970."""
        self._live = live
        self.start: int | None = None if live else 0  # the stamp from which on it counts

    def take(self, stamp: int) -> None:
        """Take the stamp of the next image, in nanoseconds."""
        if self.start is None:
            self.start = stamp

    def text(self, stamp: int, width: int = 0) -> str:
        """Return the seconds until this stamp, and of a camera or a stream what a clock on the wall shows then.

        width: characters of the number, at least.
        """
        seconds = f"{(stamp - (self.start or 0)) / SECOND:{width}.2f} s"
        return f"{seconds}  {time.strftime('%H:%M:%S', time.localtime(stamp // SECOND))}" if self._live else seconds
