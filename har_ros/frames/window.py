"""The newest frames of one camera, always one contiguous array."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from har_ros.frames.spec import Resize


@dataclass(frozen=True)
class Clip:
    """Frames in order.

    frames: what the network takes of each, uint8 T×H×W×3 RGB for images; a view into the ring (see Window.hold).
    stamps: of each, in nanoseconds. frame_id: of the newest frame.
    number: of the newest frame's place, counted from the first frame ever.
    restarts: how often the window had begun again.
    idle: whether nothing moves in front of the camera. held: end of the windows that were left out before this one, as
    nothing moved in them: a stamp; None: there are none.
    """

    frames: NDArray[Any]
    stamps: tuple[int, ...]
    frame_id: str = ""
    number: int = 0
    restarts: int = 0
    idle: bool = False
    held: int | None = None

    @property
    def start(self) -> int:
        """Stamp of its oldest frame."""
        return self.stamps[0]

    @property
    def end(self) -> int:
        """Stamp of its newest frame."""
        return self.stamps[-1]


class Frame(Protocol):
    """What a stream takes: an image, or what was seen of a person in one."""

    @property
    def stamp(self) -> int:
        """When it was taken, nanoseconds."""

    @property
    def frame_id(self) -> str:
        """The camera's coordinate frame."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the image; None when they are not known."""

    def write(self, slot: NDArray[Any], resize: Resize) -> None:
        """Write what the network takes of it into a window's slot. Raises ImageError."""


def repeats(places: int) -> int:
    """Return how many of the places since the frame before are nearer to that one, which is repeated there.

    The new frame takes the last of `places`; two that are as near belong to it.
    """
    return (places - 1) // 2


class Window(Protocol):
    """Collects the frames of one camera, and lends them."""

    restarts: int  # how often it began again
    dropped: int  # windows, or steps, that newer frames replaced or a restart lost before they were lent

    @property
    def length(self) -> int:
        """Number of frames in a full window."""

    @property
    def fill(self) -> int:
        """Number of frames in the window, at most its length."""

    @property
    def ready(self) -> bool:
        """Whether `hold` has something new to lend."""

    def slot(self) -> NDArray[Any]:
        """Return where the next frame goes. It joins the window by `commit`, otherwise it is discarded."""

    def commit(self, stamp: int, frame_id: str = "", places: int = 1) -> None:
        """Make what was written into `slot()` the newest frame, with its stamp in nanoseconds.

        Of several places, those nearer to the frame before repeat that one, the others this one.
        """

    def hold(self) -> Clip:
        """Lend what is ready; its frames do not change until `release`, whatever arrives meanwhile."""

    def release(self) -> None:
        """Give back what was lent."""

    def reset(self) -> None:
        """Forget all frames: the window fills from the beginning."""


class FrameRing:
    """A ring of preallocated slots of which any `length` frames in a row, and fewer, are one contiguous view.

    Frame n lies in slot n % period. A window that runs over the ring's end goes on in copies of the first slots, so
    that it is one slice, too; a frame is copied when the first such window is asked for, so most frames never are
    where the network is slower than the camera:

        slots  0 … length-2 | length-1 … period-1 | period … period+length-2
                 the originals ──────────────────► the copies

    The period exceeds the length by `spare` slots, at least by one, where the next frame is written: frames
    that the network is reading stay unchanged while that many newer ones arrive, and cost no copy. When still
    more arrive, the ring moves to a new array and leaves the old one to the reader.
    """

    def __init__(self, length: int, shape: Sequence[int], spare: int, dtype: DTypeLike = np.uint8) -> None:
        """Allocate the slots for `length` frames of this shape and type."""
        self.length = length
        self.restarts = 0
        self.dropped = 0
        self._number = 0  # places taken since the first frame ever
        self._period = length + max(1, spare)
        self._slots = np.zeros((self._period + length - 1, *shape), dtype)
        self._headers: deque[tuple[int, str]] = deque(maxlen=length)  # stamp and frame_id
        self._next = 0  # frames written since the first frame ever
        self._copied = 0  # how many of the first slots have a copy, since the ring's first slot was written last
        self._held: int | None = None  # the oldest frame that is lent

    @property
    def fill(self) -> int:
        """Number of frames in the window, at most its length."""
        return len(self._headers)

    @property
    def newest(self) -> NDArray[Any]:
        """The frames in the window, in order; a view."""
        return self._view(self._next - self.fill, self.fill)

    def slot(self) -> NDArray[Any]:
        """Return where the next frame goes. It joins the window by `commit`, otherwise it is discarded."""
        if self._held is not None and self._next - self._period >= self._held:
            self._slots = self._slots.copy()
            self._held = None
        slot: NDArray[Any] = self._slots[self._next % self._period]
        return slot

    def _add(self, stamp: int, frame_id: str, places: int) -> None:
        """Make what was written into `slot()` the newest frame, see Window.commit."""
        self._number += places
        places = min(places, 2 * self.length)
        if before := repeats(places) if self._headers else 0:
            frame = self.slot().copy()
            self._repeat(before)
            self.slot()[:] = frame
        self._append(stamp, frame_id)
        self._repeat(places - before - 1)

    def _repeat(self, times: int) -> None:
        """Let the newest frame take the next places as well."""
        for _ in range(times):
            newest = self._slots[(self._next - 1) % self._period]
            self.slot()[:] = newest
            self._append(*self._headers[-1])

    def _append(self, stamp: int, frame_id: str) -> None:
        slot = self._next % self._period
        if slot == 0:
            self._copied = 0
        self._headers.append((stamp, frame_id))
        self._next += 1

    def _lend(self, count: int, newer: int) -> Clip:
        """Lend the `count` frames before the `newer` newest ones; they do not change until `release`."""
        self._held = self._next - newer - count
        end = len(self._headers) - newer
        headers = list(self._headers)[end - count : end]
        stamps = tuple(stamp for stamp, _ in headers)
        frames = self._view(self._held, count)
        return Clip(frames, stamps, headers[-1][1], self._number - newer, self.restarts)

    def _view(self, oldest: int, count: int) -> NDArray[Any]:
        """Return `count` frames from number `oldest` on, all of which are in the ring; a view."""
        first = oldest % self._period
        behind = first + count - self._period  # frames that lie behind the ring's end
        if behind > self._copied:
            new = slice(self._copied, behind)
            self._slots[self._period :][new] = self._slots[new]
            self._copied = behind
        return self._slots[first : first + count]

    def release(self) -> None:
        """Give back what was lent."""
        self._held = None

    def _clear(self) -> None:
        self._headers.clear()
        self.restarts += 1


