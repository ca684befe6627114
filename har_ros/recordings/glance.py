"""What is known of a recording without a look at its images, so that its parts can be done apart."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from har_ros.errors import ImageError
from har_ros.files.cache import fingerprint
from har_ros.frames.pixels import CameraImage
from har_ros.frames.window import FrameRing
from har_ros.pipeline.stream import Stream
from har_ros.recordings.bag import Bag
from har_ros.recordings.losses import NEAR
from har_ros.recordings.recording import VIDEO, BagError, Recorded, VideoRecording

RANGE = 2000
"""Images of each camera in a range, at least.

To begin one costs about as much as 100 images: those of a window are read twice, and the recording is opened. At 25
images per second it is 80 s, and a recording of five minutes has work for three.
"""
RANGES = 64
"""Ranges of a recording, at most: each goes once through what is known of all images before it."""


@dataclass(frozen=True)
class Glance:
    """The images of a recording, in the order of their arrival, without what is in them.

    sha256: of its files. sizes: of each, bytes. camera, frame: places in `cameras` and `frame_ids`. arrival, stamp:
    nanoseconds; a stamp may be 0. times: of a video file, see open_part.
    """

    sha256: str
    sizes: tuple[int, ...]
    cameras: tuple[str, ...]
    frame_ids: tuple[str, ...]
    camera: NDArray[np.uint16]
    frame: NDArray[np.uint16]
    arrival: NDArray[np.int64]
    stamp: NDArray[np.int64]
    times: NDArray[np.float64] | None = None

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.arrival)

    def stamps(self) -> NDArray[np.int64]:
        """Return the stamps as the node takes them, nanoseconds: where there is none, the arrival."""
        return np.where(self.stamp == 0, self.arrival, self.stamp)

    def blank(self, number: int) -> Recorded:
        """Return an image in which there is nothing: it can only be counted."""
        stamp, frame_id = int(self.stamp[number]), self.frame_ids[self.frame[number]]
        image = Blank(_NOTHING, 0, 0, "", 0, stamp=stamp, frame_id=frame_id)
        return Recorded(self.cameras[self.camera[number]], int(self.arrival[number]), image)


_NOTHING = np.zeros(0, np.uint8)


@dataclass(frozen=True)
class Blank(CameraImage):
    """An image that enters a window and leaves there what was there before."""

    def write(self, slot: Any, resize: Any) -> None:
        """Do nothing."""


def is_long(images: int, cameras: int = 1) -> bool:
    """Say whether a recording of so many images, 0 where that is not known, has several ranges."""
    return len(borders(images, cameras)) > 2


def glance_of_long(recording: Bag | VideoRecording) -> Glance | None:
    """Look at a recording that has several ranges; None where it has not, or where `glance` gives none."""
    return glance(recording) if is_long(recording.count, len(recording.cameras)) else None


def glance(recording: Bag | VideoRecording) -> Glance | None:
    """Look at a recording, without its images; None where they cannot be had one by one, or not all of them."""
    try:
        files = recording.files()
        sha256, sizes = fingerprint(files), _sizes(files)
        if isinstance(recording, VideoRecording):
            return _of_video(recording, sha256, sizes)
        return _of_bag(recording, sha256, sizes)
    except (BagError, OSError):  # told by whoever evaluates it
        return None


def _of_bag(bag: Bag, sha256: str, sizes: tuple[int, ...]) -> Glance | None:
    places, frames = {camera: place for place, camera in enumerate(bag.cameras)}, dict[str, int]()
    rows = []
    for recorded in bag.images():
        image = recorded.image
        if isinstance(image, ImageError):
            return None
        frame = frames.setdefault(image.frame_id, len(frames))
        rows.append((places[recorded.camera], frame, recorded.arrival, image.stamp))
    if not rows or len(frames) > np.iinfo(np.uint16).max:
        return None
    camera, frame_of, arrival, stamp = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    if (np.diff(arrival) < 0).any():
        return None
    return Glance(
        sha256, sizes, bag.cameras, tuple(frames), camera.astype(np.uint16), frame_of.astype(np.uint16), arrival, stamp
    )


def _of_video(video: VideoRecording, sha256: str, sizes: tuple[int, ...]) -> Glance | None:
    times = None
    count, rate = video.count, video.rate
    if not video.path.is_dir():
        times = _times(video.path)
        if times is None:
            return None
        count = len(times)
    stamps = np.array([round(index / rate * 1e9) for index in range(count)], np.int64)
    zeros = np.zeros(count, np.uint16)
    return Glance(sha256, sizes, video.cameras, (VIDEO.strip("/"),), zeros, zeros, stamps, stamps, times)


def _times(path: Path) -> NDArray[np.float64] | None:
    """Return the times of a file's frames as OpenCV has them, see open_part; None where it has others."""
    try:
        with av.open(f"file:{path}") as container:
            stream = container.streams.video[0]
            packets = [packet.pts for packet in container.demux(stream) if packet.size]
            start, base = stream.start_time or 0, float(stream.time_base or 0)
    except (FFmpegError, IndexError, OSError, ValueError):
        return None
    if not packets or None in packets:
        return None
    times: NDArray[np.float64] = (np.sort(np.array(packets, np.float64)) - start) * base * 1000
    capture = cv2.VideoCapture(str(path))
    began = capture.grab() and abs(capture.get(cv2.CAP_PROP_POS_MSEC) - times[0]) < NEAR
    capture.release()
    return times if began and (np.diff(times) > 2 * NEAR).all() else None


