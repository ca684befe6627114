"""How well the events of people say when actions happen.

The truth says what is done in a recording, and not by whom: an event of anybody may be the one that a segment means,
and several people may do the same at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from har_ros.evaluate.event_figures import HOUR, OVERLAPS, segments_of, spread
from har_ros.evaluate.judge import Judged
from har_ros.evaluate.measured import PersonEventFigures
from har_ros.evaluate.persons import Camera, PersonWindow
from har_ros.evaluate.track import EventSpans, Moment, SaidSpan
from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.events import SECOND, Events
from har_ros.stats.intervals import proportion, rate
from har_ros.stats.segmental import shared_part
from har_ros.truth.segments import Classes


@dataclass
class _Person:
    """The events of a person, and the stamp of their newest window in nanoseconds."""

    events: EventSpans
    seen: int


def events_of_people(
    windows: Iterable[PersonWindow],
    classes: Classes,
    labels: Sequence[str],
    settings: EventSettings,
    smoothing: float,
    timeout: float,
) -> dict[Camera, list[SaidSpan]]:
    """Return what people were said to do, by camera. labels: of their network. timeout: see track_timeout, seconds."""
    ended: dict[Camera, list[SaidSpan]] = {}
    present: dict[Camera, dict[str, _Person]] = {}
    for window in windows:
        camera = (window.bag, window.camera)
        people, spans = present.setdefault(camera, {}), ended.setdefault(camera, [])
        for name in [name for name, one in people.items() if window.end - one.seen > timeout * SECOND]:
            spans += people.pop(name).events.finish()
        if window.person not in people:
            events = Events(labels, settings, smoothing, window.person)
            people[window.person] = _Person(EventSpans(events, classes.of_output), window.end)
        person = people[window.person]
        person.seen = window.end
        person.events.take(Moment(window.start, window.until, window.end, window.restarts), window.evidence)
    for camera, people in present.items():
        for person in people.values():
            ended[camera] += person.events.finish()
    return ended


def person_event_figures(
    tracks: Sequence[Judged], classes: Classes, said: Mapping[Camera, Sequence[SaidSpan]]
) -> PersonEventFigures:
    """Return the figures of people's events. classes: of their network. said: see events_of_people."""
    count, found, segments, alarms, hours, delays = 0, 0, 0, 0, 0.0, []
    for track in tracks:
        if not track.spans:
            continue
        true = segments_of(track, classes)
        own = [span for span in said.get((track.bag, track.camera), ()) if span.label >= 0]
        count, segments = count + len(own), segments + len(true)
        hours += float(track.windows["duration"].sum()) / HOUR
        alarms += sum(not any(shared_part(span.span, segment) for segment in true) for span in own)
        for segment in true:
            began = [span.began for span in own if shared_part(span.span, segment) >= OVERLAPS[0]]
            if began:
                found += 1
                delays.append(min(began) - segment.start)
    return PersonEventFigures(
        said=count,
        segments=segments,
        found=found,
        recall=proportion(found, segments),
        start_delay=spread(delays),
        false_alarms=alarms,
        false_alarms_per_hour=rate(alarms, hours),
    )
