"""Cuts recordings into clips: a folder for each class, in it one for each recording, which is the clips' group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from har_ros.errors import ConfigurationError
from har_ros.pipeline.repeat import SHORTEST
from har_ros.recordings.bag import open_recording
from har_ros.recordings.clip_file import ClipFile
from har_ros.recordings.recording import SECOND, Recording, images
from har_ros.recordings.source import DEFAULT_RATE, sensible_rate
from har_ros.truth.segments import NONE, Segment

LONGEST_BACKGROUND = 10 * SECOND
"""Of a clip of background; the rest becomes further clips."""
JUMPS = 2
"""Times its duration that a recording's stamps may span."""


@dataclass(frozen=True)
class Piece:
    """What becomes a clip. start, end: nanoseconds from the recording's first image."""

    label: str
    camera: str
    start: int
    end: int


def cut(path: Path, segments: Sequence[Segment], dataset: Path, *, least: float, background: bool) -> list[Path]:
    """Write a clip for each segment that concerns the recording. Returns the files. Raises HarError.

    least: seconds that a clip has: shorter segments are widened on both sides, not into those with another label.
    background: let what lies between segments be clips of the class "none".
    """
    recording = open_recording(path)
    spans, rate = _spans(recording)
    first = min(start for start, _ in spans.values())
    found = []
    for camera, (start, end) in spans.items():
        own = [
            Piece(segment.label, camera, *(stamp - first for stamp in segment.stamps(first)))
            for segment in segments
            if segment.concerns(path.name, camera)
        ]
        seen = Piece(NONE, camera, start - first, end - first)
        found += [*actions(own, seen, round(least * SECOND))]
        found += [*backgrounds(own, seen, round(least * SECOND))] if background else []
    places = {piece: _place(dataset, path, piece, len(spans) > 1) for piece in found}
    return _write(recording, first, places, rate)


def _write(recording: Recording, first: int, places: dict[Piece, Path], rate: float) -> list[Path]:
    """Write all pieces in one go through the recording. Returns the files."""
    waiting: dict[str, list[Piece]] = {camera: [] for camera in recording.cameras}
    for piece in sorted(places, key=lambda piece: piece.start, reverse=True):
        waiting[piece.camera].append(piece)
    open_clips: dict[Piece, ClipFile] = {}
    written: list[Path] = []
    try:
        for camera, image in images(recording):
            now = image.stamp - first
            while waiting[camera] and waiting[camera][-1].start <= now:
                piece = waiting[camera].pop()
                open_clips[piece] = ClipFile(places[piece], rate)
            for piece in [piece for piece in open_clips if piece.camera == camera and piece.end < now]:
                written += _closed(open_clips.pop(piece))
            for piece, clip in open_clips.items():
                if piece.camera == camera:
                    clip.take(image)
        for piece in list(open_clips):
            written += _closed(open_clips.pop(piece))
    finally:
        for clip in open_clips.values():
            clip.discard()
    return written


def actions(own: Sequence[Piece], seen: Piece, wanted: int) -> Iterator[Piece]:
    """Yield what becomes clips of a camera's segments.

    own: the segments. seen: from the camera's first image to its last. wanted: nanoseconds that a clip has, at least.
    """
    for piece in own:
        others = [other for other in own if other.label != piece.label]
        low = max([seen.start, *(min(other.end, piece.start) for other in others if other.start < piece.start)])
        high = min([seen.end, *(max(other.start, piece.end) for other in others if other.end > piece.end)])
        widened = _widened(piece, wanted, low, high)
        if widened.end - widened.start >= max(1, wanted // SHORTEST):
            yield widened


def backgrounds(own: Sequence[Piece], seen: Piece, wanted: int) -> Iterator[Piece]:
    """Yield what becomes clips of nothing: what lies between a camera's segments. See actions."""
    at = seen.start
    for begin, stop in [*sorted((piece.start, piece.end) for piece in own), (seen.end, seen.end)]:
        while begin - at >= max(1, wanted):
            until = min(begin, at + LONGEST_BACKGROUND)
            yield replace(seen, start=at, end=until)
            at = until
        at = max(at, stop)


def _widened(piece: Piece, wanted: int, low: int, high: int) -> Piece:
    """Return the piece with as much on both sides as makes it `wanted` long, between low and high."""
    missing = max(0, wanted - (piece.end - piece.start))
    start = max(low, min(piece.start - missing // 2, high - wanted)) if missing else max(low, piece.start)
    end = min(high, max(piece.end, start + wanted))
    return replace(piece, start=start, end=end)


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


def _place(dataset: Path, path: Path, piece: Piece, several: bool) -> Path:
    camera = _safe(piece.camera.strip("/")) + "_" if several else ""
    name = f"{camera}{piece.start / SECOND:.2f}-{piece.end / SECOND:.2f}s.mp4"
    return dataset / _safe(piece.label) / _safe(path.stem) / name


def _safe(name: str) -> str:
    """Return a name that can be a folder's."""
    return re.sub(r"[^\w .()+-]", "_", name).strip(" .") or "_"


def _closed(clip: ClipFile) -> list[Path]:
    clip.close()
    return [clip.path] if clip.frames else []
