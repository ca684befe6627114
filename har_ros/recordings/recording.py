"""What is evaluated: images in the order of their arrival. A video is taken like a bag with one camera."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import HarError, ImageError, VideoError
from har_ros.frames.compressed import AnyImage
from har_ros.frames.pixels import CameraImage
from har_ros.recordings.source import PICTURES, Source, open_part, open_source

STORAGE = (".mcap", ".db3")
"""Suffixes of rosbag2's files."""


class BagError(HarError):
    """A recording that cannot be read, or not to its end."""


@dataclass(frozen=True)
class Recorded:
    """One image as it arrived. arrival: nanoseconds on the recorder's clock. image: an error where it has none."""

    camera: str
    arrival: int
    image: AnyImage | ImageError


@dataclass(frozen=True)
class Announced:
    """One vision_msgs/Classification. stamp: of its header, nanoseconds. labels: best first."""

    stamp: int
    frame_id: str
    labels: tuple[str, ...]


class Recording(Protocol):
    """Where images come from, in the order of their arrival."""

    path: Path
    cameras: tuple[str, ...]
    count: int  # images
    duration: float  # seconds, 0 where it is not known

    def files(self) -> list[Path]:
        """Return all that belongs to it, in a fixed order."""

    def images(self, start: int | None = None, stop: int | None = None) -> Iterator[Recorded]:
        """Yield what arrived from `start` on and before `stop`. Raises BagError after what could be read."""


class VideoRecording:
    """A video file or a folder of pictures: one camera, whose stamps begin at 0."""

    def __init__(self, path: Path) -> None:
        """Raises VideoError."""
        self.path = path
        self.cameras: tuple[str, ...] = (VIDEO,)
        source = open_source(str(path))
        self.count, self.rate = source.count, source.rate
        self.duration = source.count / source.rate

    def files(self) -> list[Path]:
        """Return all that belongs to it, in a fixed order."""
        return content(self.path)

    def images(self, start: int | None = None, stop: int | None = None) -> Iterator[Recorded]:
        """Yield what arrived from `start` on and before `stop`. Raises BagError after what could be read."""
        yield from self._images(open_source, start, stop)

    def images_from(self, first: int, times: NDArray[np.float64] | None) -> Iterator[Recorded]:
        """Yield the images from this number on. times: see open_part. Raises BagError, as soon as one is not there."""
        return self._images(lambda path: open_part(Path(path), first, times), None, None)

    def _images(self, opened: Callable[[str], Source], start: int | None, stop: int | None) -> Iterator[Recorded]:
        try:
            for frame in opened(str(self.path)):
                if stop is not None and frame.stamp >= stop:
                    return
                if start is None or frame.stamp >= start:
                    image = CameraImage.of_array(frame.pixels, frame.stamp, "bgr8", VIDEO.strip("/"))
                    yield Recorded(VIDEO, frame.stamp, image)
        except VideoError as error:
            raise BagError(str(error)) from None


VIDEO = "/video"
"""The camera of a video."""


def content(path: Path, suffixes: Sequence[str] = ()) -> list[Path]:
    """Return a file, or the files in a folder, in the order of their names.

    Raises BagError when one cannot be read as a file: a pipe waits for ever, a broken link leaves a part out.
    """
    if path.is_file():
        return [path]
    suffixes = suffixes or (*STORAGE, ".zstd", *PICTURES)
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes)
    if others := [file for file in found if not file.is_file()]:
        raise BagError(f"{others[0]} is no file (a folder, a pipe or a broken link); fix it or remove it")
    return found


def images(recording: Recording) -> Iterator[tuple[str, AnyImage]]:
    """Yield camera and image of what can be read, stamped as the node does it. Raises HarError."""
    for recorded in recording.images():
        if not isinstance(recorded.image, ImageError):
            stamp = recorded.image.stamp or recorded.arrival
            yield recorded.camera, dataclasses.replace(recorded.image, stamp=stamp)
