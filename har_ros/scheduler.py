"""Many cameras, one network: whose window runs next.

The rule: cameras with a ready window stand in a line, each at most once, and the network takes the first.
A camera whose window is ready again while it stands there keeps its place; the network will get the newer
window, and the older is dropped. So no camera is served twice before every waiting one was served once, the window
that runs is always the camera's newest, and nothing queues.
"""

from collections.abc import Hashable
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

    def next(self) -> Camera | None:
        """Wait for a camera and return the one whose turn it is; None after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._line or self._closed)
            if self._closed:
                return None
            camera = next(iter(self._line))
            del self._line[camera]
            return camera

    def close(self) -> None:
        """End the waiting: `next` returns None from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
