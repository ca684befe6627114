"""Where people will be: a constant-velocity Kalman filter for the boxes of several people.

State: middle x, middle y, width and height of a box, and their velocities. All noise is in proportion to the person's
size, and the same for the four, so that one 2×2 covariance in units of the size does for all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MEASUREMENT = 0.05
"""Standard deviation of a measured coordinate, in sizes of the person; as in SORT and DeepSORT."""
ACCELERATION = 0.3
"""Power of the white noise that accelerates people, in (sizes / s²)² · s."""
FIRST_VELOCITY = 1.0
"""Standard deviation of the velocity of somebody who has just appeared, in sizes / s."""
SLOWING = 1.0
"""Time constant in seconds in which somebody who is not seen is taken to stop."""


class Motion:
    """The filters of N people, in the order in which they were added."""

    def __init__(self) -> None:
        self._mean: NDArray[np.float64] = np.zeros((0, 4, 2))  # coordinate × (position, velocity), pixels and seconds
        self._covariance: NDArray[np.float64] = np.zeros((0, 2, 2))  # of each coordinate, in sizes

    def __len__(self) -> int:
        return len(self._mean)

    @property
    def boxes(self) -> NDArray[np.float32]:
        """Where they are: float32 N×4, left, top, right, bottom."""
        position = self._mean[:, :, 0]
        half = np.maximum(position[:, 2:], 1) / 2
        return np.concatenate([position[:, :2] - half, position[:, :2] + half], axis=1).astype(np.float32)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """How uncertain their places are: standard deviation in sizes of the person."""
        deviation: NDArray[np.float64] = np.sqrt(self._covariance[:, 0, 0])
        return deviation

    def add(self, boxes: NDArray[Any]) -> None:
        """Add people who have just been seen in these boxes."""
        mean = np.stack([_coordinates(boxes), np.zeros((len(boxes), 4))], axis=2)
        covariance = np.zeros((len(boxes), 2, 2)) + np.diag([MEASUREMENT**2, FIRST_VELOCITY**2])
        self._mean = np.concatenate([self._mean, mean])
        self._covariance = np.concatenate([self._covariance, covariance])

    def keep(self, chosen: NDArray[Any]) -> None:
        """Forget all others."""
        self._mean, self._covariance = self._mean[chosen], self._covariance[chosen]

    def predict(self, seconds: float, unseen: NDArray[np.bool_]) -> None:
        """Go on by so many seconds. unseen: who was not seen the last time, and is taken to slow down."""
        step = np.where(unseen, SLOWING * (1 - np.exp(-seconds / SLOWING)), seconds)
        velocity = np.where(unseen, np.exp(-seconds / SLOWING), 1.0)
        self._mean[unseen, 2:, 1] = 0  # somebody who disappears behind something does not shrink
        self._mean[:, :, 0] += self._mean[:, :, 1] * step[:, None]
        self._mean[:, :, 1] *= velocity[:, None]
        transition = np.zeros((len(self), 2, 2))
        transition[:, 0, 0], transition[:, 0, 1], transition[:, 1, 1] = 1, step, velocity
        noise = np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]]) * ACCELERATION
        self._covariance = transition @ self._covariance @ transition.transpose(0, 2, 1) + noise

    def correct(self, places: NDArray[np.int64], boxes: NDArray[Any]) -> None:
        """Take in where some of them are seen. places: their numbers, each once."""
        covariance = self._covariance[places]
        gain = covariance[:, :, 0] / (covariance[:, 0, 0] + MEASUREMENT**2)[:, None]
        surprise = _coordinates(boxes) - self._mean[places, :, 0]
        self._mean[places] += surprise[:, :, None] * gain[:, None]
        self._covariance[places] = covariance - gain[:, :, None] * covariance[:, None, 0]


def _coordinates(boxes: NDArray[Any]) -> NDArray[np.float64]:
    """Return middle x, middle y, width and height."""
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return np.asarray(np.concatenate([middle, size], axis=1), np.float64)
