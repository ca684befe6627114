"""Many cameras, one network: whose window runs next.

The rule (`turn`): of the cameras with a ready window the network takes the one that it served longest ago, one never
served first, or as many of them as it runs at once. A camera is ready once, with its newest window: a window that
becomes ready before the last one ran replaces it, and the older one is dropped.

So nothing queues; every window that runs is its camera's newest; whoever is ready waits at most for one turn of each
other camera, however often those are ready; and the age of a result is bounded by one round of the cameras.

Idle cameras, in whose pictures nothing moves, wait while others are ready, but for one window of IDLE_SHARE, which they
have together; for that, one of them is served as if it was not idle.
"""

from collections.abc import Hashable, Mapping
from threading import Condition
from typing import Generic, TypeVar

Camera = TypeVar("Camera", bound=Hashable)
IDLE_SHARE = 16
"""One window of so many is an idle camera's while others are ready: the others lose 6 %, and nobody is forgotten."""


def turn(
    ready: Mapping[Camera, bool], history: Mapping[Camera, int], limit: int = 1, due: bool = False
) -> list[Camera]:
    """Return those of the ready cameras that run next, at most `limit`.

    ready: cameras → whether they are idle, in the order in which they became ready, which decides among equals.
    history: each camera's last turn, numbered. due: whether an idle camera has its turn although others are ready.
    """
    ranked = sorted(ready, key=lambda camera: history.get(camera, -1))
    idle = [camera for camera in ranked if ready[camera]]
    if len(idle) == len(ranked):
        return idle[:limit]
    due_now = idle[:1] if due else []
    return [camera for camera in ranked if not ready[camera] or camera in due_now][:limit]


class Turns(Generic[Camera]):
    """Applies the rule. `ready` is as `turn` has it."""

    def __init__(self) -> None:
        self.ready: dict[Camera, bool] = {}  # a dict keeps the order
        self._history: dict[Camera, int] = {}
        self._count = 0
        self._others = 0  # windows since the last one of an idle camera

    def offer(self, camera: Camera, idle: bool = False) -> None:
        """Say that the camera's window is ready."""
        self.ready[camera] = idle and self.ready.get(camera, True)

    def take(self, limit: int = 1) -> list[Camera]:
        """Return those whose turn it is, at most `limit`; none where nobody is ready."""
        cameras = turn(self.ready, self._history, limit, self._others + 1 >= IDLE_SHARE)
        self._count += 1
        for camera in cameras:
            self._others = 0 if self.ready.pop(camera) else self._others + 1
            self._history[camera] = self._count
        return cameras

    def remove(self, camera: Camera) -> None:
        """Forget a camera."""
        self.ready.pop(camera, None)
        self._history.pop(camera, None)


class Scheduler(Generic[Camera]):
    """Lets a thread wait for the next turn; safe to use from several threads."""

    def __init__(self) -> None:
        self._turns: Turns[Camera] = Turns()
        self._changed = Condition()
        self._closed = False

    def offer(self, camera: Camera, idle: bool = False) -> None:
        """Say that the camera's window is ready. idle: nothing moves in its picture."""
        with self._changed:
            if not self._closed:
                self._turns.offer(camera, idle)
                self._changed.notify()

    def next(self, limit: int = 1) -> list[Camera]:
        """Wait for a camera and return those whose turn it is, at most `limit`; none after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._turns.ready or self._closed)
            return [] if self._closed else self._turns.take(limit)

    def remove(self, camera: Camera) -> None:
        """Forget a camera."""
        with self._changed:
            self._turns.remove(camera)

    def close(self) -> None:
        """End the waiting and forget the cameras: `next` returns none from now on."""
        with self._changed:
            self._closed = True
            self._turns = Turns()
            self._changed.notify_all()
