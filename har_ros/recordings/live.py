"""Cameras and network streams, which are opened again while they give no images."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.errors import VideoError
from har_ros.recordings.decoding import Frames
from har_ros.recordings.link import missing, shown

logger = logging.getLogger(__name__)

NEVER = float("inf")
"""Seconds after which a source is given up that is tried again for ever."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds before a source is opened again: each time twice as many, at most the longest."""
LOG_PERIOD = 60.0
"""Seconds between two messages that a source has gone."""
_OPENING = Lock()


class LiveFrames:
    """The frames of a camera or a stream, also after it has gone for a while. stopped: set it to end the waiting."""

    def __init__(
        self, name: str, capture: cv2.VideoCapture, reopen: Callable[[], cv2.VideoCapture], give_up: float
    ) -> None:
        """capture: which is open. give_up: seconds without a frame after which they end; 0: with the first one."""
        self.stopped = Event()
        self._link, self._name = name, shown(name)
        self._capture = capture
        self._reopen = reopen
        self._give_up = give_up
        self._losses = 0
        self._count, self._at = 0, 0.0  # frames, and the time of the last one in a film, milliseconds
        self._next_message = 0.0

    def frames(self) -> Frames:
        """Yield the frames. One that gives none at all, and a film, which has an end, is not opened again.

        Raises VideoError when it is given up, and when a film breaks off.
        """
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))  # of a film behind a link
        try:
            frame = self._read()
            while frame is not None:
                yield frame
                frame = self._read()
                if frame is None and self._give_up and count <= 0:
                    frame = self._again()
            if self._count and count > 0:
                self._check_end(count)
        finally:
            self._capture.release()

    def _check_end(self, count: int) -> None:
        """Raise VideoError when a film of so many frames broke off."""
        if missing(self._link, count, self._capture.get(cv2.CAP_PROP_FPS), self._count, self._at):
            raise VideoError(
                f"{self._name} broke off after frame {self._count} of {count}, at {self._at / 1000:.1f} s; the results "
                "up to there are valid; try it again, or fetch the file first"
            )

    def _read(self) -> NDArray[np.uint8] | None:
        frame = self._capture.read()[1]
        if frame is None:
            return None
        self._count, self._at = self._count + 1, self._capture.get(cv2.CAP_PROP_POS_MSEC)
        return np.asarray(frame, np.uint8)

    def _again(self) -> NDArray[np.uint8] | None:
        """Return the first frame after the source has gone, None when it is stopped. Raises VideoError."""
        self._losses += 1
        gone, wait, told = time.monotonic(), FIRST_WAIT, False
        while (left := gone + self._give_up - time.monotonic()) > 0:
            told = told or self._tell()
            self._capture.release()
            if self.stopped.wait(min(wait, left)):
                return None
            self._capture = _quietly(self._reopen)
            if (frame := self._read()) is not None:
                if told:
                    logger.info("%s is back after %.0f s", self._name, time.monotonic() - gone)
                return frame
            wait = min(2 * wait, LONGEST_WAIT)
        raise VideoError(f"{self._name} gave no images for {self._give_up:g} s; check that it is there and free")

    def _tell(self) -> bool:
        """Say that the source has gone, unless that was said just now. Returns whether it was said."""
        if time.monotonic() < self._next_message:
            return False
        self._next_message = time.monotonic() + LOG_PERIOD
        often = f" ({self._losses} times so far)" if self._losses > 1 else ""
        text = "%s gives no more images%s; it is opened again after %g s, and then more and more rarely, up to %g s"
        logger.warning(text, self._name, often, FIRST_WAIT, LONGEST_WAIT)
        return True


def _quietly(reopen: Callable[[], cv2.VideoCapture]) -> cv2.VideoCapture:
    """Open without OpenCV's own messages, which would come each time; one source at a time: they share their level."""
    with _OPENING:
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            return reopen()
        finally:
            cv2.utils.logging.setLogLevel(level)
