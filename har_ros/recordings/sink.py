"""Where the command's annotated frames go: a video file (VideoFile), a window on the screen."""

from __future__ import annotations

import os
from typing import Protocol

import cv2

from har_ros.errors import ConfigurationError
from har_ros.frames.pixels import Pixels


class Sink(Protocol):
    """Takes frames, uint8 H×W×3 BGR."""

    def show(self, pixels: Pixels, stamp: int = 0) -> bool:
        """Take the next frame. stamp: in nanoseconds. Returns False when the user wants no more. Raises VideoError."""

    def close(self) -> None:
        """Finish."""


class Screen:
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

    def show(self, pixels: Pixels, stamp: int = 0) -> bool:
        """Take the next frame. Returns False when the user wants no more. Raises VideoError."""
        cv2.imshow(self.TITLE, pixels)
        return cv2.waitKey(1) & 0xFF not in (ord("q"), 27)

    def close(self) -> None:
        """Finish."""
        cv2.destroyAllWindows()


def has_screen() -> bool:
    """Return whether there is a screen."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
