"""How well the events of people say when actions happen.

The truth says what is done in a recording, and not by whom: an event of anybody may be the one that a segment means,
and several people may do the same at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from har_ros.evaluate.event_figures import HOUR, OVERLAPS, Spread, false_alarms, joined, segments_of, spread
from har_ros.evaluate.judge import Judged
from har_ros.evaluate.persons import Camera, PersonWindow
from har_ros.evaluate.track import EventSpans, Moment, SaidSpan
from har_ros.frames.sampling import SECOND
from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.events import Events
from har_ros.stats.intervals import Figure, proportion, rate
from har_ros.stats.segmental import Span, shared_part
from har_ros.truth.segments import Classes


@dataclass(frozen=True)
class PersonEventFigures:
    """How well events of people say when actions happen; the truth does not say who acts.

    said, segments: how many, of classes of the truth. found: segments that share 0.1 with an event of their class, of
    anybody; recall: their part. start_delay: until the first of these was said to have started. false_alarms: events
    that share nothing with a segment of their class; an hour of each camera, however many people there are.
    """

    said: int
    segments: int
    found: int
    recall: Figure
    start_delay: Spread
    false_alarms: int
    false_alarms_per_hour: Figure


@dataclass
class _Person:
    """The events of a person, and the stamp of their newest window in nanoseconds."""

    events: EventSpans
    seen: int

    def finish(self) -> list[SaidSpan]:
        """Return their events of classes of the truth; there is no other window after that."""
        return joined([span for span in self.events.finish() if span.label >= 0])


def events_of_people(
    windows: Iterable[PersonWindow],
    classes: Classes,
    labels: Sequence[str],
    settings: EventSettings,
    smoothing: float,
    timeout: float,
) -> dict[Camera, list[SaidSpan]]:
    """Return what people were said to do of the truth's classes, by camera.

    labels: of their network. timeout: see track_timeout, seconds.
    """
    ended: dict[Camera, list[SaidSpan]] = {}
    present: dict[Camera, dict[str, _Person]] = {}
    for window in windows:
        camera = (window.bag, window.camera)
        people, spans = present.setdefault(camera, {}), ended.setdefault(camera, [])
        for name in [name for name, one in people.items() if window.end - one.seen > timeout * SECOND]:
            spans += people.pop(name).finish()
        if window.person not in people:
            events = Events(labels, settings, smoothing, window.person)
            people[window.person] = _Person(EventSpans(events, classes.of_output), window.end)
        person = people[window.person]
        person.seen = window.end
        person.events.take(Moment(window.start, window.until, window.end, window.restarts), window.evidence)
    for camera, people in present.items():
        for person in people.values():
            ended[camera] += person.finish()
    return ended


def person_event_figures(
    tracks: Sequence[Judged], classes: Classes, said: Mapping[Camera, Sequence[SaidSpan]]
) -> PersonEventFigures:
    """Return the figures of people's events. classes: of their network. said: see events_of_people."""
    count, found, segments, alarms, hours = 0, 0, 0, 0, 0.0
    delays: list[float] = []
    for track in tracks:
        if not track.spans:
            continue
        true = segments_of(track, classes)
        own = said.get((track.bag, track.camera), ())
        count, segments = count + len(own), segments + len(true)
        hours += float(track.windows["duration"].sum()) / HOUR
        alarms += false_alarms(own, true)
        of_track = delays_of_people(own, true)
        found, delays = found + len(of_track), delays + of_track
    return PersonEventFigures(
        said=count,
        segments=segments,
        found=found,
        recall=proportion(found, segments),
        start_delay=spread(delays),
        false_alarms=alarms,
        false_alarms_per_hour=rate(alarms, hours),
    )


def delays_of_people(said: Sequence[SaidSpan], true: Sequence[Span]) -> list[float]:
    """Return of each segment that was found how long after its start it was first said to have begun, nanoseconds.

    It is found where it and an event of its class, of anybody, share OVERLAPS[0] of what the two cover together.
    """
    began = [[one.began for one in said if shared_part(one.span, segment) >= OVERLAPS[0]] for segment in true]
    return [min(own) - segment.start for own, segment in zip(began, true, strict=True) if own]
