"""An image in a network's input with its proportions kept, what is left of the input grey or black."""

from __future__ import annotations

from har_ros.frames.pixels import CameraImage, Pixels, write_rgb
from har_ros.frames.spec import Resize


def write_letterboxed(image: CameraImage, resize: Resize, slot: Pixels, border: int = 0) -> float:
    """Resize `image` into the top left of `slot` (uint8, H×W×3, C-contiguous) as RGB.

    resize: its interpolation. border: the grey of what is left of the slot, 0 to 255. Returns how many pixels of the
    image are one of the slot. Raises ImageError, with the slot's content undefined.
    """
    height, width = slot.shape[:2]
    scale = max(image.height / height, image.width / width, 1e-9)
    used_height, used_width = (max(1, round(side / scale)) for side in image.size)
    stretch = Resize(resize.interpolation)
    if used_width == width:  # whole rows are contiguous
        write_rgb(image, stretch, slot[:used_height])
    else:
        part = slot[:used_height, :used_width].copy()
        write_rgb(image, stretch, part)
        slot[:used_height, :used_width] = part
    slot[used_height:] = border
    slot[:used_height, used_width:] = border
    return scale