def _sizes(files: Sequence[Path]) -> tuple[int, ...]:
    return tuple(file.stat().st_size for file in files)


def borders(count: int, cameras: int) -> list[int]:
    """Return where the ranges of a recording begin, as numbers of images, and the count of its images last.

    They depend on the recording alone, so that what is done of them stays good.
    """
    length = max(RANGE * cameras, -(-count // RANGES))
    ranges = max(1, count // length)
    return [count * number // ranges for number in range(ranges + 1)]


def firsts(seen: Glance, places: Sequence[int], streams: Mapping[str, Stream]) -> list[int]:
    """Return for each place, in rising order, the number of the first image that is in a window before it.

    streams: of each camera, new ones, into which all images are pushed.
    """
    entered: dict[str, deque[int]] = {name: deque(maxlen=stream.length) for name, stream in streams.items()}
    found, stamps = [], seen.stamps()
    number = 0
    for place in places:
        while number < place:
            name = seen.cameras[seen.camera[number]]
            streams[name].push(_Noting(_NOTHING, 0, 0, "", number, stamp=int(stamps[number]), entered=entered[name]))
            number += 1
        found.append(min((numbers[0] for numbers in entered.values() if numbers), default=place))
    return found


def seam(streams: Iterable[Stream]) -> str:
    """Return a checksum of what is in the windows of streams, which two ranges have in common where they meet."""
    total = hashlib.sha256()
    for stream in streams:
        window = stream.memory.window
        assert isinstance(window, FrameRing)
        total.update(window.newest.tobytes())
    return total.hexdigest()


@dataclass(frozen=True)
class _Noting(CameraImage):
    """A blank image that notes its number, which is its `step`, where it enters a window."""

    entered: deque[int] = field(default_factory=deque)

    def write(self, slot: Any, resize: Any) -> None:
        self.entered.append(self.step)


class Excerpt:
    """A recording up to an image, with blanks in place of its first ones."""

    def __init__(self, recording: Bag | VideoRecording | None, seen: Glance, first: int, stop: int) -> None:
        """recording: None where all are blank. first: number of the first image that is read. stop: behind the last.

        Raises BagError where it is another recording than was seen.
        """
        self.seen = seen
        self.path = recording.path if recording else Path()
        self.cameras, self.count = seen.cameras, stop
        self.duration = recording.duration if recording else 0.0
        self._recording, self._stop = recording, stop
        self._first = self._read_from = first
        if recording is None:
            return
        if _sizes(recording.files()) != seen.sizes or recording.cameras != seen.cameras:
            raise BagError(f"{self.path} has changed; do it again")
        if isinstance(recording, Bag):  # which is read from a time on
            self._read_from = int(seen.arrival.searchsorted(seen.arrival[first])) if first < seen.count else first

    def files(self) -> list[Path]:
        """Return all that belongs to it, in a fixed order."""
        return self._recording.files() if self._recording else []

    def images(self, start: int | None = None, stop: int | None = None) -> Iterator[Recorded]:
        """Yield all images; start and stop are not supported. Raises BagError where another one comes than was seen."""
        yield from map(self.seen.blank, range(self._first))
        if self._recording is None or self._first == self._stop:
            return
        number = self._read_from
        for recorded in self._opened(self._recording):
            if number == self._stop or not self._same(number, recorded):
                break
            if number >= self._first:
                yield recorded
            number += 1
            if number == self._stop < self.seen.count:
                return
        else:
            if number == self._stop:
                return
        raise BagError(f"{self.path} has other images than were seen; do it again")

    def _opened(self, recording: Bag | VideoRecording) -> Iterator[Recorded]:
        if isinstance(recording, VideoRecording):
            return recording.images_from(self._first, self.seen.times)
        return recording.images(int(self.seen.arrival[self._first]))

    def _same(self, number: int, recorded: Recorded) -> bool:
        image = recorded.image
        stamp = None if isinstance(image, ImageError) else image.stamp
        expected = self.seen.blank(number)
        return (recorded.camera, recorded.arrival, stamp) == (
            expected.camera, expected.arrival, int(self.seen.stamp[number])
        )  # fmt: skip
