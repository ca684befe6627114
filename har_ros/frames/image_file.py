"""JPEG and PNG files, parsed part by part before they are decoded: a false length or size costs gigabytes.

Sources: ITU-T T.81, annex B (markers, frame and scan headers); the PNG specification (third edition), 5 and 11.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from har_ros.errors import ImageError
from har_ros.frames.pixels import Pixels

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
LARGEST = 1 << 25
"""Maximum pixels of an image to decode: 8K video has a little fewer, and a few kilobytes may claim a billion."""
SCANNED = 16 * LARGEST
"""Maximum pixels times scans of a JPEG: each scan of a progressive one costs time for all pixels."""
PARTS = 1 << 16
"""Maximum segments or chunks of a file."""

_FRAME_HEADERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_DECODED_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended sequential, progressive; all with Huffman codes
_START_OF_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""What ends a scan's data, in which 0xFF is followed by a zero or is a restart marker."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""PNG's colour type → samples of a pixel."""
_DEFLATED = 1032
"""Maximum bytes that one byte of zlib data can expand to."""


@dataclass(frozen=True)
class ImageFile:
    """A file whose parts fit together. content: what a decoder needs of it, a view or 1-D uint8."""

    height: int
    width: int
    content: Pixels


def is_jpeg(data: Pixels) -> bool:
    """Return whether a file begins as JPEG files do."""
    return data[:3].tobytes() == JPEG


def image_size(data: Pixels) -> tuple[int, int] | None:
    """Return height and width as the header of a JPEG or PNG gives them; None when it does not."""
    try:
        if data[:8].tobytes() == PNG:
            return _png_size(data)
        if is_jpeg(data):
            return next((_jpeg_size(data, at) for kind, at, _ in _segments(data) if kind in _FRAME_HEADERS), None)
    except ImageError:
        pass
    return None


def examine(data: Pixels) -> ImageFile:
    """Check a file's parts against its length, and its size against what it can hold. Raises ImageError."""
    if data[:8].tobytes() == PNG:
        return _examined_png(data)
    if is_jpeg(data):
        return _examined_jpeg(data)
    begin = data[:8].tobytes()
    raise ImageError(f"{data.size} bytes that begin with {begin!r} are no JPEG or PNG; check the camera driver")


def _examined_jpeg(data: Pixels) -> ImageFile:
    size, scans, content = None, 0, data
    for kind, at, end in _segments(data):
        content = data[:end]
        if kind in _FRAME_HEADERS:
            if kind not in _DECODED_FRAMES:
                raise ImageError(f"JPEG of kind {kind:#x} is not read; send baseline or progressive JPEG")
            if size is not None:
                raise _damaged(data, "has two frame headers")
            size = _jpeg_size(data, at)
            _check_size(data, size)
            if size[0] * size[1] > 512 * data.size:  # one bit at least for each 8×8 pixels
                raise _damaged(data, f"is too short for {size[1]}x{size[0]} pixels")
        elif kind == _START_OF_SCAN:
            scans += 1
            if size is None:
                raise _damaged(data, "has no size")
            if scans * size[0] * size[1] > SCANNED:
                raise ImageError(f"a JPEG of {size[1]}x{size[0]} has {scans} scans or more; send baseline JPEG")
    if size is None or not scans:
        raise _damaged(data, "has no image")
    return ImageFile(*size, content)


def _segments(data: Pixels) -> Iterator[tuple[int, int, int]]:
    """Yield each segment's marker, where its content begins, and where the next one does. Raises ImageError."""
    content, at = data.data, 2
    for _ in range(PARTS):
        while data[at : at + 2].tobytes() == b"\xff\xff":  # a fill byte
            at += 1
        if at + 2 > data.size:
            raise _too_short(data)
        if data[at] != 0xFF:
            raise _damaged(data, f"has no marker at byte {at}")
        kind = int(data[at + 1])
        if kind == _END:
            yield kind, at + 2, at + 2
            return
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        begin, end = at + 4, at + 2 + length
        if length < 2 or end > data.size:
            raise _damaged(data, f"gives the segment at byte {at} {length} bytes")
        if kind == _START_OF_SCAN:
            marker = _MARKER.search(content, end)
            if marker is None:
                raise _too_short(data)
            end = marker.start()
        yield kind, begin, end
        at = end
    raise _damaged(data, f"has more than {PARTS} segments")


def _jpeg_size(data: Pixels, at: int) -> tuple[int, int]:
    """Return height and width of a frame header: precision, height, width, components."""
    if at + 5 > data.size:
        raise _too_short(data)
    height, width = struct.unpack_from(">HH", data.data, at + 1)
    return height, width


def _examined_png(data: Pixels) -> ImageFile:
    """Leave out all chunks that need not be there: texts and profiles that unpack to gigabytes, animations."""
    height, width = _png_size(data)
    _check_size(data, (height, width))
    kinds, parts, packed = b"", [data[:8]], 0
    for kind, at, end in _chunks(data):
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            if zlib.crc32(data.data[at - 4 : end - 4]) != int.from_bytes(data[end - 4 : end].tobytes(), "big"):
                raise _damaged(data, f"has a wrong checksum at byte {end - 4}")
            kinds += kind[:2]
            parts.append(data[at - 8 : end])
            packed += end - 4 - at if kind == b"IDAT" else 0
    if not re.fullmatch(rb"IH(PL)?(ID)+IE", kinds):
        raise _damaged(data, "has its chunks in the wrong order")
    depth, colour = data[24:26].tolist()
    raw = height * (1 + (width * depth * _CHANNELS.get(colour, 0) + 7) // 8)
    if not packed <= 2 * raw + 1024 or packed * _DEFLATED < raw:
        raise _damaged(data, f"has {packed} bytes for {width}x{height} pixels")
    whole = sum(part.size for part in parts) == end
    return ImageFile(height, width, data[:end] if whole else np.concatenate(parts))


def _chunks(data: Pixels) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's kind, where its content begins, and where the next one does. Raises ImageError."""
    at = len(PNG)
    for _ in range(PARTS):
        if at + 12 > data.size:
            raise _too_short(data)
        length, kind = struct.unpack_from(">I4s", data.data, at)
        begin, end = at + 8, at + 12 + length
        if end > data.size:
            raise _damaged(data, f"gives the chunk at byte {at} {length} bytes")
        yield kind, begin, end
        if kind == b"IEND":
            return
        at = end
    raise _damaged(data, f"has more than {PARTS} chunks")


def _png_size(data: Pixels) -> tuple[int, int]:
    if data.size < 33 or data[8:16].tobytes() != b"\0\0\0\x0dIHDR":
        raise _damaged(data, "has no size")
    width, height = struct.unpack_from(">II", data.data, 16)
    return height, width


def _check_size(data: Pixels, size: tuple[int, int]) -> None:
    if not all(size):
        raise _damaged(data, f"claims {size[1]}x{size[0]} pixels")
    if size[0] * size[1] > LARGEST:
        raise ImageError(f"a compressed image claims {size[1]}x{size[0]} pixels, more than {LARGEST}; check the driver")


def _too_short(data: Pixels) -> ImageError:
    return ImageError(f"a compressed image ends too early, after {data.size} bytes; check driver and network")


def _damaged(data: Pixels, how: str) -> ImageError:
    return ImageError(f"a compressed image of {data.size} bytes is damaged: it {how}; check driver and network")
