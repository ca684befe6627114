"""Cuts recordings into clips: a folder for each class, in it one for each recording, which is the clips' group."""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from har_ros.errors import ConfigurationError, counted
from har_ros.frames.sampling import SECOND
from har_ros.pipeline.repeat import SHORTEST
from har_ros.recordings.bag import open_recording
from har_ros.recordings.clip_file import ClipFile
from har_ros.recordings.glance import Glance, borders
from har_ros.recordings.recording import Recording, images
from har_ros.recordings.source import DEFAULT_RATE, sensible_rate
from har_ros.truth.segments import NONE, Segment

logger = logging.getLogger(__name__)

LONGEST_BACKGROUND = 10 * SECOND
"""Of a clip of background; the rest becomes further clips."""
JUMPS = 2
"""Times its duration that a recording's stamps may span."""


@dataclass(frozen=True)
class Stretch:
    """What a camera saw for a while: a segment, or what becomes a clip. start, end: ns from the first image of all."""

    label: str
    camera: str
    start: int
    end: int


@dataclass(frozen=True)
class Cuts:
    """The clips of a recording. first: stamp of its first image. rate: of the clips, frames per second.

    places: where in the dataset each stretch goes. to_end: whether all images are read, which shows how many there are.
    """

    first: int
    rate: float
    places: Mapping[Stretch, Path]
    to_end: bool = True

    def parts(self, seen: Glance) -> Iterator[tuple[int, Cuts]]:
        """Yield what can be cut apart, and of each the number of the first image that it needs. seen: the recording."""
        starts = [0, *borders(seen.count, len(seen.cameras))[1:-1]]
        parts: dict[int, dict[Stretch, Path]] = {}
        firsts: dict[int, int] = {}
        moments = seen.stamps() - self.first
        for stretch, place in self.places.items():
            shown = (seen.camera == seen.cameras.index(stretch.camera)) & (moments >= stretch.start)
            first = int(shown.argmax())
            part = bisect_right(starts, first)
            parts.setdefault(part, {})[stretch] = place
            firsts[part] = min(first, firsts.get(part, first))
        if sum(len(set(own.values())) for own in parts.values()) > len(set(self.places.values())):
            parts, firsts = {0: dict(self.places)}, {0: 0}  # two would write the same file
        for part in sorted(parts):
            yield firsts[part], replace(self, places=parts[part], to_end=part == max(parts))


def cut(
    path: Path, segments: Sequence[Segment], dataset: Path, *, least: float, background: bool, called: str = ""
) -> list[Path]:
    """Write a clip for each segment that concerns the recording. Returns the files. Raises HarError.

    See `cuts` for the arguments. dataset: into which they are written.
    """
    recording = open_recording(path)
    found = cuts(recording, segments, least=least, background=background, called=called)
    return write(recording, found, dataset)


def cuts(
    recording: Recording,
    segments: Sequence[Segment],
    *,
    least: float,
    background: bool,
    called: str = "",
) -> Cuts:
    """Return what becomes a clip of a recording. Raises HarError.

    Where segments of two actions overlap, neither has a clip. least: seconds that a clip should have: shorter segments
    are widened on both sides, not into those with another label. background: let what lies between segments be clips of
    the class "none". called: what warnings call the recording, if not its path.
    """
    path = recording.path
    called = called or str(path)
    spans, rate = _spans(recording)
    first = min(start for start, _ in spans.values())
    found = []
    for camera, (start, end) in spans.items():
        own = [
            Stretch(segment.label, camera, *(stamp - first for stamp in segment.stamps(first)))
            for segment in segments
            if segment.concerns(path.name, camera)
        ]
        seen = Stretch(NONE, camera, start - first, end - first)
        cut_out = list(actions(own, seen, round(least * SECOND)))
        _warn(f"{called} ({camera})" if len(spans) > 1 else called, own, cut_out, least)
        found += [*cut_out, *(backgrounds(own, seen, round(least * SECOND)) if background else ())]
    return Cuts(first, rate, {stretch: _place(path, stretch, len(spans) > 1) for stretch in found})


def _warn(name: str, own: Sequence[Stretch], cut_out: Sequence[Stretch], least: float) -> None:
    """Say which segments have no clip, and how many clips are shorter than `least` seconds."""
    lost = [
        segment
        for segment in own
        if not any(p.label == segment.label and p.start < segment.end and p.end > segment.start for p in cut_out)
    ]
    if lost:
        logger.warning(
            "%s: %s without a clip, such as %r from %g s on: others overlap it, or too little of it was recorded",
            name,
            counted(len(lost), "segment"),
            lost[0].label,
            lost[0].start / SECOND,
        )
    if short := sum(stretch.end - stretch.start < round(least * SECOND) for stretch in cut_out):
        clips = counted(short, "clip")
        logger.warning("%s: %s shorter than %g s, which teaching plays again to fill a window", name, clips, least)


