"""Video files as a camera would show them: at any time, the frame that is due."""

import logging
from pathlib import Path

import cv2
import numpy as np

from har_ros.errors import VideoError, no_video
from har_ros.frames.pixels import Pixels
from har_ros.recordings.losses import LEAST_FAILURES
from har_ros.recordings.source import check_name, sensible_rate

logger = logging.getLogger(__name__)


MEMORY_LIMIT = 256 << 20
"""Bytes of frames that one video may keep in memory, so that a short loop is decoded once."""


class Video:
    """One file, played in a loop. Its frames are uint8 H×W×3 BGR.

    max_side: what their longer side is scaled down to, in pixels; 0: as it is.
    """

    def __init__(self, path: str, max_side: int = 0) -> None:
        """Open the file and read its first frame. Raises VideoError."""
        self._path = path
        self._max_side = max_side
        check_name(path)
        if not Path(path).is_file():
            raise VideoError(f"video {path!r} does not exist; check the path")
        self._capture = cv2.VideoCapture(path)
        self._damaged = False
        first = self._decode()
        if first is None:
            raise VideoError(no_video(path))
        self.fps = sensible_rate(self._capture.get(cv2.CAP_PROP_FPS))
        self._frame = first
        self._index = 0
        self._last_due = -1
        self._kept: list[Pixels] | None = [first]
        self._all_kept = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its frames, in pixels."""
        return self._frame.shape[0], self._frame.shape[1]

    def at(self, seconds: float) -> Pixels | None:
        """Return the frame that is due so long after the start, None when that is the one of the last call.

        Time goes forward from call to call. Raises VideoError.
        """
        due = int(seconds * self.fps)
        if due == self._last_due:
            return None
        self._last_due = due
        if due - self._index > self.fps and not self._all_kept:
            self._index = due - 1  # too slow by a second: go on later rather than never
        while self._index < due and not self._all_kept:
            self._frame = self._next()
            self._index += 1
        return self._kept[due % len(self._kept)] if self._all_kept and self._kept else self._frame

    def _next(self) -> Pixels:
        """Return the frame after the present one, after the last the first again."""
        frame = self._decode()
        if frame is not None:
            self._keep(frame)
            return frame
        if self._kept is not None:
            self._all_kept = True
            self._capture.release()
            return self._kept[0]
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        frame = self._decode()
        if frame is None:
            raise VideoError(f"video {self._path!r} cannot be read again from its start; convert it to .mp4")
        return frame

    def _keep(self, frame: Pixels) -> None:
        if self._kept is not None:
            self._kept.append(frame)
            if len(self._kept) * frame.nbytes > MEMORY_LIMIT:
                self._kept = None

    def _decode(self) -> Pixels | None:
        """Return the next frame that can be decoded, None at the end."""
        reads = (self._capture.read()[1] for _ in range(LEAST_FAILURES))
        failed, frame = next(((n, frame) for n, frame in enumerate(reads) if frame is not None), (0, None))
        if frame is None:
            return None
        if failed and not self._damaged:
            self._damaged = True
            logger.warning("video %r has frames that cannot be decoded; they are left out", self._path)
        scale = self._max_side / max(frame.shape[:2]) if self._max_side else 1.0
        if scale >= 1:
            return np.asarray(frame, np.uint8)
        size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def default_topics(count: int) -> list[str]:
    """Return /cam01/image_raw, /cam02/image_raw and so on."""
    return [f"/cam{number:02}/image_raw" for number in range(1, count + 1)]
