"""A square around somebody who is followed, which a clip network takes like a camera's image."""

from __future__ import annotations

import math
from dataclasses import dataclass

from har_ros.frames.pixels import Box, CameraImage, Pixels, write_box
from har_ros.frames.spec import Resize

MARGIN = 1.25
"""Side of the square, in longer sides of the person's box."""
SETTLING = 0.5
"""Time constant in seconds in which the square follows the size of the person's box: its place is smooth already."""


@dataclass(frozen=True)
class Crop:
    """A square of an image; what lies outside the image is black.

    left, top: of the square in the image's pixels, which may be negative. side: its length in pixels.
    """

    image: CameraImage
    left: float
    top: float
    side: float

    @property
    def stamp(self) -> int:
        """When the image was taken, nanoseconds."""
        return self.image.stamp

    @property
    def frame_id(self) -> str:
        """The camera's coordinate frame."""
        return self.image.frame_id

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.image.size

    def write(self, slot: Pixels, resize: Resize) -> None:
        """Resize the square into a window's slot; of `resize` the interpolation counts. Raises ImageError."""
        height, width = slot.shape[:2]
        image_height, image_width = self.image.size
        box = Box(
            max(0, math.floor(self.top)),
            max(0, math.floor(self.left)),
            min(image_height, math.ceil(self.top + self.side)),
            min(image_width, math.ceil(self.left + self.side)),
        )
        scale_y, scale_x = height / self.side, width / self.side
        top, bottom = (min(height, max(0, round((edge - self.top) * scale_y))) for edge in (box.top, box.bottom))
        left, right = (min(width, max(0, round((edge - self.left) * scale_x))) for edge in (box.left, box.right))
        if (top, left, bottom, right) == (0, 0, height, width):
            write_box(self.image, box, resize.interpolation, slot)
            return
        slot[:] = 0
        if top < bottom and left < right and box.top < box.bottom and box.left < box.right:
            part = slot[top:bottom, left:right].copy()
            write_box(self.image, box, resize.interpolation, part)
            slot[top:bottom, left:right] = part


class Square:
    """Follows a person's box: in its middle, with a side that changes slowly, so that a raised arm does not zoom."""

    def __init__(self) -> None:
        self._side: float | None = None
        self._stamp = 0

    def around(self, image: CameraImage, box: tuple[float, float, float, float]) -> Crop:
        """Return the crop of the person's next image. box: left, top, right, bottom in its pixels."""
        left, top, right, bottom = box
        side = max(2.0, MARGIN * max(right - left, bottom - top))
        if self._side is not None:
            past = math.exp(-max(0, image.stamp - self._stamp) / 1e9 / SETTLING)
            side = past * self._side + (1 - past) * side
        self._side, self._stamp = side, image.stamp
        return Crop(image, (left + right - side) / 2, (top + bottom - side) / 2, side)
