"""The probabilities of an evaluation, kept so that the event layer can run over them again with other settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.evaluate import persons, results
from har_ros.evaluate.event_figures import HOUR, OVERLAPS, false_alarms, joined, segments_of
from har_ros.evaluate.judge import Judged
from har_ros.evaluate.person_figures import delays_of_people
from har_ros.evaluate.track import EventSpans, Moment, SaidSpan
from har_ros.frames.sampling import SECOND
from har_ros.frames.window import Clip
from har_ros.pipeline.events import Events
from har_ros.pipeline.scores import Scores, ScoreSettings
from har_ros.stats.segmental import matches
from har_ros.truth.segments import Classes


@dataclass(frozen=True)
class Outcome:
    """What events of a class are worth.

    segments: of the truth. found: those with which an event shares OVERLAPS[0] of what the two cover together. said:
    events. alarms: those that share nothing with a segment of the class. delays: seconds from the start of a segment
    that was found until its event was said to have started.
    """

    segments: int = 0
    found: int = 0
    said: int = 0
    alarms: int = 0
    delays: tuple[float, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.segments + other.segments,
            self.found + other.found,
            self.said + other.said,
            self.alarms + other.alarms,
            self.delays + other.delays,
        )


class _Windows:
    """The windows of one subject: a whole image, or a person."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.ends: list[int] = []
        self.rows: list[NDArray[np.float16]] = []

    def smoothed(self, columns: Sequence[int], smoothing: float) -> NDArray[Any]:
        """Return a row for each window, with the probabilities of these outputs, smoothed as the node does it."""
        if not self.rows:
            return np.zeros((0, len(columns)))
        rows = np.stack(self.rows)[:, list(columns)]
        if not smoothing:
            return rows
        scores, settings = Scores(tuple(map(str, columns))), ScoreSettings(top_k=1, smoothing=smoothing)
        windows = zip(rows, self.ends, self.moments, strict=True)
        clips = ((row, Clip(row, (end,), restarts=moment.restarts)) for row, end, moment in windows)
        return np.stack([scores.predict(row, clip, settings).evidence for row, clip in clips])


class RecordedEvidence:
    """What a network said of one camera in one recording, and what happened there. group: see tune.

    people: it speaks of the people in the camera's images, of whom the truth does not say who acts: what several do at
    a time is the same segment's.
    """

    def __init__(self, track: Judged, classes: Classes, group: str, people: bool = False) -> None:
        self.group = group
        self._people = people
        self.hours = float(track.windows["duration"].sum()) / HOUR
        self._class_of = classes.of_output
        self._segments = segments_of(track, classes)
        self._count = len(classes.names)
        self._subjects: dict[str, _Windows] = {}

    def segments(self, label: int) -> int:
        """Return how many segments of a class the truth has here."""
        return sum(segment.label == label for segment in self._segments)

    def append(self, moment: Moment, end: int, evidence: NDArray[np.float16], person: str = "") -> None:
        """Take the next window. end: stamp of its newest frame. evidence: of all outputs. person: whom it shows."""
        own = self._subjects.setdefault(person, _Windows())
        own.moments.append(moment)
        own.ends.append(end)
        own.rows.append(evidence)

    def evidence(self, columns: Sequence[int], smoothing: float) -> list[NDArray[Any]]:
        """Return the smoothed probabilities of these outputs, windows×outputs for each subject."""
        return [windows.smoothed(columns, smoothing) for windows in self._subjects.values()]

    def outcomes(self, evidence: Sequence[NDArray[Any]], new_events: Callable[[], Events]) -> list[Outcome]:
        """Return what events are worth, for each class of the truth.

        evidence: as returned, of the labels of the events. new_events: makes those of a subject.
        """
        spans: list[SaidSpan] = []
        for windows, rows in zip(self._subjects.values(), evidence, strict=True):
            gathered = EventSpans(new_events(), self._class_of)
            for moment, row in zip(windows.moments, rows, strict=True):
                gathered.take(moment, row)
            spans += joined([span for span in gathered.finish() if span.label >= 0])
        return [self._outcome([span for span in spans if span.label == label], label) for label in range(self._count)]

    def _outcome(self, said: Sequence[SaidSpan], label: int) -> Outcome:
        true = [segment for segment in self._segments if segment.label == label]
        if self._people:
            delays = delays_of_people(said, true)
        else:
            found = matches([span.span for span in said], true, OVERLAPS[0])
            delays = [float(said[place].began - true[at].start) for place, at in found]
        seconds = tuple(delay / SECOND for delay in delays)
        return Outcome(len(true), len(delays), len(said), false_alarms(said, true), seconds)


def recorded(
    predictions: Path, judged: Sequence[Judged], classes: Classes, group_of: Callable[[str], str]
) -> list[RecordedEvidence]:
    """Return the evidence of the tracks of which the truth says something. group_of: name of a recording → its group.

    Raises ConfigurationError.
    """
    tracks = {(one.bag, one.camera): RecordedEvidence(one, classes, group_of(one.bag)) for one in judged if one.spans}
    for window in results.read(predictions)[1]:
        if (window.bag, window.camera) in tracks:
            tracks[window.bag, window.camera].append(Moment.of(window), window.end, window.probabilities)
    return list(tracks.values())


def recorded_people(
    path: Path, judged: Sequence[Judged], classes: Classes, group_of: Callable[[str], str]
) -> list[RecordedEvidence]:
    """Return the same of the people in these tracks. path: of their windows. classes: of their network."""
    tracks = {
        (one.bag, one.camera): RecordedEvidence(one, classes, group_of(one.bag), people=True)
        for one in judged
        if one.spans
    }
    for window in persons.read(path):
        if (window.bag, window.camera) in tracks:
            moment = Moment(window.start, window.until, window.end, window.restarts)
            tracks[window.bag, window.camera].append(moment, window.end, window.evidence, window.person)
    return list(tracks.values())
