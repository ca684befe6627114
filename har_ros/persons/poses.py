"""People as a pose network finds them in one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.frames.skeletons import NAMES

JOINTS = len(NAMES)
"""Of a skeleton, in COCO's order."""


@dataclass(frozen=True)
class Poses:
    """N people, best first. Positions are in pixels, x right and y down.

    scores: float32 N, 0…1. boxes: float32 N×4, left, top, right, bottom. keypoints: float32 N×17×3, x, y and
    confidence 0…1.
    """

    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    keypoints: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, chosen: NDArray[Any]) -> Poses:
        """Return some of them: a mask, or numbers in the order that is wanted."""
        return Poses(self.scores[chosen], self.boxes[chosen], self.keypoints[chosen])

    def scaled(self, factor: float) -> Poses:
        """Return them in an image that is so many times as large."""
        keypoints = self.keypoints.copy()
        keypoints[:, :, :2] *= factor
        return Poses(self.scores, self.boxes * np.float32(factor), keypoints)
