"""Images as they travel: sensor_msgs/Image and CompressedImage in CDR, viewed without a copy of their pixels.

CDR is what DDS sends (OMG's Common Data Representation; DDSI-RTPS, 10.2): four bytes that say the order of bytes, then
the fields one after another, each aligned to its own size. To make a message of Python's of them copies the pixels.
"""

from __future__ import annotations

from struct import Struct

import numpy as np

from har_ros.errors import ImageError
from har_ros.frames.compressed import EncodedImage
from har_ros.frames.pixels import CameraImage, Pixels
from har_ros.frames.sampling import SECOND

PREFIX = 4
"""Bytes before the fields, from which alignment counts."""
ORDERS = {begin: (Struct(f"{order}I"), Struct(f"{order}iI")) for begin, order in ((b"\0\0", ">"), (b"\0\1", "<"))}
"""How plain CDR begins → numbers and stamps in its order of bytes."""


def read_image(data: bytes) -> CameraImage:
    """View a sensor_msgs/Image. Raises ImageError when the bytes are none."""
    fields = _Fields(data)
    stamp, frame_id = fields.header()
    height, width = fields.number(), fields.number()
    encoding = fields.text()
    is_bigendian = bool(fields.byte())
    step = fields.number()
    return CameraImage(fields.sequence(), height, width, encoding, step, is_bigendian, stamp, frame_id)


def read_encoded_image(data: bytes) -> EncodedImage:
    """View a sensor_msgs/CompressedImage. Raises ImageError when the bytes are none."""
    fields = _Fields(data)
    stamp, frame_id = fields.header()
    fields.text()  # format: the file itself says what it is
    return EncodedImage(fields.sequence(), stamp, frame_id)


class _Fields:
    """Reads one field after another."""

    def __init__(self, data: bytes) -> None:
        layouts = ORDERS.get(bytes(data[:2]))
        if layouts is None:
            raise ImageError(
                f"the message begins with {bytes(data[:2])!r}, and not as plain CDR; use another middleware "
                "(RMW_IMPLEMENTATION), or record it again"
            )
        self._data = data
        self._number, self._time = layouts
        self._at = PREFIX

    def header(self) -> tuple[int, str]:
        """Return the stamp in nanoseconds, and the frame_id."""
        self._need(self._time.size)
        seconds, nanoseconds = self._time.unpack_from(self._data, self._at)
        self._at += self._time.size
        return seconds * SECOND + nanoseconds, self.text()

    def number(self) -> int:
        self._at += -(self._at - PREFIX) % self._number.size
        self._need(self._number.size)
        [value] = self._number.unpack_from(self._data, self._at)
        self._at += self._number.size
        return int(value)

    def byte(self) -> int:
        self._need(1)
        self._at += 1
        return self._data[self._at - 1]

    def text(self) -> str:
        """Return a string, without the zero that ends it."""
        length = self.number()
        self._need(length)
        text = bytes(self._data[self._at : self._at + length])
        self._at += length
        try:
            return text.rstrip(b"\0").decode()
        except UnicodeDecodeError:
            raise ImageError(f"the message has a text that is not UTF-8 ({text[:40]!r}); check its publisher") from None

    def sequence(self) -> Pixels:
        """View a sequence of bytes: uint8."""
        length = self.number()
        self._need(length)
        return np.frombuffer(self._data, np.uint8, length, self._at)

    def _need(self, count: int) -> None:
        if self._at + count > len(self._data):
            raise ImageError(
                f"the message ends after {len(self._data)} bytes, {self._at + count} needed; check its publisher"
            )
