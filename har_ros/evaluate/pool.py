"""The judged windows of some tracks, joined, and their sums over bootstrap samples.

Samples are drawn of clusters: overlapping segments with their windows, and pieces of background.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from har_ros.evaluate.judge import BACKGROUND, LABELLED, Judged, JudgedSegment
from har_ros.evaluate.track import Table, predicted, row_type
from har_ros.stats import metrics
from har_ros.stats.intervals import Bootstrap
from har_ros.stats.metrics import Bools, Floats, Ints

AP_SAMPLES = 200
"""Of average precision, which takes all windows each time."""


class Pool:
    """The windows and segments of some tracks, joined, and the samples that are drawn of their clusters."""

    def __init__(self, judged: Sequence[Judged], count: int) -> None:
        """`count`: the number of classes."""
        self.count = count
        self.windows: Table = np.concatenate([np.zeros(0, row_type(count)), *(track.windows for track in judged)])
        self.segments: list[JudgedSegment] = [segment for track in judged for segment in track.segments]
        lengths = [len(track.windows) for track in judged]
        self.begins: Bools = np.isin(np.arange(len(self.windows)), np.cumsum([0, *lengths]))
        clusters = np.array([segment.cluster for segment in self.segments], np.int64)
        names, places = np.unique(np.concatenate([self.windows["cluster"], clusters]), return_inverse=True)
        self.cluster: Ints = places[: len(self.windows)]
        self.segment_cluster: Ints = places[len(self.windows) :]
        self.bootstrap = Bootstrap(len(names))

    @property
    def predicted(self) -> Ints:
        """The class that each window said."""
        return predicted(self.windows)

    def alarms(self, predicted: Ints) -> Bools:
        """Return the windows with which false alarms begin."""
        return metrics.alarms(predicted, self.background, self.begins)

    @property
    def labelled(self) -> Bools:
        """Windows that have a true class."""
        return np.asarray(self.windows["kind"] == LABELLED)

    @property
    def background(self) -> Bools:
        """Windows in which nothing that counts happens."""
        return np.asarray(self.windows["kind"] == BACKGROUND)

    def groups(self, windows: Bools) -> int:
        """Return in how many clusters there are some of these windows."""
        return len(np.unique(self.cluster[windows]))

    def of_windows(self, values: Any) -> Floats:
        """Return the sum of a value of the windows (n or n×C): of all, then of each sample."""
        return self._summed(self.bootstrap.tally(values, self.cluster))

    def of_segments(self, values: Any) -> Floats:
        """Return the sum of a value of the segments: of all, then of each sample."""
        return self._summed(self.bootstrap.tally(values, self.segment_cluster))

    def _summed(self, tally: Floats) -> Floats:
        return np.concatenate([tally.sum(axis=0)[None], np.tensordot(self.bootstrap.weights[1:], tally, 1)])

    @cached_property
    def first_is_right(self) -> Bools:
        """For each window whether its first answer is true."""
        return metrics.hits(self.windows["truth"], self.windows["ranked"], 1)

    @cached_property
    def class_sums(self) -> tuple[Floats, Floats, Floats]:
        """The weight of the cases in which each class is right, said, true: of all, then of each sample."""
        judged = np.flatnonzero(self.labelled | self.background)
        window, true, said, weight = metrics.cases(self.windows["truth"][judged], self.predicted[judged])
        cluster = self.cluster[judged][window]
        kinds = (((true == said) & (said >= 0), true), (said >= 0, said), (true < self.count, true))
        sums = np.zeros((3, self.bootstrap.groups, self.count))
        for number, (where, place) in enumerate(kinds):
            np.add.at(sums[number], (cluster[where], place[where]), weight[where])
        return self._summed(sums[0]), self._summed(sums[1]), self._summed(sums[2])

    @cached_property
    def average_precisions(self) -> Floats:
        """Of each class: for all windows, then for each of AP_SAMPLES samples; NaN without a true window."""
        judged = np.flatnonzero(self.labelled | self.background)
        weights = self.bootstrap.weights[: 1 + AP_SAMPLES]
        return metrics.average_precisions(
            self.windows["truth"][judged], self.windows["scores"][judged], weights, self.cluster[judged]
        )
