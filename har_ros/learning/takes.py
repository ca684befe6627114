"""Clips that are recorded on the robot: a take is a few seconds of one action, seen by all cameras."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from har_ros.errors import ConfigurationError, counted
from har_ros.frames.compressed import AnyImage
from har_ros.frames.sampling import SECOND
from har_ros.learning.class_folders import ENOUGH, class_folders, videos_in
from har_ros.learning.nearest import NearestPerson
from har_ros.recordings.clip_file import ClipFile
from har_ros.recordings.source import DEFAULT_RATE, sensible_rate
from har_ros.truth.segments import NONE


class Pace:
    """Tells a camera's images per second from their stamps."""

    def __init__(self) -> None:
        self._first = self._last = 0
        self._count = 0

    def take(self, stamp: int) -> None:
        """Take the next image's stamp, in nanoseconds; a clock that goes back starts again."""
        if not self._count or stamp < self._last:
            self._first, self._count = stamp, 0
        self._last = stamp
        self._count += 1

    @property
    def rate(self) -> float:
        """Images per second; a common number while there are too few to tell."""
        elapsed = (self._last - self._first) / SECOND
        return round(sensible_rate((self._count - 1) / elapsed), 2) if elapsed > 0 else DEFAULT_RATE


class Take:
    """A clip for each camera. Its cameras are one group: they show the same moments."""

    def __init__(
        self,
        dataset: Path,
        label: str,
        group: str,
        max_side: int,
        seconds: float,
        nearest: NearestPerson | None = None,
    ) -> None:
        """group: the person that it shows, empty: the take is a group of its own. max_side: longer side, pixels.

        seconds: length of its clips, at most, also where its end is noticed late. nearest: what cuts the clips.
        """
        moment = time.strftime("%Y%m%d-%H%M%S") + f"-{time.time_ns() // 1_000_000 % 1000:03d}"
        self._folder = dataset / label / (group or moment)
        self._prefix = f"{moment}_" if group else ""
        self._max_side = max_side
        self._seconds = seconds
        self._nearest = nearest
        self._clips: dict[str, ClipFile] = {}

    def push(self, camera: str, image: AnyImage, rate: float) -> None:
        """Take a camera's next image. Raises HarError."""
        if camera not in self._clips:
            path = self._folder / f"{self._prefix}{camera}.mp4"
            self._clips[camera] = ClipFile(path, rate, self._max_side, self._seconds)
        self._clips[camera].take(image)

    def close(self) -> list[Path]:
        """Finish the clips, and return those that have images, and show a person if asked for. Raises HarError."""
        try:
            for clip in self._clips.values():
                clip.close()
        except BaseException:
            self.discard()
            raise
        written = [clip.path for clip in self._clips.values() if clip.frames]
        if self._nearest is None:
            return written
        shown: list[Path] = []
        try:
            shown.extend(path for path in written if self._nearest.cut(path))
        finally:  # Ctrl-C, too
            for path in set(written) - set(shown):
                path.unlink()
            self._remove_empty_folders()
        return shown

    def discard(self) -> None:
        """Give the clips up that are not finished, and the folders that they leave empty."""
        for clip in self._clips.values():
            clip.discard()
        self._remove_empty_folders()

    def _remove_empty_folders(self) -> None:
        with suppress(OSError):
            self._folder.rmdir()
            self._folder.parent.rmdir()


def check_names(dataset: Path, label: str, group: str) -> None:
    """Raise ConfigurationError when a folder cannot have the name, or when a class differs from it by case only."""
    for what, name in (("label", label), ("group", group)):
        if name.startswith(".") or any(letter in name for letter in "/\\\0") or name != name.strip():
            raise ConfigurationError(f"{what} is {name!r}; use a name without '/', not beginning with '.'")
    if not label:
        raise ConfigurationError(f"label is empty; name the action, such as waving, or {NONE} for anything else")
    for name in _classes(dataset):
        if name != label and name.casefold() == label.casefold():
            raise ConfigurationError(f"{dataset} has a class {name!r}, which differs from {label!r} by case; use one")


def verdict(dataset: Path, label: str) -> str:
    """Say whether there is enough to teach with, and what is missing."""
    groups = {name: _takes(place) for name, place in _classes(dataset).items()}
    few = {name: ENOUGH - len(found) for name, found in groups.items() if len(found) < ENOUGH}
    count = len(groups.get(label, ()))
    have = f"{label}: {counted(count, 'take')}"
    if not count:
        return f"{have}, since no images came; check the cameras, and record {ENOUGH} at least"
    if few.get(label):
        return f"{have}; record {few[label]} more, {ENOUGH} at least"
    if len(groups) < 2:
        return f"{have}, which is enough; record another class, such as {NONE} (anything else)"
    if few:
        name, missing = next(iter(few.items()))
        return f"{have}, which is enough; record {missing} more of {name}"
    return f"{have}; there is enough of every class: ros2 run har_ros teach {dataset} -o my-actions"


def _classes(dataset: Path) -> dict[str, Path]:
    """Return the folders of the classes that there are so far."""
    return {place.name: place for place in class_folders(dataset)} if dataset.is_dir() else {}


def _takes(folder: Path) -> set[str]:
    """Return the takes of a class: with a group's name, the moment begins the file's, else it is the folder's."""
    return {f"{path.parent.name} {path.stem.rpartition('_')[0]}" for path in videos_in(folder)}
