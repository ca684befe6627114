"""JPEG and PNG images → camera images, a JPEG no larger than the network needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from har_ros.errors import ImageError, one_line
from har_ros.frames.image_file import examine, image_size, is_jpeg
from har_ros.frames.pixels import CameraImage, Pixels, source_box
from har_ros.frames.spec import Resize

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True)
class EncodedImage:
    """A JPEG or PNG file as a camera driver sends it: the fields of sensor_msgs/CompressedImage, without ROS.

    data: 1-D uint8. stamp: nanoseconds.
    """

    data: Pixels
    stamp: int = 0
    frame_id: str = ""

    @classmethod
    def of_message(cls, message: Any, stamp: int) -> EncodedImage:
        """View the bytes of a sensor_msgs/CompressedImage that rosbags has read, without a copy."""
        return cls(np.frombuffer(message.data, np.uint8), stamp, message.header.frame_id)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width as its header says; None when it does not."""
        return image_size(self.data)

    def write(self, slot: Pixels, resize: Resize) -> None:
        """Decode as much of it as the slot needs, and write it there, see write_rgb. Raises ImageError."""
        decode(self, resize, *slot.shape[:2]).write(slot, resize)


AnyImage = CameraImage | EncodedImage


def decode(image: AnyImage, resize: Resize, height: int, width: int) -> CameraImage:
    """Return the image with no fewer pixels than a network of height×width needs; one of pixels as it is.

    A JPEG is decoded at a half, a quarter or an eighth of its size where that is enough. Raises ImageError.
    """
    if isinstance(image, CameraImage):
        return image
    file = examine(image.data)
    box = source_box(resize, file.height, file.width, height, width)
    enough = min((box.bottom - box.top) / height, (box.right - box.left) / width)
    factor = max(factor for factor in _REDUCED if factor == 1 or (factor <= enough and is_jpeg(file.content)))
    return _decoded(image, file.content, factor)


def decode_all(image: AnyImage) -> CameraImage:
    """Return the image with all its pixels. Raises ImageError."""
    if isinstance(image, CameraImage):
        return image
    return _decoded(image, examine(image.data).content, 1)


def _decoded(image: EncodedImage, content: Pixels, factor: int) -> CameraImage:
    try:
        pixels = cv2.imdecode(content, _REDUCED[factor] | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot decode a compressed image ({one_line(error)})") from None
    if pixels is None:
        raise ImageError(f"a compressed image of {content.size} bytes is damaged; check driver and network")
    return CameraImage.of_array(np.asarray(pixels, np.uint8), image.stamp, "bgr8", image.frame_id)
