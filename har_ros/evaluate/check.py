"""Does a truth fit its recordings: what `actionnet truth check` reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from har_ros.errors import ConfigurationError
from har_ros.evaluate.recording import SECOND, Recording
from har_ros.evaluate.truth import ANY, NONE, Segment, join

TOLERANCE = 0.1
"""Seconds by which a segment may reach beyond its recording."""


@dataclass(frozen=True)
class Span:
    """A recording as the truth sees it. first: stamp of its first image, nanoseconds. duration: seconds."""

    name: str
    cameras: tuple[str, ...]
    first: int
    duration: float


def span_of(name: str, recording: Recording) -> Span:
    """Return when the recording's images begin, and how long it lasts. Raises HarError when it has none."""
    for recorded in recording.images():
        if not isinstance(recorded.image, Exception):
            return Span(name, recording.cameras, recorded.image.stamp or recorded.arrival, recording.duration)
    raise ConfigurationError(f"{recording.path} has no image that can be read")


def problems(
    segments: Sequence[Segment],
    spans: Sequence[Span],
    labels: Sequence[str],
    label_map: Mapping[str, object] | None = None,
) -> list[str]:
    """Return a sentence for each thing that does not fit."""
    found = []
    for name in dict.fromkeys(segment.label for segment in segments):
        try:
            join([name], labels, label_map)
        except ConfigurationError as error:
            found.append(str(error))
    if not found:
        try:
            join([segment.label for segment in segments], labels, label_map)
        except ConfigurationError as error:
            found.append(str(error))
    for segment in segments:
        found += _misplaced(segment, spans)
    return [*found, *_contradictions(segments, spans)]


def told(segment: Segment) -> str:
    """Name a segment in a sentence."""
    where = " ".join(part for part in (segment.bag, segment.camera) if part != ANY)
    return f"{segment.label!r} from {segment.start:g} to {segment.end:g} s" + (f" of {where}" if where else "")


def _misplaced(segment: Segment, spans: Sequence[Span]) -> list[str]:
    bags = [span for span in spans if segment.speaks_of(span.name)]
    if not bags:
        return [f"{told(segment)}: there is no such recording; there are {', '.join(span.name for span in spans)}"]
    places = [span for span in bags if segment.camera in (ANY, *span.cameras)]
    if not places:
        there = sorted({camera for span in bags for camera in span.cameras})
        return [f"{told(segment)}: there is no such camera; there are {', '.join(there)}"]
    found = []
    for span in places:
        start, end = ((stamp - span.first) / SECOND for stamp in segment.stamps(span.first))
        if start < -TOLERANCE or end > span.duration + TOLERANCE > TOLERANCE:
            found.append(f"{told(segment)} is outside {span.name}, which lasts {span.duration:.2f} s")
    return found


def _contradictions(segments: Sequence[Segment], spans: Sequence[Span]) -> list[str]:
    """Find overlaps of something with nothing, and of a label with itself."""
    found: dict[str, None] = {}
    for span in spans:
        for camera in span.cameras:
            here = sorted(
                ((*segment.stamps(span.first), segment) for segment in segments if segment.concerns(span.name, camera)),
                key=lambda item: item[:2],
            )
            for number, (_, end, one) in enumerate(here):
                for start, _, other in here[number + 1 :]:
                    if start >= end:
                        break
                    if one.label == other.label:
                        found[f"{told(one)} overlaps {told(other)}: the same label twice; make one of them"] = None
                    elif NONE in (one.label, other.label):
                        found[f"{told(one)} overlaps {told(other)}, but one says that nothing happens"] = None
    return list(found)
