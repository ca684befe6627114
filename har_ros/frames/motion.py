"""Whether anything moves in a camera's picture: a cheap measure on the frames that the network gets."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.frames.sampling import SECOND

BLOCK = 8
"""Pixels along a side of the blocks whose means are compared, unless there would be fewer than LEAST."""
LEAST = 8
"""Blocks along a side of the picture, at least, where it has as many pixels."""
SIGMAS = 7.0
"""By how many standard deviations of its noise a block differs when something moves there."""
FLOOR, CEILING = 0.3, 2.0
"""Between what the noise of a block's mean is taken to be, of 255; with much more, noise is a movement."""
MOVING_BLOCKS = 2
"""How many blocks differ when something moves, at least."""
ADAPTED = 10.0
"""Time constant, seconds, with which what came to stay becomes the picture, and slow changes of the light as well."""
NOISE_ADAPTED = 2.0
"""The same for the noise."""
GAIN = 4.0
"""By how much a row may become brighter or darker, at most, and still have the same in it."""

Blocks = NDArray[np.float32]


class Motion:
    """Compares each frame of one camera with a slowly adapting picture of what is there.

    A gain and an offset of the whole picture are no movement (exposure, clouds), nor is a gain of each row (lamps that
    flicker while the rows are read out).
    """

    def __init__(self) -> None:
        self._picture: Blocks | None = None
        self._change: Blocks | None = None
        self._noise = CEILING
        self._frames = 0  # from which the noise is known
        self._stamp = 0

    def take(self, frame: NDArray[np.uint8], stamp: int, only_still: bool = False) -> bool:
        """Take the next frame, uint8 H×W×3 RGB, and its stamp in nanoseconds. Returns whether something moves in it.

        only_still: leave one out in which something moves.
        """
        blocks = _blocks(frame)
        seconds = max(0, stamp - self._stamp) / SECOND
        if self._picture is None or self._picture.shape != blocks.shape:
            self._picture, self._change, self._frames, self._stamp = blocks, None, 0, stamp
            return True
        change = _unexplained(self._picture, blocks)
        noise, frames = self._noise, self._frames
        if self._change is not None:
            frames += 1
            # of a difference of two normal values: its median is 0.954 standard deviations of one
            difference = _median(np.abs(change - self._change)) / 0.954
            noise += (difference - noise) * max(1 / frames, -math.expm1(-seconds / NOISE_ADAPTED))
        limit = SIGMAS * min(max(noise, FLOOR), CEILING)
        moves = int(np.count_nonzero(np.abs(change) > limit)) >= MOVING_BLOCKS
        if not (moves and only_still):
            self._noise, self._frames, self._change, self._stamp = noise, frames, change, stamp
            self._picture += (blocks - self._picture) * -math.expm1(-seconds / ADAPTED)
        return moves


def _blocks(frame: NDArray[np.uint8]) -> Blocks:
    """Return the mean luminance of each block, 0…255."""
    height, width = (max(side // BLOCK, min(side, LEAST)) for side in frame.shape[:2])
    luminance = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.resize(luminance, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _unexplained(picture: Blocks, blocks: Blocks) -> Blocks:
    """Return by how much the blocks differ from the picture in their light: of two kinds, that which explains more."""
    middle = blocks.shape[1] // 2
    rows = np.partition((blocks + 1) / (picture + 1), middle, axis=1)[:, middle, None]
    flicker = picture * np.clip(rows, 1 / GAIN, GAIN)
    mean, centred = float(blocks.mean()), picture - picture.mean()
    gain = (float(np.vdot(centred, blocks)) + 1.0) / (float(np.vdot(centred, centred)) + 1.0)
    exposure = centred * gain + mean
    changes = [np.asarray(blocks - np.minimum(lit, 255), np.float32) for lit in (flicker, exposure)]
    return min(changes, key=lambda change: _median(np.abs(change)))


def _median(values: Blocks) -> float:
    return float(np.partition(values.ravel(), values.size // 2)[values.size // 2])
