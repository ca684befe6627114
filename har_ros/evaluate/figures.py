"""Figures of judged windows, with confidence intervals by bootstrap over segments.

Samples are drawn of clusters: overlapping segments with their windows, and pieces of background. False alarms are few,
often none, of which nothing can be drawn: their rate has its exact interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from har_ros.evaluate.judge import BACKGROUND, LABELLED, Judged, JudgedSegment
from har_ros.evaluate.results import RANKED
from har_ros.stats import metrics
from har_ros.stats.intervals import Bootstrap, interval, rate
from har_ros.stats.metrics import NOTHING, THRESHOLDS, Bools, Floats, Ints

AP_SAMPLES = 200
"""Of average precision, which takes all windows each time."""
HOUR = 3600.0


class Pool:
    """The windows and segments of some tracks, joined, and the samples that are drawn of their clusters."""

    def __init__(self, judged: Sequence[Judged], count: int) -> None:
        """`count`: the number of classes."""
        self.count = count
        self.padded = sum(track.padded for track in judged)
        self.segments: list[JudgedSegment] = [segment for track in judged for segment in track.segments]
        self.truth: Bools = _joined([t.truth for t in judged], (0, count), bool)
        self.kind: Ints = _joined([t.kind for t in judged], (0,), np.int64)
        self.ranked: Ints = _joined([t.ranked for t in judged], (0, RANKED), np.int64)
        self.score: Floats = _joined([t.score for t in judged], (0,), np.float64)
        self.scores: Floats = _joined([t.scores for t in judged], (0, count), np.float64)
        self.accepted: Bools = _joined([t.accepted for t in judged], (0,), bool)
        self.duration: Floats = _joined([t.duration for t in judged], (0,), np.float64)
        self.begins: Bools = _joined([np.arange(len(t.kind)) == 0 for t in judged], (0,), bool)
        clusters = [*(t.cluster for t in judged), np.array([s.cluster for s in self.segments], np.int64)]
        names, places = np.unique(_joined(clusters, (0,), np.int64), return_inverse=True)
        self.cluster: Ints = places[: len(self.kind)]
        self.segment_cluster: Ints = places[len(self.kind) :]
        self.bootstrap = Bootstrap(len(names))

    @property
    def predicted(self) -> Ints:
        """The class that each window said: its first answer, if that reached the threshold."""
        return np.asarray(np.where(self.accepted, self.ranked[:, 0], NOTHING))

    def alarms(self, predicted: Ints) -> Bools:
        """Return the windows with which false alarms begin."""
        return metrics.alarms(predicted, self.background, self.begins)

    @property
    def labelled(self) -> Bools:
        """Windows that have a true class."""
        return np.asarray(self.kind == LABELLED)

    @property
    def background(self) -> Bools:
        """Windows in which nothing that counts happens."""
        return np.asarray(self.kind == BACKGROUND)

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
        return metrics.hits(self.truth, self.ranked, 1)

    @cached_property
    def class_sums(self) -> tuple[Floats, Floats, Floats]:
        """The weight of the cases in which each class is right, said, true: of all, then of each sample."""
        judged = np.flatnonzero(self.labelled | self.background)
        window, true, said, weight = metrics.cases(self.truth[judged], self.predicted[judged])
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
        result = np.zeros((len(weights), self.count))
        for label in range(self.count):
            relevant, scores = self.truth[judged, label], self.scores[judged, label]
            for rows in np.array_split(np.arange(len(weights)), 20):  # some at a time, for the sake of memory
                drawn = weights[rows][:, self.cluster[judged]]
                result[rows, label] = metrics.average_precision(relevant, scores, drawn)
        return result


def figures(pool: Pool) -> dict[str, Any]:
    """Return the figures that sum up a pool; each with value, low and high."""
    labelled, count = pool.labelled, pool.of_windows(pool.labelled)
    precision, recall, f1 = (
        interval(metrics.macro(values, pool.class_sums[2])) for values in metrics.precision_recall_f1(*pool.class_sums)
    )
    segments = pool.of_segments([1] * len(pool.segments))
    delays = np.array([segment.delay for segment in pool.segments])
    found = np.isfinite(delays)
    weights = pool.bootstrap.weights[:, pool.segment_cluster[found]]
    aps = pool.average_precisions
    error = metrics.calibration_error(pool.score[labelled], pool.first_is_right[labelled])
    top5 = labelled & metrics.hits(pool.truth, pool.ranked, 5)
    below = pool.of_windows(pool.duration * ~pool.accepted)
    alarms, hours = int(pool.alarms(pool.predicted).sum()), float((pool.duration * pool.background).sum() / HOUR)
    return {
        "top1": interval(metrics.ratio(pool.of_windows(labelled & pool.first_is_right), count)),
        "top5": interval(metrics.ratio(pool.of_windows(top5), count)),
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
        "map": interval(metrics.ratio(np.nansum(aps, axis=1), np.isfinite(aps).sum(axis=1))),
        "segment_accuracy": interval(metrics.ratio(pool.of_segments([s.vote for s in pool.segments]), segments)),
        "delay": interval(metrics.weighted_median(delays[found], weights)),
        "never_right": interval(metrics.ratio(pool.of_segments(~found), segments)),
        "false_alarms_per_hour": rate(alarms, hours),
        "time_below_threshold": interval(metrics.ratio(below, pool.of_windows(pool.duration))),
        "calibration_error": interval(np.array([error])),
        "windows": {
            "run": len(pool.kind),
            "labelled": int(labelled.sum()),
            "background": int(pool.background.sum()),
            "edge_or_without_truth": int((~labelled & ~pool.background).sum()),
            "padded": pool.padded,
        },
        "segments": len(pool.segments),
        "segments_without_window": sum(not len(segment.windows) for segment in pool.segments),
        "false_alarms": alarms,
        "background_hours": hours,
    }


FIGURES = (
    ("top1", "windows right at first"),
    ("top5", "right among the first five"),
    ("macro_precision", "precision, mean of the classes"),
    ("macro_recall", "recall, mean of the classes"),
    ("macro_f1", "F1, mean of the classes"),
    ("map", "mean average precision"),
    ("segment_accuracy", "segments right by vote"),
    ("delay", "delay to the first right answer, median (s)"),
    ("never_right", "segments never right"),
    ("false_alarms_per_hour", "false alarms per hour"),
    ("time_below_threshold", "time below the threshold"),
    ("calibration_error", "expected calibration error"),
)
"""Name of each figure, and what it is."""
LESS_IS_BETTER = ("delay", "never_right", "false_alarms_per_hour", "time_below_threshold", "calibration_error")


def per_class(pool: Pool, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the figures of each class."""
    columns = dict(zip(("precision", "recall", "f1"), metrics.precision_recall_f1(*pool.class_sums), strict=True))
    columns["average_precision"] = pool.average_precisions
    return [
        {
            "label": name,
            "windows": float(pool.class_sums[2][0, index]),
            "segments": sum(segment.label == index for segment in pool.segments),
            **{figure: interval(values[:, index]) for figure, values in columns.items()},
        }
        for index, name in enumerate(names)
    ]


