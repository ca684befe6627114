"""What a robot shows: its cameras, and what it says of them. A node feeds it, the server shows it; without ROS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from har_ros.service.channel import Channel

WAITING = 100
"""Items that wait for a slow listener."""


@dataclass(frozen=True)
class LiveState:
    """running: whether a node recognises actions. shown: the cameras of which it can show images."""

    running: bool
    shown: tuple[str, ...]


class Live:
    """A robot's cameras, and what is said of them: one thread feeds it, the server's shows it.

    state: what can be seen at present. cameras: by name, such as cam01, JPEGs with its actions drawn in, the newest
    only for who is slow; replaced, never changed, since other threads read it.
    """

    def __init__(self, on_watch: Callable[[], None] = lambda: None) -> None:
        """on_watch: called when somebody begins or ends to watch a camera, on the server's thread."""
        self.cameras: dict[str, Channel[bytes]] = {}
        self.said: Channel[dict[str, Any]] = Channel(WAITING)
        self._on_watch = on_watch
        self.state = LiveState(False, ())
        self._lock = Lock()

    def message(self) -> dict[str, Any]:
        """Return what can be seen at present, as it is sent to those who listen."""
        return {"kind": "state", "running": self.state.running, "cameras": list(self.state.shown)}

    def set(self, running: bool, shown: Sequence[str]) -> None:
        """Say what can be seen from now on. A camera that is watched stays until nobody watches it."""
        state = LiveState(running, tuple(shown))
        with self._lock:
            watched = [name for name, camera in self.cameras.items() if camera.listeners]
            names = dict.fromkeys((*shown, *watched))
            self.cameras = {name: self.cameras.get(name) or Channel(1, self._on_watch) for name in names}
            changed, self.state = state != self.state, state
        if changed:
            self.said.put(self.message())

    def say(self, kind: str, content: dict[str, Any]) -> None:
        """Hand something to those who listen. kind: window or event. content: what JSON can hold."""
        self.said.put({"kind": kind, **content})
