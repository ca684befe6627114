"""Many cameras, one network: whose window runs next.

The rule (`turn`): of the cameras with a ready window the network takes the one that it served longest ago, one never
served first, or as many of them as it runs at once. A camera is ready once, with its newest window: a window that
becomes ready before the last one ran replaces it, and the older one is dropped.

So nothing queues; every window that runs is its camera's newest; whoever is ready waits at most for one turn of each
other camera, however often those are ready; and the age of a result is bounded by one round of the cameras.
"""

from collections.abc import Hashable, Iterable, Mapping
from threading import Condition
from typing import Generic, TypeVar

Camera = TypeVar("Camera", bound=Hashable)


def turn(ready: Iterable[Camera], history: Mapping[Camera, int], limit: int = 1) -> list[Camera]:
    """Return those of the ready cameras that run next, at most `limit`.

    ready: in the order in which they became so, which decides among equals. history: each camera's last turn, numbered.
    """
    return sorted(ready, key=lambda camera: history.get(camera, -1))[:limit]


class Scheduler(Generic[Camera]):
    """Applies the rule; safe to use from several threads."""

    def __init__(self) -> None:
        self._ready: dict[Camera, None] = {}  # a dict keeps the order
        self._history: dict[Camera, int] = {}
        self._turns = 0
        self._changed = Condition()
        self._closed = False

    def offer(self, camera: Camera) -> None:
        """Say that the camera's window is ready."""
        with self._changed:
            if not self._closed:
                self._ready.setdefault(camera)
                self._changed.notify()

    def next(self, limit: int = 1) -> list[Camera]:
        """Wait for a camera and return those whose turn it is, at most `limit`; none after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._closed)
            if self._closed:
                return []
            cameras = turn(self._ready, self._history, limit)
            self._turns += 1
            for camera in cameras:
                del self._ready[camera]
                self._history[camera] = self._turns
            return cameras

    def remove(self, camera: Camera) -> None:
        """Forget a camera."""
        with self._changed:
            self._ready.pop(camera, None)
            self._history.pop(camera, None)

    def close(self) -> None:
        """End the waiting and forget the cameras: `next` returns none from now on."""
        with self._changed:
            self._closed = True
            self._ready.clear()
            self._history.clear()
            self._changed.notify_all()
