"""The windows of a recording, as the node would gather them; a clip that is too short for one is played again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from har_ros.card import ModelCard
from har_ros.compressed import AnyImage
from har_ros.errors import ConfigurationError, ImageError
from har_ros.evaluate.recording import Recording
from har_ros.recognizer import Stream
from har_ros.sampling import StreamSettings
from har_ros.window import Clip, FrameWindow

SHORTEST = 8
"""A recording needs 1/SHORTEST of a window, at least."""
T = TypeVar("T")


@dataclass(frozen=True)
class Window(Generic[T]):
    """start, end: stamps of its first and last frame, nanoseconds. seen: what was made of it."""

    start: int
    end: int
    seen: T


def windows(
    recording: Recording, card: ModelCard, length: int, hop: int, see: Callable[[Clip], T]
) -> tuple[int, dict[str, list[Window[T]]]]:
    """Return the stamp of the recording's first image, and the windows of each camera.

    length: frames of a window. hop: frames from one window to the next, at least. see: called with each window, whose
    frames are lent. Raises HarError when there is none.
    """
    cameras = {name: _Camera(card, length, hop, see) for name in recording.cameras}
    first = None
    for name, image in images(recording):
        first = image.stamp if first is None else min(first, image.stamp)
        cameras[name].take(image)
    if first is None:
        raise ConfigurationError(f"{recording.path} has no image that can be read; remove it or mend it")
    for name, camera in cameras.items():
        camera.fill_up(recording, name)
    return first, {name: camera.found for name, camera in cameras.items()}


def images(recording: Recording) -> Iterator[tuple[str, AnyImage]]:
    """Yield camera and image of what can be read, stamped as the node does it. Raises HarError."""
    for recorded in recording.images():
        if not isinstance(recorded.image, ImageError):
            stamp = recorded.image.stamp or recorded.arrival
            yield recorded.camera, dataclasses.replace(recorded.image, stamp=stamp)


class _Gathering:
    """What a Stream needs of a network when its windows are all that is wanted."""

    step = 0
    backend: Any = None

    def __init__(self, length: int) -> None:
        self.length = length

    def new_window(self, height: int, width: int) -> FrameWindow:
        return FrameWindow(self.length, height, width)

    def new_memory(self) -> None:
        pass

    def run(self, clips: Any, memories: Any) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        pass


class _Camera(Generic[T]):
    """Takes one camera's images, and lets every so manieth window be seen."""

    def __init__(self, card: ModelCard, length: int, hop: int, see: Callable[[Clip], T]) -> None:
        self.found: list[Window[T]] = []
        self._length = length
        self._hop = hop
        self._see = see
        self._stream = Stream(card, ("",), _Gathering(length), StreamSettings())
        self._next = (0, 0)  # restarts and number of the next window
        self._stamps: list[int] = []  # of the first image and of the last
        self._count = 0

    def take(self, image: AnyImage) -> None:
        """Take the next image; one that cannot be decoded is left out, as in the node."""
        try:
            ready = self._stream.push(image)
        except ImageError:
            return
        self._count += 1
        self._stamps = [*self._stamps[:1], image.stamp]
        if not ready:
            return
        with self._stream.window() as clip:
            if clip is not None and (clip.restarts != self._next[0] or clip.number >= self._next[1]):
                self._next = clip.restarts, clip.number + self._hop
                self.found.append(Window(clip.start, clip.end, self._see(clip)))

    def fill_up(self, recording: Recording, name: str) -> None:
        """Play a recording that is shorter than a window again, until there is one. Raises ConfigurationError."""
        if self.found or not self._count:
            return
        if self._count < 2 or self._stream.fill * SHORTEST < self._length:
            raise ConfigurationError(
                f"{recording.path} has {self._count} image{'s' if self._count > 1 else ''}, which is less than "
                f"{self._stream.extent} / {SHORTEST}; remove it or give a longer one"
            )
        start, end = self._stamps
        period = (end - start) // (self._count - 1) + (end - start)
        for again in range(1, SHORTEST + 1):
            if not self.found:
                self._play(recording, name, again * period)
        if not self.found:
            raise ConfigurationError(
                f"{recording.path} has gaps that leave no {self._stream.extent} of {name} in one piece; remove it or "
                "record it again"
            )
        self.found = [Window(start, end, window.seen) for window in self.found]

    def _play(self, recording: Recording, name: str, later: int) -> None:
        """Take the images once more, so much later, until there is a window."""
        for camera, image in images(recording):
            if camera == name:
                self.take(dataclasses.replace(image, stamp=image.stamp + later))
            if self.found:
                return
