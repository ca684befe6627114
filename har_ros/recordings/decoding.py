"""The frames of a video file: all that can be decoded, in their places."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.errors import VideoError
from har_ros.recordings.losses import NEAR, Losses

Frames = Iterator[NDArray[np.uint8] | None]
"""Pixels of a frame after the other, uint8 H×W×3 BGR; None in place of one that is lost."""
EXACT_HEADERS = (".mp4", ".m4v", ".mov", ".avi")
AHEAD = 6
"""Frames that are looked at ahead: more than an encoder puts out of their order."""
BACK = 16
"""Frames before one that is wanted at which a search for it begins; so many times as far where that was too late."""


def decoded(
    name: str, capture: cv2.VideoCapture, rate: float, first: int = 0, times: NDArray[np.float64] | None = None
) -> Frames:
    """Yield the frames of a file, see `timed`."""
    return (frame for frame, _ in timed(name, capture, rate, first, times))


def timed(
    name: str, capture: cv2.VideoCapture, rate: float, first: int = 0, times: NDArray[np.float64] | None = None
) -> Iterator[tuple[NDArray[np.uint8] | None, float]]:
    """Yield the frames of a file from this one on, and their times in it, milliseconds; of those that are lost, others.

    rate: frames per second. times: see open_part. Raises VideoError at the end when frames were lost, and when a file
    ends well before its header says.
    """
    count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
    losses, reads, read, failed = Losses(name, rate, count), _Reads(capture), first, 0
    if first and times is not None:
        yield _found(name, capture, first, times), float(times[first])
        losses.begin(times[first])
        read += 1
    while failed <= losses.patience(read):
        frame, at = reads.next()
        if frame is None:
            failed += 1
            continue
        lost = losses.before(at, read, failed, reads.times_ahead)
        if lost < 0:
            continue
        yield from [(None, at)] * lost
        read, failed = read + lost + 1, 0
        yield frame, at
    capture.release()
    few, said = max(2, count // 50), losses.said()
    if 0 < read < count - few and read < _shown(name, count, rate, losses, read) - few:
        also = f" ({said})" if said else ""
        raise VideoError(
            f"{name} cannot be read after frame {read} of {count}{also}; the results up to there are valid"
        )
    if said and read:
        raise VideoError(f"{said}; the results of the rest are valid")


class _Reads:
    """Reads a file's frames with their times, milliseconds, and looks ahead."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self._ahead: deque[tuple[NDArray[np.uint8] | None, float]] = deque()

    def next(self) -> tuple[NDArray[np.uint8] | None, float]:
        """Return the next frame, None where it cannot be read."""
        return self._ahead.popleft() if self._ahead else self._read()

    def times_ahead(self) -> list[float]:
        """Return the times of the frames that are next."""
        while len(self._ahead) < AHEAD:
            self._ahead.append(self._read())
        return [at for frame, at in self._ahead if frame is not None]

    def _read(self) -> tuple[NDArray[np.uint8] | None, float]:
        frame = self._capture.read()[1]
        return (None, 0.0) if frame is None else (np.asarray(frame, np.uint8), self._capture.get(cv2.CAP_PROP_POS_MSEC))


def _shown(name: str, count: int, rate: float, losses: Losses, read: int) -> int:
    """Return how many of its frames a file shows. Those before a cut that kept what was encoded are for the decoder.

    The headers of some kinds of files only estimate: of these, it is the frames that were read and what is behind them.
    An .avi also counts those that were left out as it was recorded, and FFmpeg estimates its length where it is cut.
    """
    if name.lower().endswith(".avi"):
        return min(count, read + losses.until(count / rate))
    if not name.lower().endswith(EXACT_HEADERS):
        return read + losses.after()
    import av
    from av.error import FFmpegError

    try:
        with av.open(f"file:{name}") as container:
            length = (container.duration or 0) / av.time_base
            return min(count, round(length * rate), read + losses.until(length)) if length else count
    except (FFmpegError, OSError):
        return count


def _found(name: str, capture: cv2.VideoCapture, index: int, times: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the frame with this index. Raises VideoError where it is not at its time.

    OpenCV counts frames from a keyframe on by their times and the mean rate, and is wrong where the rate varies.
    """
    back = BACK
    while True:
        capture.set(cv2.CAP_PROP_POS_FRAMES, max(0, index - back))
        here = times.searchsorted(capture.get(cv2.CAP_PROP_POS_MSEC) - NEAR) if capture.grab() else len(times)
        if here <= index or back > index:
            break
        back *= BACK
    for _ in range(index - int(here)):
        capture.grab()
    frame = capture.retrieve()[1]
    if frame is None or abs(capture.get(cv2.CAP_PROP_POS_MSEC) - times[index]) > NEAR:
        raise VideoError(f"{name} has no frame at {times[index] / 1e3:.3f} s; convert it to .mp4")
    return np.asarray(frame, np.uint8)
