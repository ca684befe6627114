"""Windows against truth: what each window should have said (see truth.labelling), and which belong together.

Windows at the edge of a segment are not judged, nor those of a camera of which the truth says nothing.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from har_ros.evaluate.results import RANKED, PredictedWindow
from har_ros.recordings.recording import SECOND
from har_ros.stats.metrics import NOTHING, OTHER, Bools, Floats, Ints
from har_ros.truth.labelling import overlap
from har_ros.truth.segments import Classes, Segment

LABELLED, BACKGROUND, EDGE, UNJUDGED = range(4)
BLOCK = 30.0
"""Seconds of background that count as one piece when samples are drawn."""


class Track:
    """The windows of one camera in one recording, in the order in which they ran."""

    def __init__(self, bag: str, camera: str, first: int) -> None:
        """`first`: stamp of the recording's first image, ns."""
        self.bag, self.camera, self.first = bag, camera, first
        self.offset = 0  # of the recorder's clock to the stamps, ns, at least
        self.start, self.end, self.restarts = array("q"), array("q"), array("q")
        self.published = array("q")  # the stamp of the newest frame plus the time that a run takes
        self.label: list[str] = []
        self.score = array("d")
        self.ranked = array("q")  # RANKED for each window
        self.scores = array("d")  # one for each window and class
        self.padded = 0

    def append(self, window: PredictedWindow, classes: Classes, outputs: Sequence[Sequence[int]]) -> None:
        """Take a window. outputs: for each class the numbers of the network's classes that it joins."""
        best = window.hypotheses[0]
        self.start.append(window.start)
        self.end.append(window.end)
        self.published.append(window.end + window.published - window.started)
        self.restarts.append(window.restarts)
        offset = window.started - window.end
        self.offset = offset if len(self.end) == 1 else min(self.offset, offset)
        self.label.append(sys.intern(best.label))
        self.score.append(best.score)
        ranked = [classes.of_output.get(hypothesis.label, OTHER) for hypothesis in window.hypotheses[:RANKED]]
        self.ranked.extend(ranked + [NOTHING] * (RANKED - len(ranked)))
        self.padded += window.padded
        self.scores.extend(float(window.probabilities[list(numbers)].sum(dtype=np.float64)) for numbers in outputs)


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
    """A track with its truth. Arrays of n windows; a cluster is what samples are drawn of."""

    bag: str
    camera: str
    first: int
    start: Ints
    end: Ints
    duration: Floats  # seconds for which each window stands
    truth: Bools  # n×C
    kind: Ints
    cluster: Ints
    ranked: Ints  # n×RANKED
    score: Floats  # of the first answer
    scores: Floats  # n×C
    accepted: Bools
    labels: tuple[str, ...]  # first answers, in the network's words
    segments: tuple[JudgedSegment, ...]
    spans: tuple[tuple[int, int, str], ...]  # the truth as it was given, ns
    offset: int  # of the recorder's clock to the stamps, ns
    padded: int  # windows of clips that were played again to fill them

    @property
    def predicted(self) -> Ints:
        """The class that was said: the first answer if it reached the threshold."""
        return np.where(self.accepted, self.ranked[:, 0], NOTHING)


def judge(
    track: Track, segments: Iterable[Segment], classes: Classes, threshold: float, coverage: float, next_cluster: int
) -> Judged:
    """Compare a track with the segments that concern it. next_cluster: number of its first cluster."""
    count, n = len(classes.names), len(track.start)
    start, end = np.array(track.start, np.int64), np.array(track.end, np.int64)
    score = np.array(track.score, np.float64)
    spans = sorted((*segment.stamps(track.first), segment.label) for segment in segments)
    expected = _expected(start, end, spans, classes, coverage, next_cluster)
    judged = Judged(
        bag=track.bag,
        camera=track.camera,
        first=track.first,
        start=start,
        end=end,
        duration=_durations(start, end, np.array(track.restarts, np.int64)),
        truth=expected.truth,
        kind=expected.kind,
        cluster=_with_background(expected.cluster, (end - track.first) // round(BLOCK * SECOND), expected.next_cluster),
        ranked=np.array(track.ranked, np.int64).reshape(n, RANKED),
        score=score,
        scores=np.array(track.scores, np.float64).reshape(n, count),
        accepted=score >= threshold,
        labels=tuple(track.label),
        segments=(),
        spans=tuple(spans),
        offset=track.offset,
        padded=track.padded,
    )
    published = np.array(track.published, np.int64)
    return replace(judged, segments=tuple(_segment(judged, place, published) for place in expected.places))


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
    """What n windows should have said, see Judged. cluster: -1 for a window without a label."""

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


def _segment(judged: Judged, place: _Place, published: Ints) -> JudgedSegment:
    windows = place.touching[judged.truth[place.touching, place.label]]
    right = place.touching[judged.predicted[place.touching] == place.label]
    answers = judged.ranked[windows, 0]
    scores = judged.scores
    votes = {int(a): (int((answers == a).sum()), scores[windows, a].sum() if a >= 0 else 0.0) for a in set(answers)}
    best = max(votes, key=lambda answer: (*votes[answer], answer)) if votes else NOTHING
    return JudgedSegment(
        bag=judged.bag,
        camera=judged.camera,
        start=place.start,
        end=place.end,
        label=place.label,
        cluster=place.cluster,
        windows=windows,
        right=float(np.mean(answers == place.label)) if len(windows) else float("nan"),
        vote=best == place.label,
        delay=float(published[right].min() - place.start) / SECOND if len(right) else float("nan"),
    )


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
