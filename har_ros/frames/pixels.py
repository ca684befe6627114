"""Camera images → RGB uint8 at the network's size, written straight into a given slot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ImageError, one_line
from har_ros.frames.spec import Interpolation, Resize

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class CameraImage:
    """An image as a camera driver sends it: the fields of sensor_msgs/Image, without ROS.

    data: 1-D uint8, at least step × height bytes. step: bytes per row, padding included. stamp: nanoseconds.
    """

    data: Pixels
    height: int
    width: int
    encoding: str
    step: int
    is_bigendian: bool = False
    stamp: int = 0
    frame_id: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    def write(self, slot: Pixels, resize: Resize) -> None:
        """Crop and resize it into a window's slot, see write_rgb. Raises ImageError."""
        write_rgb(self, resize, slot)

    @classmethod
    def of_message(cls, message: Any, stamp: int) -> CameraImage:
        """View the bytes of a sensor_msgs/Image that rosbags has read, without a copy. stamp: its header's."""
        return cls(
            data=np.frombuffer(message.data, np.uint8),
            height=int(message.height),
            width=int(message.width),
            encoding=message.encoding,
            step=int(message.step),
            is_bigendian=bool(message.is_bigendian),
            stamp=stamp,
            frame_id=message.header.frame_id,
        )

    @classmethod
    def of_array(cls, pixels: Pixels, stamp: int, encoding: str = "bgr8", frame_id: str = "") -> CameraImage:
        """Return the image in an array, uint8 H×W×3, BGR as OpenCV reads it; for other encodings with their channels.

        Raises ImageError for any other array.
        """
        known = ENCODINGS.get(encoding)  # what is unknown is refused when it is read
        channels = known.channels * known.bits // 8 if known else math.prod(pixels.shape[2:])
        if pixels.dtype != np.uint8 or pixels.ndim < 2 or math.prod(pixels.shape[2:]) != channels:
            raise ImageError(
                f"an array of type {pixels.dtype} and shape {pixels.shape} is no {encoding} image: that is uint8, "
                f"height×width×{channels}; convert the array, or give its encoding"
            )
        height, width = pixels.shape[:2]
        contiguous = np.ascontiguousarray(pixels)
        step = contiguous.strides[0]
        return cls(contiguous.reshape(-1), height, width, encoding, step, stamp=stamp, frame_id=frame_id)


@dataclass(frozen=True)
class Encoding:
    """How one encoding lies in memory and which cv2.cvtColor code makes it RGB (None: it is RGB).

    mosaic: a pixel's colour is spread over its neighbours, so conversion comes before the resize.
    chroma_plane: half as many rows again follow the image, with its interleaved colour (NV12, NV21).
    """

    channels: int
    to_rgb: int | None
    bits: int = 8
    mosaic: bool = False
    chroma_plane: bool = False


@dataclass(frozen=True)
class Box:
    """A rectangle of an image, in pixels; the end is exclusive."""

    top: int
    left: int
    bottom: int
    right: int


_INTERPOLATION = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}

# OpenCV names a Bayer pattern after the second row's second and third pixel, ROS after the first two by two.
_BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}

ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(3, None),
    "bgr8": Encoding(3, cv2.COLOR_BGR2RGB),
    "rgba8": Encoding(4, cv2.COLOR_RGBA2RGB),
    "bgra8": Encoding(4, cv2.COLOR_BGRA2RGB),
    "mono8": Encoding(1, cv2.COLOR_GRAY2RGB),
    "mono16": Encoding(1, cv2.COLOR_GRAY2RGB, bits=16),
    **{f"bayer_{order}8": Encoding(1, code, mosaic=True) for order, code in _BAYER.items()},
    **{f"bayer_{order}16": Encoding(1, code, bits=16, mosaic=True) for order, code in _BAYER.items()},
    **{name: Encoding(2, cv2.COLOR_YUV2RGB_UYVY, mosaic=True) for name in ("yuv422", "uyvy")},
    **{name: Encoding(2, cv2.COLOR_YUV2RGB_YUY2, mosaic=True) for name in ("yuv422_yuy2", "yuyv")},
    "nv12": Encoding(1, cv2.COLOR_YUV2RGB_NV12, mosaic=True, chroma_plane=True),
    "nv21": Encoding(1, cv2.COLOR_YUV2RGB_NV21, mosaic=True, chroma_plane=True),
}


def write_rgb(image: CameraImage, resize: Resize, slot: Pixels) -> None:
    """Crop and resize `image` into `slot` (uint8, H×W×3, C-contiguous) as RGB.

    Only the part that the network sees is read. Raises ImageError, with the slot's content undefined.
    """
    box = source_box(resize, image.height, image.width, *slot.shape[:2])
    write_box(image, box, resize.interpolation, slot)


def write_box(image: CameraImage, box: Box, interpolation: Interpolation, slot: Pixels) -> None:
    """Resize a part of `image` that is not empty into `slot` (uint8, H×W×3, C-contiguous) as RGB.

    Only that part is read. Raises ImageError, with the slot's content undefined.
    """
    encoding = _checked(image)
    size, method = slot.shape[1::-1], _INTERPOLATION[interpolation]
    try:
        if encoding.mosaic:
            cv2.resize(_demosaic(image, encoding, box), size, dst=slot, interpolation=method)
        elif encoding.to_rgb is None:
            cv2.resize(_view(image, encoding, box), size, dst=slot, interpolation=method)
        else:
            small = cv2.resize(_view(image, encoding, box), size, interpolation=method)
            cv2.cvtColor(_eight_bits(small), encoding.to_rgb, dst=slot)
    except cv2.error as error:
        raise _refused(image, error) from None


