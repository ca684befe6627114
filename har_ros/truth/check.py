"""Does a truth fit its recordings: what `actionnet truth check` reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from har_ros.errors import ConfigurationError
from har_ros.frames.sampling import SECOND
from har_ros.recordings.recording import Recording
from har_ros.truth.segments import ANY, NONE, THE_NETWORK, Segment, join, meant

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
    network: str = THE_NETWORK,
) -> Iterator[str]:
    """Yield a sentence for each thing that does not fit. labels: of the network of this name."""
    label_map, fits = label_map or {}, True
    names = dict.fromkeys(segment.label for segment in segments)
    for name in dict.fromkeys([*names, *label_map]):
        try:
            meant(name, labels, label_map, network)
        except ConfigurationError as error:
            fits = False
            yield str(error)
    if fits:
        try:
            join(names, labels, label_map)
        except ConfigurationError as error:
            yield str(error)
    for segment in segments:
        yield from _misplaced(segment, spans)
    yield from _contradictions(segments, spans)


def described(segment: Segment) -> str:
    """Name a segment in a sentence."""
    where = " ".join(part for part in (segment.bag, segment.camera) if part != ANY)
    return f"{segment.label!r} from {segment.start:g} to {segment.end:g} s" + (f" of {where}" if where else "")


def _misplaced(segment: Segment, spans: Sequence[Span]) -> list[str]:
    bags = [span for span in spans if segment.speaks_of(span.name)]
    if not bags:
        names = ", ".join(map(_named, spans))
        return [f"{described(segment)}: there is no such recording, only {names}; name it so, or write {ANY}"]
    places = [span for span in bags if segment.camera in (ANY, *span.cameras)]
    if not places:
        there = sorted({camera for span in bags for camera in span.cameras})
        return [f"{described(segment)}: there is no such camera, only {', '.join(there)}; name it so, or write {ANY}"]
    found = []
    for span in places:
        start, end = ((stamp - span.first) / SECOND for stamp in segment.stamps(span.first))
        if start < -TOLERANCE or end > span.duration + TOLERANCE > TOLERANCE:
            found.append(f"{described(segment)} is outside {span.name}, which lasts {span.duration:.2f} s")
    return found


def _named(span: Span) -> str:
    """Name a recording, with its cameras where there are several: a bag made of videos has one for each."""
    return span.name + (f" (cameras {', '.join(span.cameras)})" if len(span.cameras) > 1 else "")


def _contradictions(segments: Sequence[Segment], spans: Sequence[Span]) -> Iterator[str]:
    """Yield overlaps of something with nothing, and of a label with itself; each once, of however many cameras."""
    found: set[str] = set()
    for span in spans:
        for camera in span.cameras:
            for one, other in _overlaps([s for s in segments if s.concerns(span.name, camera)], span.first):
                if one.label == other.label:
                    said = f"{described(one)} overlaps {described(other)}: the same label twice; make one of them"
                elif NONE in (one.label, other.label):
                    said = f"{described(one)} overlaps {described(other)}, but one says that nothing happens"
                else:
                    continue
                if said not in found:
                    found.add(said)
                    yield said


def _overlaps(segments: Sequence[Segment], first: int) -> Iterator[tuple[Segment, Segment]]:
    """Yield the pairs of one camera's segments that share some time. first: see Segment.stamps."""
    here = sorted(((*segment.stamps(first), segment) for segment in segments), key=lambda item: item[:2])
    for number, (_, end, one) in enumerate(here):
        for start, _, other in (here[behind] for behind in range(number + 1, len(here))):
            if start >= end:
                break
            yield one, other
