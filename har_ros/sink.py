"""Where the command's annotated frames go: a video file, a window on the screen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError, VideoError

CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
Pixels = NDArray[np.uint8]


class Sink(Protocol):
    """Takes frames, uint8 H×W×3 BGR."""

    def show(self, pixels: Pixels) -> bool:
        """Take the next frame. Returns False when the user wants no more. Raises VideoError."""

    def close(self) -> None:
        """Finish."""


class VideoFile:
    """Writes a video with the frames of the first one's size."""

    def __init__(self, path: str, rate: float) -> None:
        """Raises ConfigurationError when there is no codec for the name; rate: frames per second."""
        self._path, self._rate = Path(path), rate
        if self._path.suffix.lower() not in CODECS:
            raise ConfigurationError(f"cannot write {path!r}; give a file that ends in {', '.join(CODECS)}")
        if not self._path.absolute().parent.is_dir():
            raise ConfigurationError(f"cannot write {path!r}, its folder does not exist; make it first")
        self._writer: cv2.VideoWriter | None = None

    def show(self, pixels: Pixels) -> bool:
        """See Sink."""
        if self._writer is None:
            codec = cv2.VideoWriter.fourcc(*CODECS[self._path.suffix.lower()])
            self._writer = cv2.VideoWriter(str(self._path), codec, self._rate, (pixels.shape[1], pixels.shape[0]))
            if not self._writer.isOpened():
                raise VideoError(f"cannot write {self._path}; check its folder's permissions")
        self._writer.write(pixels)
        return True

    def close(self) -> None:
        """See Sink."""
        if self._writer is not None:
            self._writer.release()


class Window:
    """Shows the frames on the screen until q or Escape is pressed."""

    TITLE = "actionnet"

    def __init__(self) -> None:
        """Raises ConfigurationError when this OpenCV has no windows."""
        try:
            cv2.namedWindow(self.TITLE, cv2.WINDOW_NORMAL)
        except cv2.error:
            raise ConfigurationError(
                "this OpenCV shows no windows; give an output file, or replace opencv-python-headless by opencv-python"
            ) from None

    def show(self, pixels: Pixels) -> bool:
        """See Sink."""
        cv2.imshow(self.TITLE, pixels)
        return cv2.waitKey(1) & 0xFF not in (ord("q"), 27)

    def close(self) -> None:
        """See Sink."""
        cv2.destroyAllWindows()


def has_screen() -> bool:
    """Return whether there is a screen."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