class FrameWindow(FrameRing):
    """Lends all newest frames, as soon as there are `length` and enough of them are new.

    stride: how many have to be new; 0 is one, and more than `length` is `length`.
    """

    def __init__(
        self, length: int, shape: Sequence[int], spare: int | None = None, dtype: DTypeLike = np.uint8
    ) -> None:
        """Allocate room for `length` frames of this shape and type, and for `spare` newer ones (half as many)."""
        super().__init__(length, shape, length // 2 if spare is None else spare, dtype)
        self.stride = 0
        self._new = 0  # frames that have come since the last were lent

    @property
    def full(self) -> bool:
        """Whether the window has all its frames."""
        return self.fill == self.length

    @property
    def ready(self) -> bool:
        """Whether `hold` has something new to lend."""
        return self.full and self._new >= self._needed

    @property
    def _needed(self) -> int:
        return min(max(1, self.stride), self.length)

    def commit(self, stamp: int, frame_id: str = "", places: int = 1) -> None:
        """Make what was written into `slot()` the newest frame, with its stamp in nanoseconds."""
        needed = self._needed
        self.dropped += self.ready and self._new % needed + places >= needed
        self._new += places
        self._add(stamp, frame_id, places)

    def skip(self) -> None:
        """Leave the window out that is ready: it is not lent, and does not count as dropped."""
        self._new = 0

    def hold(self) -> Clip:
        """Lend the newest frames; what was lent may be lent again."""
        self._new = 0
        return self._lend(self.length, newer=0)

    def reset(self) -> None:
        """Forget all frames: the window fills from the beginning."""
        self.dropped += self.ready
        self._new = 0
        self._clear()


class FrameSteps(FrameRing):
    """Lends every frame once, in whole steps; the oldest steps that no longer fit are lost."""

    def __init__(self, step: int, steps: int, shape: Sequence[int]) -> None:
        """Allocate room for `steps` steps of `step` frames, of this shape, uint8."""
        super().__init__(step * steps, shape, spare=step)
        self._step = step
        self._new = 0  # frames in the ring that have not been lent yet

    @property
    def ready(self) -> bool:
        """Whether there is a new step."""
        return self._new >= self._step

    def commit(self, stamp: int, frame_id: str = "", places: int = 1) -> None:
        """Make what was written into `slot()` the newest frame, with its stamp in nanoseconds."""
        self._add(stamp, frame_id, places)
        self._new += places
        lost = max(0, math.ceil((self._new - self.length) / self._step))
        self._new -= lost * self._step
        self.dropped += lost

    def hold(self) -> Clip:
        """Lend what is ready; its frames do not change until `release`, whatever arrives meanwhile."""
        steps, left = divmod(self._new, self._step)
        self._new = left
        return self._lend(steps * self._step, newer=left)

    def reset(self) -> None:
        """Forget all frames: the window fills from the beginning."""
        self.dropped += self._new // self._step
        self._new = 0
        self._clear()
