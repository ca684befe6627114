"""Events and first answers, made of the same probabilities with any parameters, and what is counted of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from event_streams import Stream

from har_ros.evaluate.event_figures import OVERLAPS, event_figures, events_of, windows_of
from har_ros.evaluate.judge import Judged, judge
from har_ros.evaluate.results import PredictedWindow
from har_ros.evaluate.track import EventSpans, Moment, SaidSpan, Track
from har_ros.frames.sampling import SECOND
from har_ros.frames.window import Clip
from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.events import Events
from har_ros.pipeline.scores import Prediction, Scores, ScoreSettings
from har_ros.stats.intervals import Bootstrap
from har_ros.stats.metrics import Floats
from har_ros.truth.labelling import COVERAGE
from har_ros.truth.segments import Classes, Segment, join

BY = "0.25"
"""Overlap of the F1 by which it is chosen."""


@dataclass(frozen=True)
class FirstAnswers:
    """The windows' first answers. middle: each counts from the middle of its window on, not from its newest image."""

    hysteresis: float = 0.0
    smoothing: float = 0.0
    middle: bool = False

    def __str__(self) -> str:
        return f"first answers, hysteresis {self.hysteresis:g}, smoothing {self.smoothing:g}" + ", middle" * self.middle


@dataclass(frozen=True)
class EventsWith:
    """Events with these parameters."""

    start: float = EventSettings.event_start
    end: float = EventSettings.event_end
    min_duration: float = EventSettings.event_min_duration
    smoothing: float = 0.0

    def __str__(self) -> str:
        return f"events {self.start:g} / {self.end:g} / {self.min_duration:g} s, smoothing {self.smoothing:g}"

    def of(self, stream: Stream, evidence: Sequence[Floats], classes: Classes) -> tuple[SaidSpan, ...]:
        """Return the events of a stream, as Track makes them."""
        settings = EventSettings(self.start, self.end, self.min_duration)
        gathered = EventSpans(Events(stream.labels, settings, self.smoothing), classes.of_output)
        for (start, until, end, restarts), row in zip(stream.moments, evidence, strict=True):
            gathered.take(Moment(start, until, end, restarts), row)
        return gathered.finish()


Way = FirstAnswers | EventsWith


@dataclass(frozen=True)
class Counts:
    """What is counted in each group of a set. right: by overlap. edits: sum of the edit scores of `edited` streams."""

    right: Mapping[str, Floats]
    said: Floats
    true: Floats
    changes: Floats
    minutes: Floats
    edits: Floats
    edited: Floats

    @cached_property
    def weights(self) -> Floats:
        """See Bootstrap."""
        return Bootstrap(len(self.said)).weights

    def f1(self, overlap: str = BY) -> Floats:
        """Return the segmental F1, of all groups and of samples of them."""
        return _ratio(2 * self.weights @ self.right[overlap], self.weights @ (self.said + self.true))

    def rate(self) -> Floats:
        """Return the changes a minute, of all groups and of samples of them."""
        return _ratio(self.weights @ self.changes, self.weights @ self.minutes)

    def edit(self) -> Floats:
        """Return the edit score, of all groups and of samples of them."""
        return _ratio(self.weights @ self.edits, self.weights @ self.edited)


def _ratio(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.divide(one, other, out=np.full(len(one), np.nan), where=other > 0))


def measured(streams: Sequence[Stream], ways: Iterable[Way]) -> dict[Way, Counts]:
    """Return what each way counts in a set of streams."""
    classes = join([label for stream in streams for _, _, label in stream.truth], streams[0].labels)
    groups = sorted({stream.group for stream in streams})
    names = (*map(str, OVERLAPS), "said", "true", "changes", "minutes", "edits", "edited")
    sums = {way: np.zeros((len(names), len(groups))) for way in ways}
    for stream in streams:
        for way, figures in _of_stream(stream, classes, list(sums)).items():
            sums[way][:, groups.index(stream.group)] += figures
    count = len(OVERLAPS)
    right = {way: {f"{overlap:g}": rows[at] for at, overlap in enumerate(OVERLAPS)} for way, rows in sums.items()}
    return {way: Counts(right[way], *rows[count:]) for way, rows in sums.items()}


def _of_stream(stream: Stream, classes: Classes, ways: Sequence[Way]) -> dict[Way, list[float]]:
    found: dict[Way, list[float]] = {}
    smoothed = {smoothing: predictions(stream, smoothing, 0.0) for smoothing in {way.smoothing for way in ways}}
    plain = judged(stream, smoothed[0.0], classes)
    for way in ways:
        if isinstance(way, EventsWith):
            evidence = [prediction.evidence for prediction in smoothed[way.smoothing]]
            one, said = replace(plain, events=way.of(stream, evidence, classes)), events_of
        else:
            one, said = judged(stream, predictions(stream, way.smoothing, way.hysteresis), classes), windows_of
            if way.middle:
                one.windows["end"] = (stream.times[:, 0] + stream.times[:, 1]) // 2
        figures = event_figures([one], classes, said)
        both = figures.said + figures.segments
        right = [round(figures.f1[f"{overlap:g}"] * both / 2) if both else 0 for overlap in OVERLAPS]
        minutes = float(one.windows["duration"].sum()) / 60
        changes = round(figures.label_changes_per_minute * minutes)
        edit = (figures.edit, 1) if np.isfinite(figures.edit) else (0.0, 0)
        found[way] = [*right, figures.said, figures.segments, changes, minutes, *edit]
    return found


def predictions(stream: Stream, smoothing: float, hysteresis: float) -> list[Prediction]:
    """Return what the node would say of each window."""
    scores, settings = (
        Scores(stream.labels),
        ScoreSettings(len(stream.labels), smoothing=smoothing, hysteresis=hysteresis),
    )
    rows = zip(stream.moments, stream.probabilities, strict=True)
    return [scores.predict(row, Clip(row, (end,), restarts=restarts), settings) for (_, _, end, restarts), row in rows]


def judged(stream: Stream, said: Sequence[Prediction], classes: Classes) -> Judged:
    """Return the windows of a stream with their first answers, and their truth."""
    made = Track(stream.name, "", 0, classes, stream.labels)
    for (start, until, end, restarts), prediction in zip(stream.moments, said, strict=True):
        rest = (end, end, restarts, 0, prediction.hypotheses, prediction.evidence.astype(np.float16), False, until)
        made.append(PredictedWindow(stream.name, "", "", start, end, *rest))
    truth = [Segment(start / SECOND, end / SECOND, label) for start, end, label in stream.truth if end > start]
    return judge(made, truth, classes, ScoreSettings.threshold, COVERAGE, 0)