def write(recording: Recording, cuts: Cuts, dataset: Path) -> list[Path]:
    """Write all stretches in one go through the recording. Returns the files. Raises HarError."""
    places, first = cuts.places, cuts.first
    waiting: dict[str, list[Stretch]] = {camera: [] for camera in recording.cameras}
    for stretch in sorted(places, key=lambda stretch: stretch.start, reverse=True):
        waiting[stretch.camera].append(stretch)
    open_clips: dict[Stretch, ClipFile] = {}
    written: list[Path] = []
    try:
        for camera, image in images(recording):
            now = image.stamp - first
            while waiting[camera] and waiting[camera][-1].start <= now:
                stretch = waiting[camera].pop()
                open_clips[stretch] = ClipFile(dataset / places[stretch], cuts.rate)
            for stretch in [stretch for stretch in open_clips if stretch.camera == camera and stretch.end < now]:
                written += _closed(open_clips.pop(stretch))
            for stretch, clip in open_clips.items():
                if stretch.camera == camera:
                    clip.take(image)
            if not (cuts.to_end or open_clips or any(waiting.values())):
                break
        for stretch in list(open_clips):
            written += _closed(open_clips.pop(stretch))
    finally:
        for clip in open_clips.values():
            clip.discard()
    return written


def actions(own: Sequence[Stretch], seen: Stretch, wanted: int) -> Iterator[Stretch]:
    """Yield what becomes clips of a camera's segments: the parts that show no other action, as teaching asks for.

    own: the segments. seen: from the camera's first image to its last. wanted: nanoseconds that a clip should have; it
    has fewer where segments of other labels leave no room, and parts are left out that teaching could not use.
    """
    for segment in own:
        others = [other for other in own if other.label != segment.label]
        for start, end in _gaps(segment.start, segment.end, (other for other in others if other.label != NONE)):
            low = max([seen.start, *(min(other.end, start) for other in others if other.start < start)])
            high = min([seen.end, *(max(other.start, end) for other in others if other.end > end)])
            widened = _widened(replace(segment, start=start, end=end), wanted, low, high)
            if widened.end - widened.start >= max(1, wanted // SHORTEST):
                yield widened


def backgrounds(own: Sequence[Stretch], seen: Stretch, wanted: int) -> Iterator[Stretch]:
    """Yield what becomes clips of nothing: what lies between a camera's segments. Arguments as for `actions`."""
    for at, end in _gaps(seen.start, seen.end, own):
        while end - at >= max(1, wanted):
            until = min(end, at + LONGEST_BACKGROUND)
            yield replace(seen, start=at, end=until)
            at = until


def _gaps(start: int, end: int, taken: Iterable[Stretch]) -> Iterator[tuple[int, int]]:
    """Yield the intervals from start to end in which none of the stretches lies."""
    for stretch in sorted(taken, key=lambda stretch: stretch.start):
        if start < min(stretch.start, end):
            yield start, min(stretch.start, end)
        start = max(start, stretch.end)
    if start < end:
        yield start, end


def _widened(stretch: Stretch, wanted: int, low: int, high: int) -> Stretch:
    """Return the stretch with as much on both sides as makes it `wanted` long, between low and high."""
    missing = max(0, wanted - (stretch.end - stretch.start))
    start = max(low, min(stretch.start - missing // 2, high - wanted)) if missing else max(low, stretch.start)
    end = min(high, max(stretch.end, start + wanted))
    return replace(stretch, start=start, end=end)


def _spans(recording: Recording) -> tuple[dict[str, tuple[int, int]], float]:
    """Return first and last stamp of each camera, and the images per second of the fastest."""
    spans: dict[str, tuple[int, int]] = {}
    counts: dict[str, int] = {}
    for camera, image in images(recording):
        start, end = spans.get(camera, (image.stamp, image.stamp))
        spans[camera] = min(start, image.stamp), max(end, image.stamp)
        counts[camera] = counts.get(camera, 0) + 1
    if not spans:
        raise ConfigurationError(f"{recording.path} has no image that can be read; remove it or fix it")
    for camera, (start, end) in spans.items():
        if (seconds := (end - start) / SECOND) > JUMPS * recording.duration + 1:
            raise ConfigurationError(
                f"{recording.path} lasts {recording.duration:.0f} s, but the stamps of {camera} span {seconds:.0f} s; "
                "cut the recording where its clock jumps"
            )
    rates = [(counts[c] - 1) * SECOND / (end - start) for c, (start, end) in spans.items() if end > start]
    return spans, round(sensible_rate(max(rates, default=DEFAULT_RATE)), 3)


def _place(path: Path, stretch: Stretch, several: bool) -> Path:
    camera = _safe(stretch.camera.strip("/")) + "_" if several else ""
    name = f"{camera}{stretch.start / SECOND:.2f}-{stretch.end / SECOND:.2f}s.mp4"
    return Path(_safe(stretch.label)) / _safe(path.stem) / name


def _safe(name: str) -> str:
    """Return a name that can be a folder's."""
    return re.sub(r"[^\w .()+-]", "_", name).strip(" .") or "_"


def _closed(clip: ClipFile) -> list[Path]:
    clip.close()
    return [clip.path] if clip.frames else []
