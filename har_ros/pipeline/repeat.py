"""A clip that is shorter than a window is repeated until it fills one, in teaching and in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from har_ros.errors import ConfigurationError, counted
from har_ros.frames.compressed import AnyImage, EncodedImage
from har_ros.frames.pixels import CameraImage
from har_ros.frames.skeletons import SkeletonFrame
from har_ros.pipeline.stream import Stream

F = TypeVar("F", CameraImage, EncodedImage, AnyImage, SkeletonFrame)
"""What a clip consists of."""
SHORTEST = 8
"""A clip needs 1/SHORTEST of a window, at least."""


class ShortClip:
    """What it takes to repeat a clip: the number of its images, and the stamps of the first and the last."""

    def __init__(self) -> None:
        self.count = 0
        self.start = self.end = 0  # nanoseconds

    def take(self, stamp: int) -> None:
        """Take note of an image that was pushed into the clip's stream."""
        self.start = self.start if self.count else stamp
        self.end = stamp
        self.count += 1

    def again(self, frames: Callable[[], Iterable[F]], stream: Stream, name: str) -> Iterator[F]:
        """Yield the clip's frames over and over, each time a clip's length later; stop when there is a window.

        frames: reads them from the beginning. stream: into which the clip was pushed. name: what an error calls the
        clip. Raises ConfigurationError when the clip is too short, and when no repetition gave a window.
        """
        if self.count < 2 or stream.fill * SHORTEST < stream.length:
            raise ConfigurationError(
                f"{name} is too short, with {counted(self.count, 'image')}: a window spans "
                f"{stream.extent}, of which a clip needs 1/{SHORTEST} and two images; remove it or give a longer one"
            )
        period = (self.end - self.start) // (self.count - 1) + (self.end - self.start)
        for number in range(1, SHORTEST + 1):
            for frame in frames():
                yield replace(frame, stamp=frame.stamp + number * period)
        raise ConfigurationError(
            f"{name} has gaps that leave no {stream.extent} in one piece; remove it or record it again"
        )
