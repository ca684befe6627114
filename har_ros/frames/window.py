"""The newest frames of one camera, always one contiguous array."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clip:
    """Frames in order.

    frames: uint8, T×H×W×3 RGB, a view into the ring (see FrameWindow.hold).
    stamps: of each, in nanoseconds. frame_id: of the newest frame.
    number: of the newest frame's place, counted from the first frame ever.
    restarts: how often the window had begun anew.
    """

    frames: NDArray[np.uint8]
    stamps: tuple[int, ...]
    frame_id: str = ""
    number: int = 0
    restarts: int = 0

    @property
    def start(self) -> int:
        """Stamp of its oldest frame."""
        return self.stamps[0]

    @property
    def end(self) -> int:
        """Stamp of its newest frame."""
        return self.stamps[-1]


def repeats(places: int) -> int:
    """Return how many of the places since the frame before are nearer to that one, which is repeated there.

    The new frame takes the last of `places`; two that are as near belong to it.
    """
    return (places - 1) // 2


class FrameWindow:
    """A ring of preallocated slots whose last `length` frames are always one contiguous view.

    Frame n lies in slot n % period. The first length - 1 slots are written a second time, behind the
    ring, so that a window which runs over its end is one slice too:

        slots  0 … length-2 | length-1 … period-1 | period … period+length-2
                  written twice ───────────────────► the copies

    The period exceeds the length by `spare` slots, at least by one, where the next frame is written: a window
    that the network is reading stays as it is while so many newer frames arrive, and costs no copy. When still
    more arrive, the ring moves to a new array and leaves the old one to the reader.
    """

    def __init__(self, length: int, height: int, width: int, spare: int | None = None) -> None:
        """Allocate the slots for `length` frames of height×width RGB; `spare` defaults to half the length."""
        self.length = length
        self.dropped = 0  # what was ready, and then replaced by newer frames or lost by a restart before it was lent
        self._period = length + max(1, length // 2 if spare is None else spare)
        self._slots = np.zeros((self._period + length - 1, height, width, 3), np.uint8)
        self._headers: deque[tuple[int, str]] = deque(maxlen=length)  # stamp and frame_id
        self._next = 0
        self._number = 0
        self._held: int | None = None
        self.restarts = 0  # how often it began anew
        self._new = 0  # frames that have not been lent, as far as they are still here

    @property
    def fill(self) -> int:
        """Number of frames in the window, at most its length."""
        return len(self._headers)

    @property
    def full(self) -> bool:
        """Whether the window has all its frames."""
        return len(self._headers) == self.length

    @property
    def ready(self) -> bool:
        """Whether `hold` has something new to lend: all newest frames, as soon as one of them is new."""
        return self.full and self._new > 0

    @property
    def _waiting(self) -> int:
        """Number of windows, or steps, that `hold` would lend."""
        return int(self.ready)

    def slot(self) -> NDArray[np.uint8]:
        """Return where the next frame goes: uint8 H×W×3. It joins the window by `commit`, else it is forgotten."""
        if self._held is not None and self._next - self._period >= self._held:
            self._slots = self._slots.copy()
            self._held = None
        slot: NDArray[np.uint8] = self._slots[self._next % self._period]
        return slot

    def commit(self, stamp: int, frame_id: str = "", places: int = 1) -> None:
        """Make what was written into `slot()` the newest frame, with its stamp in nanoseconds.

        Of several places, those nearer to the frame before repeat that one, the others this one.
        """
        self._number += places
        self._count(places)
        places = min(places, 2 * self.length)
        if before := repeats(places) if self._headers else 0:
            frame = self.slot().copy()
            self._repeat(before)
            self.slot()[:] = frame
        self._append(stamp, frame_id)
        self._repeat(places - before - 1)

    def _count(self, places: int) -> None:
        """Take note of new frames."""
        self.dropped += self._waiting
        self._new = 1

    def _due(self) -> tuple[int, int]:
        """Return how many frames `hold` lends, and how many newer ones there are, which are not due yet."""
        return self.length, 0

    def _repeat(self, times: int) -> None:
        """Let the newest frame take the next places as well."""
        for _ in range(times):
            newest = self._slots[(self._next - 1) % self._period]
            self.slot()[:] = newest
            self._append(*self._headers[-1])

    def _append(self, stamp: int, frame_id: str) -> None:
        slot = self._next % self._period
        if slot < self.length - 1:
            self._slots[slot + self._period] = self._slots[slot]
        self._headers.append((stamp, frame_id))
        self._next += 1

    def hold(self) -> Clip:
        """Lend what is ready; its frames do not change until `release`, whatever arrives meanwhile."""
        count, self._new = self._due()
        self._held = self._next - self._new - count
        first = self._held % self._period
        headers = list(self._headers)[-self._new - count : -self._new or None]
        stamps = tuple(stamp for stamp, _ in headers)
        frames, number = self._slots[first : first + count], self._number - self._new
        return Clip(frames, stamps, headers[-1][1], number, self.restarts)

    def release(self) -> None:
        """Give the held window's slots back."""
        self._held = None

    def reset(self) -> None:
        """Forget all frames: the window fills anew."""
        self.dropped += self._waiting
        self._new = 0
        self._headers.clear()
        self.restarts += 1


class FrameSteps(FrameWindow):
    """Lends every frame once, in whole steps: all that are there, the oldest that have no room any more are lost."""

    def __init__(self, step: int, steps: int, height: int, width: int) -> None:
        """Allocate room for so many steps of `step` frames, of height×width RGB."""
        super().__init__(step * steps, height, width, spare=step)
        self._step = step

    @property
    def ready(self) -> bool:
        """Whether there is a new step."""
        return self._new >= self._step

    @property
    def _waiting(self) -> int:
        """See FrameWindow."""
        return self._new // self._step

    def _count(self, places: int) -> None:
        """See FrameWindow."""
        self._new += places
        lost = max(0, -((self.length - self._new) // self._step))
        self._new -= lost * self._step
        self.dropped += lost

    def _due(self) -> tuple[int, int]:
        """See FrameWindow."""
        left = self._new % self._step
        return self._new - left, left
