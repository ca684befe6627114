"""Many cameras, one network: whose window runs next.

The rule: cameras with a ready window stand in a line, each at most once, and the network takes the first, or as many
from the front as it runs at once.
A camera whose window is ready again while it stands there keeps its place; the network will get the newer
window, and the older is dropped. So no camera is served twice before every waiting one was served once, the window
that runs is always the camera's newest, and nothing queues.
"""

from collections.abc import Hashable
from itertools import islice
from threading import Condition
from typing import Generic, TypeVar

Camera = TypeVar("Camera", bound=Hashable)


class Scheduler(Generic[Camera]):
    """The line in which cameras wait for the network; safe to use from several threads."""

    def __init__(self) -> None:
        self._line: dict[Camera, None] = {}  # a dict keeps the order of arrival
        self._changed = Condition()
        self._closed = False

    def offer(self, camera: Camera) -> None:
        """Say that the camera's window is ready."""
        with self._changed:
            self._line[camera] = None
            self._changed.notify()

    def next(self, limit: int = 1) -> list[Camera]:
        """Wait for a camera and return those whose turn it is, at most `limit`; none after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._closed)
            if self._closed:
                return []
            cameras = list(islice(self._line, limit))
            for camera in cameras:
                del self._line[camera]
            return cameras

    def close(self) -> None:
        """End the waiting: `next` returns no camera from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
