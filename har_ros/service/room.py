"""How much the service may keep on the disk."""

from __future__ import annotations

import time
from threading import Lock

from fastapi import HTTPException, Request

from har_ros.service.folder import ServiceFolder

FRESH = 10.0
"""Seconds after which the folder is measured again."""
DIGITS = 18
"""Of a length, at most."""


class Room:
    """What is left of the disk for videos and results. Threads may use it at the same time."""

    def __init__(self, folder: ServiceFolder, most: int) -> None:
        """most: bytes of all that is kept."""
        self._folder, self._most = folder, most
        self._lock = Lock()
        self._used, self._measured = 0, float("-inf")

    def take(self, wanted: int) -> None:
        """Let so many bytes in. Raises HTTPException when there is no room for them.

        Nothing makes room by itself before its days are over: what somebody sent is theirs. Results of jobs that were
        let in may still go beyond the limit.
        """
        with self._lock:
            if time.monotonic() - self._measured > FRESH or self._used + wanted > self._most:
                self._used, self._measured = self._folder.size(), time.monotonic()
            if self._used + wanted > self._most:
                raise HTTPException(
                    507,
                    f"{self._used / 1e9:.1f} GB of {self._most / 1e9:.1f} GB are taken, and {wanted / 1e6:.0f} MB more "
                    "do not fit; erase jobs that are not needed, and try again",
                )
            self._used += wanted


def check_room(request: Request) -> None:
    """Raise HTTPException when there is no room for what a request brings or announces. For a route's dependencies."""
    room: Room = request.app.state.service.room
    lengths = (request.headers.get(name, "") for name in ("content-length", "upload-length"))
    room.take(sum(int(length[:DIGITS]) for length in lengths if length.isdecimal()))
