"""The probabilities of an evaluation, kept so that the event layer can run over them again with other settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.evaluate import results
from har_ros.evaluate.event_figures import HOUR, OVERLAPS, joined, segments_of
from har_ros.evaluate.judge import Judged
from har_ros.evaluate.track import EventSpans, Moment, SaidSpan
from har_ros.frames.window import Clip
from har_ros.pipeline.events import SECOND, Events
from har_ros.pipeline.scores import Scores, ScoreSettings
from har_ros.stats.segmental import matches, shared_part
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


class RecordedEvidence:
    """What a network said of one camera in one recording, and what happened there. group: see tune."""

    def __init__(self, track: Judged, classes: Classes, group: str) -> None:
        self.group = group
        self.hours = float(track.windows["duration"].sum()) / HOUR
        self._class_of = classes.of_output
        self._segments = segments_of(track, classes)
        self._count = len(classes.names)
        self._moments: list[Moment] = []
        self._ends: list[int] = []
        self._rows: list[NDArray[np.float16]] = []

    def segments(self, label: int) -> int:
        """Return how many segments of a class the truth has here."""
        return sum(segment.label == label for segment in self._segments)

    def append(self, window: results.PredictedWindow) -> None:
        """Take the next window."""
        self._moments.append(Moment.of(window))
        self._ends.append(window.end)
        self._rows.append(window.probabilities)

    def evidence(self, columns: Sequence[int], smoothing: float) -> NDArray[Any]:
        """Return a row for each window, with the probabilities of these outputs, smoothed as the node does it."""
        if not self._rows:
            return np.zeros((0, len(columns)))
        rows = np.stack(self._rows)[:, list(columns)]
        if not smoothing:
            return rows
        scores, settings = Scores(tuple(map(str, columns))), ScoreSettings(top_k=1, smoothing=smoothing)
        windows = zip(rows, self._ends, self._moments, strict=True)
        clips = ((row, Clip(row, (end,), restarts=moment.restarts)) for row, end, moment in windows)
        return np.stack([scores.predict(row, clip, settings).evidence for row, clip in clips])

    def outcomes(self, evidence: NDArray[Any], events: Events) -> list[Outcome]:
        """Return what events are worth, for each class of the truth. evidence: of the labels of the events."""
        gathered = EventSpans(events, self._class_of)
        for moment, row in zip(self._moments, evidence, strict=True):
            gathered.take(moment, row)
        return self._outcomes(joined([span for span in gathered.finish() if span.label >= 0]))

    def _outcomes(self, spans: Sequence[SaidSpan]) -> list[Outcome]:
        made = []
        for label in range(self._count):
            said = [span for span in spans if span.label == label]
            true = [segment for segment in self._segments if segment.label == label]
            found = matches([span.span for span in said], true, OVERLAPS[0])
            alarms = sum(not any(shared_part(span.span, segment) for segment in true) for span in said)
            delays = tuple((said[place].began - true[at].start) / SECOND for place, at in found)
            made.append(Outcome(len(true), len(found), len(said), alarms, delays))
        return made


def recorded(
    predictions: Path, judged: Sequence[Judged], classes: Classes, group_of: Callable[[str], str]
) -> list[RecordedEvidence]:
    """Return the evidence of the tracks of which the truth says something. group_of: name of a recording → its group.

    Raises ConfigurationError.
    """
    tracks = {(one.bag, one.camera): RecordedEvidence(one, classes, group_of(one.bag)) for one in judged if one.spans}
    for window in results.read(predictions)[1]:
        if (window.bag, window.camera) in tracks:
            tracks[window.bag, window.camera].append(window)
    return list(tracks.values())