def to_rgb(image: CameraImage) -> Pixels:
    """Return the whole image as a new RGB array, uint8, H×W×3. Raises ImageError."""
    encoding = _checked(image)
    everything = Box(0, 0, image.height, image.width)
    try:
        if encoding.mosaic:
            return np.ascontiguousarray(_demosaic(image, encoding, everything))
        view = _eight_bits(_view(image, encoding, everything))
        return view.copy() if encoding.to_rgb is None else np.asarray(cv2.cvtColor(view, encoding.to_rgb), np.uint8)
    except cv2.error as error:
        raise _refused(image, error) from None


@lru_cache(maxsize=64)  # cameras seldom change their size
def source_box(resize: Resize, image_height: int, image_width: int, height: int, width: int) -> Box:
    """Return the part of an image that becomes the network's height×width input.

    Stretch takes all of it. Otherwise the shorter side is scaled to `resize.shorter_side` and the centre
    is cropped; taking the same centre out of the source first gives the same pixels for less work
    (but for the outermost ones when the image is enlarged).
    """
    if resize.shorter_side is None:
        return Box(0, 0, image_height, image_width)
    scale = min(image_height, image_width) / resize.shorter_side
    box_height = min(image_height, max(1, round(height * scale)))
    box_width = min(image_width, max(1, round(width * scale)))
    top, left = (image_height - box_height) // 2, (image_width - box_width) // 2
    return Box(top, left, top + box_height, left + box_width)


def _checked(image: CameraImage) -> Encoding:
    """Return the image's encoding, or raise ImageError when its fields contradict each other."""
    size = f"{image.width}x{image.height} {image.encoding}"
    encoding = ENCODINGS.get(image.encoding)
    if encoding is None:
        raise ImageError(f"encoding {image.encoding!r} is unknown; use one of {', '.join(ENCODINGS)}")
    if image.width < 1 or image.height < 1:
        raise ImageError(f"the image is empty ({size}); check the camera driver")
    if (encoding.channels == 2 or encoding.chroma_plane) and image.width % 2:
        raise ImageError(f"two columns share a colour in {size}, so the width must be even; check the camera driver")
    if encoding.chroma_plane and image.height % 2:
        raise ImageError(f"two rows share a colour in {size}, so the height must be even; check the camera driver")
    row = image.width * encoding.channels * encoding.bits // 8
    if image.step < row:
        raise ImageError(f"step {image.step} is shorter than a row of {row} bytes ({size}); check the camera driver")
    needed = image.step * _rows(image, encoding)
    if image.data.size < needed:
        raise ImageError(f"{image.data.size} bytes of data, {needed} needed for {size}; check the camera driver")
    return encoding


def _rows(image: CameraImage, encoding: Encoding) -> int:
    return image.height * 3 // 2 if encoding.chroma_plane else image.height


def _view(image: CameraImage, encoding: Encoding, box: Box) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return the box of the image's own bytes; 16-bit samples in this machine's byte order."""
    sample = encoding.bits // 8
    dtype = np.dtype(np.uint8 if sample == 1 else ">u2" if image.is_bigendian else "<u2")
    pixel = sample * encoding.channels
    shape = (_rows(image, encoding), image.width, encoding.channels)
    whole: NDArray[Any] = np.ndarray(shape, dtype, image.data.data, strides=(image.step, pixel, sample))
    part = whole[box.top : box.bottom, box.left : box.right]
    if encoding.channels == 1:
        part = part[:, :, 0]
    return part if sample == 1 else part.astype(np.uint16)


def _eight_bits(pixels: NDArray[Any]) -> Pixels:
    """Scale uint16 to uint8 by 255/65535, as cv_bridge does; uint8 passes."""
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1 / 257) if pixels.dtype == np.uint16 else pixels, np.uint8)


def _demosaic(image: CameraImage, encoding: Encoding, box: Box) -> Pixels:
    """Convert the box to RGB, with a margin that keeps the colour pattern's phase and the border's neighbours."""
    assert encoding.to_rgb is not None
    outer = Box(
        max(0, box.top - 2) & ~1,
        max(0, box.left - 2) & ~1,
        min(image.height, box.bottom + 2 + box.bottom % 2),
        min(image.width, box.right + 2 + box.right % 2),
    )
    pixels = _eight_bits(_view(image, encoding, outer))
    if encoding.chroma_plane:
        chroma = _chroma(image, outer)
        rgb = cv2.cvtColorTwoPlane(pixels, chroma, encoding.to_rgb)
    else:
        rgb = cv2.cvtColor(pixels, encoding.to_rgb)
    inner = rgb[box.top - outer.top : box.bottom - outer.top, box.left - outer.left : box.right - outer.left]
    return np.asarray(inner, np.uint8)


def _chroma(image: CameraImage, box: Box) -> Pixels:
    """Return the colour plane of an even box: uint8, (H/2)×(W/2)×2, a view."""
    plane = image.data[image.step * image.height :].data
    shape = (image.height // 2, image.width // 2, 2)
    whole: Pixels = np.ndarray(shape, np.uint8, plane, strides=(image.step, 2, 1))
    return whole[box.top // 2 : box.bottom // 2, box.left // 2 : box.right // 2]


def _refused(image: CameraImage, error: cv2.error) -> ImageError:
    size = f"{image.width}x{image.height}"
    return ImageError(f"OpenCV cannot convert a {size} {image.encoding} image ({one_line(error)})")
