"""JPEG and PNG images → camera images, a JPEG no larger than the network needs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from har_ros.card import Resize
from har_ros.errors import ImageError, one_line
from har_ros.pixels import CameraImage, Pixels, source_box

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
LARGEST = 1 << 26
"""Pixels of an image that is decoded, at most: a file of a few kilobytes may claim a billion."""

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

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width as its header tells them; None when it does not."""
        return image_size(self.data)


AnyImage = CameraImage | EncodedImage


def decode(image: AnyImage, resize: Resize, height: int, width: int) -> CameraImage:
    """Return the image with no fewer pixels than a network of height×width needs; one of pixels as it is.

    A JPEG is decoded at a half, a quarter or an eighth of its size where that is enough. Raises ImageError.
    """
    if isinstance(image, CameraImage):
        return image
    full = _checked_size(image.data)
    box = source_box(resize, *full, height, width)
    enough = min((box.bottom - box.top) / height, (box.right - box.left) / width)
    factor = max(factor for factor in _REDUCED if factor == 1 or (factor <= enough and _is_jpeg(image.data)))
    return _decoded(image, factor)


def decode_all(image: AnyImage) -> CameraImage:
    """Return the image with all its pixels. Raises ImageError."""
    if isinstance(image, CameraImage):
        return image
    _checked_size(image.data)
    return _decoded(image, 1)


def image_size(data: Pixels) -> tuple[int, int] | None:
    """Return height and width as the header of a JPEG or PNG tells them; None when it does not.

    Sources: ITU-T T.81, B.2 (markers and the frame header); the PNG specification, 11.2.2 (IHDR).
    """
    head = data[:24].tobytes()
    if head.startswith(PNG) and len(head) == 24:
        return int.from_bytes(head[20:24], "big"), int.from_bytes(head[16:20], "big")
    at = 2
    while _is_jpeg(data) and at + 9 <= data.size and data[at] == 0xFF:
        marker, length = int(data[at + 1]), int(data[at + 2]) << 8 | int(data[at + 3])
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # the frame header
            sizes = data[at + 5 : at + 9].astype(int)
            return int(sizes[0] << 8 | sizes[1]), int(sizes[2] << 8 | sizes[3])
        else:
            at += 2 + length
    return None


def _is_jpeg(data: Pixels) -> bool:
    return data[:3].tobytes() == JPEG


def _checked_size(data: Pixels) -> tuple[int, int]:
    """Return height and width, or raise ImageError for what need not be decoded to be refused."""
    if not (_is_jpeg(data) or data[:8].tobytes() == PNG):
        begin = data[:8].tobytes()
        raise ImageError(f"{data.size} bytes that begin with {begin!r} are no JPEG or PNG; check the camera driver")
    size = image_size(data)
    if size is None or not all(size):
        raise ImageError(f"the header of a compressed image of {data.size} bytes is damaged; check the camera driver")
    if size[0] * size[1] > LARGEST:
        raise ImageError(f"a compressed image claims {size[1]}x{size[0]} pixels, more than {LARGEST}; check the driver")
    end = b"\xff\xd9" if _is_jpeg(data) else b"IEND"
    if end not in data[-1024:].tobytes():  # drivers pad
        raise ImageError(f"a compressed image ends behind {data.size} bytes, too early; check driver and network")
    return size


def _decoded(image: EncodedImage, factor: int) -> CameraImage:
    try:
        pixels = cv2.imdecode(image.data, _REDUCED[factor])
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot decode a compressed image ({one_line(error)})") from None
    if pixels is None:
        raise ImageError(f"a compressed image of {image.data.size} bytes is damaged; check driver and network")
    return CameraImage.of_array(np.asarray(pixels, np.uint8), image.stamp, "bgr8", image.frame_id)
