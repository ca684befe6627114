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
ORDERS = {
    begin: tuple(Struct(order + fields) for fields in ("iII", "I", "II", "III"))
    for begin, order in ((b"\0\0", ">"), (b"\0\1", "<"))
}
"""How plain CDR begins → a header up to its text, and one, two and three numbers, in its order of bytes."""


def read_image(data: bytes) -> CameraImage:
    """View a sensor_msgs/Image. Raises ImageError when the bytes are none."""
    fields = _Fields(data)
    stamp, frame_id = fields.header()
    height, width, length = fields.numbers(3)
    encoding = fields.text(length)
    is_bigendian = bool(fields.byte())
    step, length = fields.numbers(2)
    return CameraImage(fields.pixels(length), height, width, encoding, step, is_bigendian, stamp, frame_id)


def read_encoded_image(data: bytes) -> EncodedImage:
    """View a sensor_msgs/CompressedImage. Raises ImageError when the bytes are none."""
    fields = _Fields(data)
    stamp, frame_id = fields.header()
    [length] = fields.numbers(1)
    fields.text(length)  # format: the file itself says what it is
    [length] = fields.numbers(1)
    return EncodedImage(fields.pixels(length), stamp, frame_id)


def utf8(text: bytes) -> str:
    """Return a message's text. Raises ImageError when it is none."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise ImageError(f"the message has a text that is not UTF-8 ({text[:40]!r}); check its publisher") from None


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
        self._layouts = layouts
        self._at = PREFIX

    def header(self) -> tuple[int, str]:
        """Return the stamp in nanoseconds, and the frame_id."""
        seconds, nanoseconds, length = self._unpack(self._layouts[0])
        return seconds * SECOND + nanoseconds, self.text(length)

    def numbers(self, count: int) -> tuple[int, ...]:
        """Return so many numbers in a row, one to three; the last may be the length of what follows."""
        self._at += -(self._at - PREFIX) % 4
        return self._unpack(self._layouts[count])

    def byte(self) -> int:
        end = self._end(1)
        value, self._at = self._data[self._at], end
        return value

    def text(self, length: int) -> str:
        """Return a string of so many bytes, without the zero that ends it."""
        end = self._end(length)
        text, self._at = bytes(self._data[self._at : end]), end
        return utf8(text.rstrip(b"\0"))

    def pixels(self, length: int) -> Pixels:
        """View so many bytes: uint8."""
        self._end(length)
        return np.frombuffer(self._data, np.uint8, length, self._at)

    def _unpack(self, layout: Struct) -> tuple[int, ...]:
        end = self._end(layout.size)
        values, self._at = layout.unpack_from(self._data, self._at), end
        return values

    def _end(self, count: int) -> int:
        """Return where the next `count` bytes end. Raises ImageError when the message ends before."""
        end = self._at + count
        if end > len(self._data):
            raise ImageError(f"the message ends after {len(self._data)} bytes, {end} needed; check its publisher")
        return end
