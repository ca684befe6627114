"""Windows against truth: what each window should have said (see truth.labelling), and which belong together.

Windows at the edge of a segment are not judged, nor those of a camera of which the truth says nothing.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from har_ros.evaluate.results import RANKED, Window
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

    def append(self, window: Window, classes: Classes, outputs: Sequence[Sequence[int]]) -> None:
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
    start, end = np.array(track.start, np.int64), np.array(track.end, np.int64)
    count, n = len(classes.names), len(track.start)
    spans = sorted((*segment.stamps(track.first), segment.label) for segment in segments)
    truth = np.zeros((n, count), bool)
    touched = np.zeros(n, bool)
    cluster = np.full(n, -1)
    inside: list[tuple[int, int, int, int, Ints]] = []
    number, reach = next_cluster - 1, None
    for first, last, label in spans:
        if (index := classes.of_label[label]) is None:
            continue
        if reach is None or first >= reach:
            number += 1
        reach = max(last, reach or last)
        _, touches, labelled = overlap(start, end, first, last, coverage)
        truth[labelled, index] = True
        touched |= touches
        cluster[labelled & (cluster < 0)] = number
        inside.append((first, last, index, number, np.flatnonzero(touches)))
    kind = np.where(truth.any(axis=1), LABELLED, np.where(touched, EDGE, BACKGROUND if spans else UNJUDGED))
    blocks = (end - track.first) // round(BLOCK * SECOND)
    for block in np.unique(blocks[cluster < 0]):
        number += 1
        cluster[(blocks == block) & (cluster < 0)] = number
    ranked = np.array(track.ranked, np.int64).reshape(n, RANKED)
    score = np.array(track.score, np.float64)
    accepted = score >= threshold
    said = np.where(accepted, ranked[:, 0], NOTHING)
    published = np.array(track.published, np.int64)
    scores = np.array(track.scores, np.float64).reshape(n, count)
    found = tuple(_segment(track, place, truth[:, place[2]], said, ranked[:, 0], scores, published) for place in inside)
    return Judged(
        bag=track.bag,
        camera=track.camera,
        first=track.first,
        start=start,
        end=end,
        duration=_durations(start, end, np.array(track.restarts, np.int64)),
        truth=truth,
        kind=kind,
        cluster=cluster,
        ranked=ranked,
        score=score,
        scores=scores,
        accepted=accepted,
        labels=tuple(track.label),
        segments=found,
        spans=tuple(spans),
        offset=track.offset,
        padded=track.padded,
    )


def _segment(
    track: Track,
    place: tuple[int, int, int, int, Ints],
    has_label: Bools,
    said: Ints,
    first_answer: Ints,
    scores: Floats,
    published: Ints,
) -> JudgedSegment:
    start, end, label, cluster, meeting = place
    windows = meeting[has_label[meeting]]
    right = meeting[said[meeting] == label]
    answers = first_answer[windows]
    votes = {int(a): (int((answers == a).sum()), scores[windows, a].sum() if a >= 0 else 0.0) for a in set(answers)}
    best = max(votes, key=lambda answer: (*votes[answer], answer)) if votes else NOTHING
    return JudgedSegment(
        bag=track.bag,
        camera=track.camera,
        start=start,
        end=end,
        label=label,
        cluster=cluster,
        windows=windows,
        right=float(np.mean(answers == label)) if len(windows) else float("nan"),
        vote=best == label,
        delay=float(published[right].min() - start) / SECOND if len(right) else float("nan"),
    )


def _durations(start: Ints, end: Ints, restarts: Ints) -> Floats:
    """Return the seconds until the next window.

    Where the camera's window began anew, or nothing follows, the median counts; of a single window what it spans.
    """
    if not len(end):
        return np.zeros(0)
    gaps = np.append(np.diff(end), -1) / SECOND
    gaps[:-1][np.diff(restarts) != 0] = -1
    usual = np.median(gaps[gaps > 0]) if (gaps > 0).any() else (end - start) / SECOND
    return np.where(gaps > 0, gaps, usual)
