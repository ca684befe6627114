"""How much the service may keep on the disk."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from har_ros.errors import HarError
from har_ros.service.folder import ServiceFolder

FRESH = 10.0
"""Seconds after which the folder is measured again."""
DIGITS = 18
"""Of a number of bytes, at most."""


class NoRoomError(HarError):
    """What comes in does not fit beside what is kept."""


class TooMuchError(HarError):
    """Somebody sends too much at the same time."""


def number_of_bytes(text: str) -> int:
    """Return what a header says of a length, 0 for what is no number; of what no disk holds, the first digits only."""
    return int(text.lstrip("0")[:DIGITS] or "0") if text.isdecimal() else 0


class Room:
    """What is left of the disk for videos and results. Threads may use it at the same time.

    Nothing makes room by itself before its days are over: what somebody sent is theirs. Results of jobs that were let
    in may still go beyond the limit.
    """

    def __init__(self, folder: ServiceFolder, most: int, promised: Callable[[], int] = lambda: 0) -> None:
        """most: bytes of all that is kept. promised: how many are still to come of what was let in."""
        self._folder, self._most, self._promised = folder, most, promised
        self._lock = Lock()
        self._arriving = self._left = 0
        self._of: Counter[str] = Counter()  # what arrives
        self._measured = float("-inf")

    @contextmanager
    def taking(self, wanted: int, owner: str, most: int) -> Iterator[None]:
        """Let so many bytes of an owner in, which arrive while the block lasts. Raises NoRoomError, TooMuchError.

        most: of what arrives of the owner, but for what comes alone.
        """
        with self._lock:
            if self._of[owner] and self._of[owner] + wanted > most:
                raise TooMuchError(f"{self._of[owner]:,} bytes of yours are arriving already; send one after the other")
            self._check(wanted)
            self._arriving += wanted
            self._of[owner] += wanted
        try:
            yield
        finally:
            with self._lock:
                self._arriving -= wanted
                self._of[owner] -= wanted
                self._of = +self._of
                self._left -= wanted  # of those that are not there after all, until it is measured again

    def check(self, wanted: int = 0) -> None:
        """Raise NoRoomError when so many more bytes do not fit."""
        with self._lock:
            self._check(wanted)

    def _check(self, wanted: int) -> None:
        if time.monotonic() - self._measured > FRESH or self._left - self._arriving < wanted:
            self._measure()
        left = self._left - self._arriving
        if left < wanted:
            raise NoRoomError(
                f"{wanted:,} bytes do not fit into the {max(0, left):,} that are left of {self._most:,}; "
                "erase jobs that are not needed, and try again"
            )

    def _measure(self) -> None:
        free = shutil.disk_usage(self._folder.path).free
        self._left = min(self._most - self._folder.size(), free) - self._promised()
        self._measured = time.monotonic()
