"""The windows of a recording, as the node would gather them; a clip that is too short for one is played again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from har_ros.errors import ConfigurationError, ImageError
from har_ros.frames.compressed import AnyImage
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.window import Clip
from har_ros.models.card import ModelCard
from har_ros.networks.clip import NewestFrames
from har_ros.pipeline.repeat import F, ShortClip
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
    cameras = {name: Gatherer[AnyImage, T](new_stream(card, length), hop, see) for name in recording.cameras}
    first = None
    for name, image in images(recording):
        first = image.stamp if first is None else min(first, image.stamp)
        cameras[name].take(image)
    if first is None:
        raise ConfigurationError(f"{recording.path} has no image that can be read; remove it or fix it")
    for name, camera in cameras.items():
        called = f"{recording.path} ({name})" if len(recording.cameras) > 1 else str(recording.path)
        camera.fill_up(partial(_images_of, recording, name), called)
    return first, {name: camera.found for name, camera in cameras.items()}


def new_stream(card: ModelCard, length: int) -> Stream:
    """Return a stream of windows of so many frames, as a network for whole images takes them."""
    return Stream(NewestFrames(length, (card.images.height, card.images.width, 3)), card, StreamSettings())


def _images_of(recording: Recording, name: str) -> Iterator[AnyImage]:
    return (image for camera, image in images(recording) if camera == name)


class Spaced:
    """Chooses windows of one stream: one in `hop` frames, and the first one after each restart."""

    def __init__(self, hop: int) -> None:
        self._hop = hop
        self._next = (0, 0)  # restarts and number of the next window

    def takes(self, clip: Clip) -> bool:
        """Say whether this window is one of them. Windows are given in the order in which they come."""
        restarts, number = self._next
        if clip.restarts == restarts and clip.number < number:
            return False
        self._next = clip.restarts, clip.number + self._hop
        return True


class Gatherer(Generic[F, T]):
    """Takes what enters one stream, and lets a window be seen every `hop` frames."""

    def __init__(self, stream: Stream, hop: int, see: Callable[[Clip], T]) -> None:
        self.found: list[SeenWindow[T]] = []
        self.broken = 0  # images that could not be decoded
        self.stream = stream
        self._spaced = Spaced(hop)
        self._see = see
        self._clip = ShortClip()

    def take(self, frame: F) -> None:
        """Take the next frame; an image that cannot be decoded is left out, as in the node."""
        try:
            self._push(frame)
            self._clip.take(frame.stamp)
        except ImageError:
            self.broken += 1

    def fill_up(self, frames: Callable[[], Iterable[F]], name: str) -> None:
        """Play what is shorter than a window again, until there is one. Arguments as for ShortClip.again.

        Raises ConfigurationError.
        """
        if self.found or not self._clip.count:
            return
        for frame in self._clip.again(frames, self.stream, name):
            with suppress(ImageError):
                self._push(frame)
            if self.found:
                break
        self.found = [SeenWindow(self._clip.start, self._clip.end, window.seen) for window in self.found]

    def _push(self, frame: F) -> None:
        """Raises ImageError."""
        if not self.stream.push(frame):
            return
        with self.stream.window() as clip:
            if clip is not None and self._spaced.takes(clip):
                self.found.append(SeenWindow(clip.start, clip.end, self._see(clip)))
