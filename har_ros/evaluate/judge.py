"""Windows against truth: what each window should have said (see truth.labelling), and which belong together.

Windows at the edge of a segment are not judged, nor those of a camera of which the truth says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from har_ros.evaluate.track import SaidSpan, Table, Track, predicted
from har_ros.frames.sampling import SECOND
from har_ros.stats.metrics import NOTHING, Bools, Floats, Ints
from har_ros.truth.labelling import overlap
from har_ros.truth.segments import Classes, Segment

LABELLED, BACKGROUND, EDGE, UNJUDGED = range(4)
BLOCK = 30.0
"""Seconds of background that count as one piece when samples are drawn."""


@dataclass(frozen=True)
class JudgedSegment:
    """A segment, and the windows that have its label. start, end: stamps in ns. windows: their places in the track."""

    bag: str
    camera: str
    start: int
    end: int
    label: int
    cluster: int
    windows: Ints
    right: float  # share of its windows whose first answer is its label; NaN without windows
    vote: bool
    delay: float  # seconds from its start to the publication of the first right answer; NaN when there was none


@dataclass(frozen=True)
class Judged:
    """A camera's windows in one recording, with their truth.

    first: stamp of the recording's first image, ns. windows: see track.row_type. spans: start and end (ns) and label of
    the truth as it was given. events: what was said to happen, as it ended.
    """

    bag: str
    camera: str
    first: int
    windows: Table
    segments: tuple[JudgedSegment, ...]
    spans: tuple[tuple[int, int, str], ...]
    events: tuple[SaidSpan, ...]

    @property
    def offset(self) -> int:
        """Of the recorder's clock to the stamps, nanoseconds, at least; 0 without windows."""
        return int(np.min(self.windows["started"] - self.windows["end"])) if len(self.windows) else 0


def judge(
    track: Track, segments: Iterable[Segment], classes: Classes, threshold: float, coverage: float, next_cluster: int
) -> Judged:
    """Compare a track with the segments that concern it. next_cluster: number of its first cluster."""
    windows = track.windows
    start, end = windows["start"], windows["end"]
    spans = sorted((*segment.stamps(track.first), segment.label) for segment in segments)
    expected = _expected(start, end, spans, classes, coverage, next_cluster)
    block = (end - track.first) // round(BLOCK * SECOND)
    windows["accepted"] = windows["score"] >= threshold
    windows["duration"] = _durations(start, end, windows["restarts"])
    windows["truth"], windows["kind"] = expected.truth, expected.kind
    windows["cluster"] = _with_background(expected.cluster, block, expected.next_cluster)
    found = tuple(_segment(track, windows, place) for place in expected.places)
    return Judged(track.bag, track.camera, track.first, windows, found, tuple(spans), track.events())


@dataclass(frozen=True)
class _Place:
    """Where a segment lies. start, end: stamps in ns. touching: the windows that share something with it."""

    start: int
    end: int
    label: int
    cluster: int
    touching: Ints


@dataclass(frozen=True)
class _Expected:
    """What n windows should have said, see track.row_type. cluster: -1 for a window without a label."""

    truth: Bools
    kind: Ints
    cluster: Ints
    places: tuple[_Place, ...]
    next_cluster: int


def _expected(
    start: Ints, end: Ints, spans: Sequence[tuple[int, int, str]], classes: Classes, coverage: float, next_cluster: int
) -> _Expected:
    """Label the windows. spans: start, end and label of the segments, in their order in time."""
    truth = np.zeros((len(start), len(classes.names)), bool)
    touched = np.zeros(len(start), bool)
    cluster = np.full(len(start), -1)
    places = []
    number, reach = next_cluster - 1, None
    for first, last, name in spans:
        if (label := classes.of_label[name]) is None:
            continue
        if reach is None or first >= reach:
            number += 1
        reach = max(last, reach or last)
        _, touches, labelled = overlap(start, end, first, last, coverage)
        truth[labelled, label] = True
        touched |= touches
        cluster[labelled & (cluster < 0)] = number
        places.append(_Place(first, last, label, number, np.flatnonzero(touches)))
    kind = np.where(truth.any(axis=1), LABELLED, np.where(touched, EDGE, BACKGROUND if spans else UNJUDGED))
    return _Expected(truth, kind, cluster, tuple(places), number + 1)


def _with_background(cluster: Ints, block: Ints, next_cluster: int) -> Ints:
    """Return the clusters, in which windows without one have one for each block of time."""
    missing = cluster < 0
    _, place = np.unique(block[missing], return_inverse=True)
    complete = cluster.copy()
    complete[missing] = next_cluster + place
    return complete


def _segment(track: Track, windows: Table, place: _Place) -> JudgedSegment:
    touching = windows[place.touching]
    own = place.touching[touching["truth"][:, place.label]]
    right = touching[predicted(touching) == place.label]
    published = right["end"] + right["published"] - right["started"]  # the newest frame's stamp, and what the run takes
    answers = windows["ranked"][own, 0]
    return JudgedSegment(
        bag=track.bag,
        camera=track.camera,
        start=place.start,
        end=place.end,
        label=place.label,
        cluster=place.cluster,
        windows=own,
        right=float(np.mean(answers == place.label)) if len(own) else float("nan"),
        vote=_voted(answers, windows["scores"][own]) == place.label,
        delay=float(published.min() - place.start) / SECOND if len(right) else float("nan"),
    )


def _voted(answers: Ints, scores: Floats) -> int:
    """Return the answer that most windows give, of several the one whose scores are highest. scores: n×C."""
    votes = {int(a): (int((answers == a).sum()), scores[:, a].sum() if a >= 0 else 0.0) for a in set(answers)}
    return max(votes, key=lambda answer: (*votes[answer], answer), default=NOTHING)


def _durations(start: Ints, end: Ints, restarts: Ints) -> Floats:
    """Return the seconds until the next window.

    Where the camera's window started again, or nothing follows, the median counts; of a single window what it spans.
    """
    if not len(end):
        return np.zeros(0)
    gaps = np.append(np.diff(end), -1) / SECOND
    gaps[:-1][np.diff(restarts) != 0] = -1
    usual = np.median(gaps[gaps > 0]) if (gaps > 0).any() else (end - start) / SECOND
    return np.where(gaps > 0, gaps, usual)