@dataclass(frozen=True)
class Sweep:
    """What other thresholds would give. A row for each threshold."""

    threshold: float
    answered: float  # share of the windows with a label
    right_of_answered: float
    right_of_all: float
    macro_f1: float
    false_alarms_per_hour: float


def sweep(pool: Pool) -> list[Sweep]:
    """Return what each of THRESHOLDS would give."""
    labelled, background = pool.labelled, pool.background
    judged = labelled | background
    right = labelled & pool.first_is_right
    hours = float((pool.duration * background).sum() / HOUR)
    rows = []
    for threshold in THRESHOLDS:
        above = pool.score >= threshold
        said = np.where(above, pool.ranked[:, 0], NOTHING)
        matrix = metrics.confusion(pool.truth[judged], said[judged])
        counts = tallies_of(matrix)
        answered = (labelled & above).sum()
        rows.append(
            Sweep(
                float(threshold),
                float(metrics.ratio(answered, labelled.sum())),
                float(metrics.ratio((right & above).sum(), answered)),
                float(metrics.ratio((right & above).sum(), labelled.sum())),
                float(metrics.macro(metrics.precision_recall_f1(*counts)[2], counts[2])),
                float(metrics.ratio(pool.alarms(said).sum(), hours)),
            )
        )
    return rows


def tallies_of(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return right, said and true of a confusion matrix, a value for each class."""
    count = matrix.shape[1] - 2
    return np.diagonal(matrix[:count, :count]), matrix[:, :count].sum(axis=0), matrix[:count].sum(axis=1)


def _joined(arrays: Sequence[Any], empty: tuple[int, ...], dtype: Any) -> Any:
    return np.concatenate([np.zeros(empty, dtype), *arrays]).astype(dtype)
