"""Writes clips: videos of images that come at any time and in any size."""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2
import numpy as np

from har_ros.errors import HarError, ImageError
from har_ros.frames.compressed import AnyImage, decode_all
from har_ros.frames.pixels import to_rgb
from har_ros.frames.sampling import LATE, TimeGrid
from har_ros.recordings.video_file import VideoFile

JUMP = 2_000_000_000
"""Nanoseconds without an image, or by which the clock jumps, from which on the clip goes on as if they were none."""


class ClipFile:
    """A clip at a constant rate and size: images are repeated, left out and scaled as the first one asks for."""

    def __init__(self, path: Path, rate: float, max_side: int = 0, longest: float = math.inf) -> None:
        """rate: frames per second. max_side: pixels of the longer side, at most; 0: as the images are.

        longest: seconds after which the clip is full, and further images are left out.

        Raises HarError when the folder cannot be made.
        """
        self.path = path
        self.frames = 0
        self._grid = TimeGrid(rate)
        self._most = max(1.0, longest * rate)  # frames
        self._max_side = max_side
        self._size = (0, 0)
        self._last = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HarError(f"cannot write {path} ({os.strerror(error.errno or 0)}); check folder and disk") from None
        self._video = VideoFile(path, rate)

    def take(self, image: AnyImage) -> None:
        """Take the next image; one that cannot be decoded is left out. Raises HarError."""
        step = image.stamp - self._last
        restarts = not self.frames or step > JUMP or step < -LATE
        places = 1 if restarts else self._grid.due(image.stamp)
        places = int(min(places, self._most - self.frames))
        if not places or (step < 0 and not restarts):
            return
        try:
            pixels = np.ascontiguousarray(to_rgb(decode_all(image))[..., ::-1])
        except ImageError:
            return
        if not self.frames:
            # even sizes, which all codecs take
            scale = min(1.0, self._max_side / max(pixels.shape[:2])) if self._max_side else 1.0
            width, height = (max(2, round(side * scale / 2) * 2) for side in pixels.shape[1::-1])
            self._size = width, height
        if pixels.shape[1::-1] != self._size:
            pixels = np.asarray(cv2.resize(pixels, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        if restarts:
            self._grid.start(image.stamp)
        self._grid.take(places)
        self._last = image.stamp
        for _ in range(places):
            self._video.show(pixels)
        self.frames += places

    def close(self) -> None:
        """Finish the file; one without images does not appear. Raises HarError when the disk has no room for it."""
        self._video.close()

    def discard(self) -> None:
        """Give the clip up, unless it is finished."""
        self._video.discard()
