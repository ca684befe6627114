"""Embeddings of a long recording in ranges, each by whoever has time, and joined to what one would have seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from har_ros.files.arrays import as_npz, read_npz
from har_ros.frames.compressed import AnyImage
from har_ros.frames.window import Clip
from har_ros.learning.windows import Gatherer, SeenWindow, new_stream
from har_ros.models.card import ModelCard
from har_ros.recordings.bag import open_recording
from har_ros.recordings.glance import Excerpt, Glance, borders, firsts, glance_of_long, seam
from har_ros.recordings.recording import BagError, images

T = TypeVar("T")
Look = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""What is seen of a window: embeddings and looks, see embed.Windows."""
ARRAYS = ("start", "end", "embeddings", "looks")


@dataclass(frozen=True)
class Range:
    """A part of a recording. first: number of the first image that is in a window where it begins.

    begin, end: of the images with which its windows end.
    """

    path: Path
    seen: Glance
    first: int
    begin: int
    end: int

    def file(self, name: str) -> str:
        """Return the name in the cache of what is seen in it. name: that of the whole recording."""
        return f"{name.removesuffix('.npz')}.{self.begin}-{self.end}.range"


def ranges_of(path: Path, card: ModelCard, length: int) -> tuple[Range, ...]:
    """Return the ranges of a recording; nothing where it is looked at as a whole. length: frames of a window.

    Raises HarError.
    """
    recording = open_recording(path)
    if (seen := glance_of_long(recording)) is None:
        return ()
    found = borders(seen.count, len(seen.cameras))
    begins = firsts(seen, found[:-1], {name: new_stream(card, length) for name in seen.cameras})
    return tuple(Range(path, seen, *span) for span in zip(begins, found[:-1], found[1:], strict=True))


def seen_in(part: Range, card: ModelCard, length: int, hop: int, see: Callable[[Clip], Look]) -> bytes | None:
    """Return what is seen in a range; None where the recording has to be looked at as a whole.

    hop, see: as for `windows`. Raises HarError.
    """
    begun = False

    def see_in_range(clip: Clip) -> Look | None:
        return see(clip) if begun else None

    cameras = {
        name: Gatherer[AnyImage, Look | None](new_stream(card, length), hop, see_in_range) for name in part.seen.cameras
    }
    streams = [camera.stream for camera in cameras.values()]
    seams = []
    try:
        excerpt = Excerpt(open_recording(part.path), part.seen, part.first, part.end)
        for number, (name, image) in enumerate(images(excerpt)):
            if number == part.begin:
                begun = True
                seams.append(seam(streams))
            cameras[name].take(image)
    except BagError:
        return None
    if any(camera.broken for camera in cameras.values()):
        return None
    seams.append(seam(streams))
    own = {
        name: [SeenWindow(one.start, one.end, one.seen) for one in camera.found if one.seen is not None]
        for name, camera in cameras.items()
    }
    return as_npz({"seams": np.array(seams), **arrays_of(int(part.seen.stamps().min()), own)})


def joined(parts: Sequence[Path]) -> bytes | None:
    """Return what is seen of a recording, of files with what is seen in its ranges.

    None where they do not fit, or where one is damaged or, as another process has joined them, not there any more.
    """
    try:
        loaded = [one for part in parts if (one := read_npz(part)) is not None]
    except OSError:
        return None
    if len(loaded) < len(parts) or any(one["seams"][1] != other["seams"][0] for one, other in pairwise(loaded)):
        return None
    arrays = {name: loaded[0][name] for name in ("cameras", "first")}
    for number in range(len(arrays["cameras"])):
        own = [one for one in loaded if len(one[f"start_{number}"])]
        if not own:  # it may be played again
            return None
        arrays |= {f"{name}_{number}": np.concatenate([one[f"{name}_{number}"] for one in own]) for name in ARRAYS}
    return as_npz(arrays)


def arrays_of(first: int, cameras: Mapping[str, Sequence[SeenWindow[Look]]]) -> dict[str, Any]:
    """Return the arrays that are kept of a recording. first: stamp of its first image."""
    arrays: dict[str, Any] = {"cameras": np.array(list(cameras)), "first": np.array(first)}
    for number, found in enumerate(cameras.values()):
        arrays[f"start_{number}"] = np.array([window.start for window in found], np.int64)
        arrays[f"end_{number}"] = np.array([window.end for window in found], np.int64)
        arrays[f"embeddings_{number}"] = np.array([window.seen[0] for window in found], np.float32)
        arrays[f"looks_{number}"] = np.array([window.seen[1] for window in found], np.uint8)
    return arrays
