"""The windows of a recording, as the node would gather them; a clip that is too short for one is played again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from har_ros.errors import ConfigurationError, ImageError
from har_ros.frames.compressed import AnyImage
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.window import Clip
from har_ros.models.card import ModelCard
from har_ros.networks.clip import NewestFrames
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.stream import Stream
from har_ros.recordings.recording import Recording, images

T = TypeVar("T")


@dataclass(frozen=True)
class SeenWindow(Generic[T]):
    """start, end: stamps of its first and last frame, nanoseconds. seen: what was made of it."""

    start: int
    end: int
    seen: T


def windows(
    recording: Recording, card: ModelCard, length: int, hop: int, see: Callable[[Clip], T]
) -> tuple[int, dict[str, list[SeenWindow[T]]]]:
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
        raise ConfigurationError(f"{recording.path} has no image that can be read; remove it or fix it")
    for name, camera in cameras.items():
        camera.fill_up(recording, name)
    return first, {name: camera.found for name, camera in cameras.items()}


class _Camera(Generic[T]):
    """Takes one camera's images, and lets a window be seen every `hop` frames."""

    def __init__(self, card: ModelCard, length: int, hop: int, see: Callable[[Clip], T]) -> None:
        self.found: list[SeenWindow[T]] = []
        self._length = length
        self._hop = hop
        self._see = see
        memory = NewestFrames(length, (card.images.height, card.images.width, 3))
        self._stream = Stream(memory, card, StreamSettings())
        self._next = (0, 0)  # restarts and number of the next window
        self._clip = ShortClip()

    def take(self, image: AnyImage) -> None:
        """Take the next image; one that cannot be decoded is left out, as in the node."""
        with suppress(ImageError):
            self._push(image)
            self._clip.take(image.stamp)

    def fill_up(self, recording: Recording, name: str) -> None:
        """Play a recording that is shorter than a window again, until there is one. Raises ConfigurationError."""
        if self.found or not self._clip.count:
            return

        def own() -> Iterator[AnyImage]:
            return (image for camera, image in images(recording) if camera == name)

        called = f"{recording.path} ({name})" if len(recording.cameras) > 1 else str(recording.path)
        for image in self._clip.again(own, self._stream, called):
            with suppress(ImageError):
                self._push(image)
            if self.found:
                break
        self.found = [SeenWindow(self._clip.start, self._clip.end, window.seen) for window in self.found]

    def _push(self, image: AnyImage) -> None:
        """Raises ImageError."""
        if not self._stream.push(image):
            return
        with self._stream.window() as clip:
            if clip is not None and (clip.restarts != self._next[0] or clip.number >= self._next[1]):
                self._next = clip.restarts, clip.number + self._hop
                self.found.append(SeenWindow(clip.start, clip.end, self._see(clip)))
