"""Pictures of clips, for the report and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from har_ros.errors import HarError
from har_ros.frames.compressed import AnyImage, decode_all
from har_ros.frames.pixels import to_rgb
from har_ros.recordings.bag import open_recording
from har_ros.recordings.recording import images

LONGER_SIDE = 192
"""Pixels of a picture, at most."""
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Place:
    """Moments of one camera of a recording, in nanoseconds from the recording's first image."""

    path: Path
    camera: str
    moments: tuple[int, ...]


def pictures(places: Sequence[Place]) -> list[list[Picture]]:
    """Return the images nearest to the moments of each place, H×W×3 RGB; fewer where they cannot be read.

    Each recording is read once, whatever is wanted of it, and no further than needed.
    """
    wanted = [[_Wanted(place.camera, moment) for moment in place.moments] for place in places]
    for path in dict.fromkeys(place.path for place in places):
        here = [one for place, own in zip(places, wanted, strict=True) if place.path == path for one in own]
        with suppress(HarError):  # a report does without them
            _look(path, here)
    return [[one.picture for one in own if one.picture is not None] for own in wanted]


@dataclass
class _Wanted:
    """A moment, and the image nearest to it so far; a picture of it as soon as nothing nearer can come."""

    camera: str
    moment: int
    nearest: tuple[int, AnyImage] | None = None
    picture: Picture | None = None

    def look(self, image: AnyImage, moment: int) -> bool:
        """Take an image of the camera. Returns whether others may be nearer."""
        if self.nearest is None or abs(moment - self.moment) < self.nearest[0]:
            self.nearest = abs(moment - self.moment), image
        return moment <= self.moment

    def settle(self) -> None:
        """Raises ImageError."""
        if self.nearest is not None:
            self.picture = _small(to_rgb(decode_all(self.nearest[1])))
            self.nearest = None


def _look(path: Path, wanted: Sequence[_Wanted]) -> None:
    """Raises HarError."""
    open_ones, first = list(wanted), None
    for camera, image in images(open_recording(path)):
        first = image.stamp if first is None else first
        passed = [one for one in open_ones if one.camera == camera and not one.look(image, image.stamp - first)]
        for one in passed:
            one.settle()
            open_ones.remove(one)
        if not open_ones:
            return
    for one in open_ones:
        one.settle()


def _small(rgb: Picture) -> Picture:
    scale = LONGER_SIDE / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
