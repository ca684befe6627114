"""What fine-tuning does to a clip's frames: another moment, another crop, its mirror image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from har_ros.models.card import ModelCard

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Augmentation:
    """margin: by which the frames exceed the network's size, from which it is cropped at random.

    jitter: part of a window by which its start is moved at random. mirror: half of the clips are mirrored.
    """

    margin: float = 1 / 7
    jitter: float = 1 / 4
    mirror: bool = True

    def wide(self, card: ModelCard) -> ModelCard:
        """Return the card with frames as large as random crops need; no larger than what the card scales to."""
        most = card.images.resize.shorter_side or 4096
        height, width = (min(most, round(side * (1 + self.margin))) for side in (card.images.height, card.images.width))
        return replace(card, input=replace(card.images, height=height, width=width))

    def long(self, length: int) -> int:
        """Return the frames from which a window of `length` is taken."""
        return length + round(length * self.jitter)

    def draw(self, frames: Frames, length: int, size: tuple[int, int], rng: np.random.Generator) -> Frames:
        """Return random `length` frames of this height and width of T×H×W×3, in the order of time, contiguous."""
        start, top, left = (
            int(rng.integers(have - want + 1)) for have, want in zip(frames.shape, (length, *size), strict=False)
        )
        taken = frames[start : start + length, top : top + size[0], left : left + size[1]]
        mirrored = self.mirror and rng.random() < 0.5
        return np.ascontiguousarray(taken[:, :, ::-1] if mirrored else taken)
