"""Decides which of a camera's frames enter its window, and how many places each takes there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from har_ros.errors import ConfigurationError, counted
from har_ros.frames.spec import WindowSpec

SECOND = 1_000_000_000
LATE = 100_000_000
"""Nanoseconds by which an image may be older than the newest: it was overtaken; by more, the clock went back."""


@dataclass(frozen=True)
class StreamSettings:
    """How a camera's frames become a window.

    skip_frames: frames left out between two that enter; -1: frames enter by their stamps, at the sample rate.
    sample_rate: frames per second in the window, 0 as the card says.
    max_gap: seconds between two frames after which the window starts over, 0 never.
    memory: seconds over which a continual network's answers are averaged, 0 as the clip network does.
    stride: frames that enter between two windows, at least; 0: each frame ends one. Networks that take each frame once
    have it in their steps.
    idle: auto: windows in which nothing moves are left out, but for one now and then; only where a window's answer
    depends on it alone.
    Raises ConfigurationError when frames would be sampled in both ways.
    """

    skip_frames: int = -1
    sample_rate: float = 0.0
    max_gap: float = 2.0
    memory: float = 0.0
    stride: int = 0
    idle: Literal["off", "auto"] = "off"

    def __post_init__(self) -> None:
        if self.skip_frames >= 0 and self.sample_rate > 0:
            raise ConfigurationError(
                f"skip_frames is {self.skip_frames} and sample_rate {self.sample_rate:g}, but frames are sampled by "
                "count or by time; set skip_frames to -1 or sample_rate to 0.0"
            )


class Sampler(Protocol):
    """Decides frame by frame. `due` only answers; `take` advances it."""

    def start(self, stamp: int) -> None:
        """Begin again with the frame of this stamp, in nanoseconds, which is due."""

    def due(self, stamp: int, images: int = 1) -> int:
        """Return how many places of the window the next frame takes; 0: it is left out.

        images: for how many of the camera's it stands.
        """

    def take(self, places: int, images: int = 1) -> None:
        """Move on after a frame that took this many places. images: see `due`."""

    def extent(self, length: int) -> str:
        """Return the span of a window of this many frames, in words."""


class FrameCount:
    """Every n-th frame, whatever its stamp: what actionNet does."""

    def __init__(self, skip_frames: int) -> None:
        self._stride = 1 + skip_frames
        self._seen = 0

    def start(self, stamp: int) -> None:
        """Begin again with the frame of this stamp, in nanoseconds, which is due."""
        self._seen = 0

    def due(self, stamp: int, images: int = 1) -> int:
        """Return how many of the next images enter, whose places this frame takes; 0: it is left out."""
        return sum(number % self._stride == 0 for number in range(self._seen, self._seen + images))

    def take(self, places: int, images: int = 1) -> None:
        """Move on after a frame that stood for so many images."""
        self._seen += images

    def extent(self, length: int) -> str:
        """Return the span of a window of this many frames, in words."""
        return counted(1 + (length - 1) * self._stride, "frame")


class TimeGrid:
    """One place for each tick of a clock that starts with the window's first frame.

    A frame takes the tick after the last taken one when it is 0.25 to 1.75 periods after that. This tolerance keeps
    a camera of just this rate at one place for each frame, although its stamps jitter and its clock drifts. A frame
    that comes later takes all ticks up to the nearest, one that comes earlier none. In the long run there are as many
    places as ticks, whatever the camera's rate.
    """

    def __init__(self, rate: float) -> None:
        """Rate: ticks per second."""
        self._rate = rate
        self._origin = 0
        self._taken = -1

    def start(self, stamp: int) -> None:
        """Begin again with the frame of this stamp, in nanoseconds, which is due."""
        self._origin, self._taken = stamp, -1

    def due(self, stamp: int, images: int = 1) -> int:
        """Return how many places of the window the next frame takes; 0: it is left out."""
        ahead = (stamp - self._origin) * self._rate / SECOND - self._taken
        return 1 if 0.25 <= ahead < 1.75 else max(0, round(ahead))

    def take(self, places: int, images: int = 1) -> None:
        """Move on after a frame that took this many places."""
        self._taken += places

    def extent(self, length: int) -> str:
        """Return the span of a window of this many frames, in words."""
        return f"{(length - 1) / self._rate:.2f} s"


def rate_of(spec: WindowSpec, settings: StreamSettings) -> float | None:
    """Return the frames per second that the settings ask for, or the card where they do not; None: count frames."""
    return (settings.sample_rate or spec.sample_rate) if settings.skip_frames < 0 else None


def sampler(spec: WindowSpec, settings: StreamSettings) -> Sampler:
    """Return the sampler that the settings ask for, or the card where they do not."""
    if rate := rate_of(spec, settings):
        return TimeGrid(rate)
    return FrameCount(spec.skip_frames if settings.skip_frames < 0 else settings.skip_frames)
