"""Figures of judged windows, with confidence intervals by bootstrap over segments.

Samples are drawn of clusters: overlapping segments with their windows, and pieces of background. Windows of one segment
are not independent, so they are drawn together (a cluster bootstrap; Field and Welsh, JRSS B 69, 2007). False alarms
are few, often none, of which nothing can be drawn: their rate has its exact interval.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from har_ros.evaluate.judge import BACKGROUND, LABELLED, Judged, JudgedSegment
from har_ros.evaluate.results import RANKED
from har_ros.stats import metrics
from har_ros.stats.metrics import NOTHING, THRESHOLDS, Bools, Floats, Ints

SAMPLES = 1000
AP_SAMPLES = 200
"""Of average precision, which takes all windows each time."""
LEVEL = 95.0
"""Percent of the samples that an interval holds."""
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
        self.clusters = len(names)

    @cached_property
    def samples(self) -> Floats:
        """How often each cluster is drawn: SAMPLES×clusters."""
        if not self.clusters:
            return np.ones((SAMPLES, 0))
        chances = np.full(self.clusters, 1 / self.clusters)
        return np.random.default_rng(0).multinomial(self.clusters, chances, SAMPLES).astype(np.float64)

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

    def tally(self, values: Any) -> Floats:
        """Return the sum of a value of the windows (n or n×C) in each cluster."""
        values = np.asarray(values, np.float64)
        sums = np.zeros((self.clusters, *values.shape[1:]))
        np.add.at(sums, self.cluster, values)
        return sums

    def by_segment(self, values: Any) -> Floats:
        """Return the sum of a value of the segments in each cluster."""
        return np.asarray(np.bincount(self.segment_cluster, np.asarray(values, np.float64), self.clusters), np.float64)

    def interval(self, figure: Callable[..., Floats], *tallies: Floats) -> dict[str, float]:
        """Return a figure of sums over clusters: for all, and the ends of its interval over the samples."""
        return self.drawn(figure(*(self._summed(tally) for tally in tallies)))

    def drawn(self, values: Floats) -> dict[str, float]:
        """Return a figure, whose first value is that of all clusters, with the interval of the others, the samples'.

        NaN where there is one cluster only, or no sample that is a number.
        """
        low = high = np.nan
        if self.clusters > 1 and len(values) > 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: then there is no interval
                low, high = np.nanpercentile(values[1:], ((100 - LEVEL) / 2, (100 + LEVEL) / 2))
        return {"value": float(values[0]), "low": float(low), "high": float(high)}

    def _summed(self, tally: Floats) -> Floats:
        """Return the sum of a tally over all clusters, then over each sample."""
        return np.concatenate([tally.sum(axis=0)[None], np.tensordot(self.samples, tally, 1)])

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
        sums = np.zeros((3, self.clusters, self.count))
        for number, (where, place) in enumerate(kinds):
            np.add.at(sums[number], (cluster[where], place[where]), weight[where])
        return self._summed(sums[0]), self._summed(sums[1]), self._summed(sums[2])

    @cached_property
    def average_precisions(self) -> Floats:
        """Of each class: for all windows, then for each of AP_SAMPLES samples; NaN without a true window."""
        judged = np.flatnonzero(self.labelled | self.background)
        weights = np.concatenate([np.ones((1, self.clusters)), self.samples[:AP_SAMPLES]])
        result = np.zeros((len(weights), self.count))
        for label in range(self.count):
            relevant, scores = self.truth[judged, label], self.scores[judged, label]
            for rows in np.array_split(np.arange(len(weights)), 20):  # some at a time, for the sake of memory
                drawn = weights[rows][:, self.cluster[judged]]
                result[rows, label] = metrics.average_precision(relevant, scores, drawn)
        return result


def figures(pool: Pool) -> dict[str, Any]:
    """Return the figures that sum up a pool; each with value, low and high."""
    labelled, count = pool.labelled, pool.tally(pool.labelled)
    precision, recall, f1 = (
        pool.drawn(metrics.macro(values, pool.class_sums[2]))
        for values in metrics.precision_recall_f1(*pool.class_sums)
    )
    segments = pool.by_segment([1] * len(pool.segments))
    delays = np.array([segment.delay for segment in pool.segments])
    found = np.isfinite(delays)
    weights = np.concatenate([np.ones((1, pool.clusters)), pool.samples])[:, pool.segment_cluster[found]]
    aps = pool.average_precisions
    error = metrics.calibration_error(pool.score[labelled], pool.first_is_right[labelled])
    seconds = pool.tally(pool.duration * ~pool.accepted)
    alarms, hours = int(pool.alarms(pool.predicted).sum()), float((pool.duration * pool.background).sum() / HOUR)
    return {
        "top1": pool.interval(metrics.ratio, pool.tally(labelled & pool.first_is_right), count),
        "top5": pool.interval(metrics.ratio, pool.tally(labelled & metrics.hits(pool.truth, pool.ranked, 5)), count),
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
        "map": pool.drawn(metrics.ratio(np.nansum(aps, axis=1), np.isfinite(aps).sum(axis=1))),
        "segment_accuracy": pool.interval(metrics.ratio, pool.by_segment([s.vote for s in pool.segments]), segments),
        "delay": pool.drawn(metrics.weighted_median(delays[found], weights)),
        "never_right": pool.interval(metrics.ratio, pool.by_segment(~found), segments),
        "false_alarms_per_hour": metrics.rate(alarms, hours, LEVEL),
        "time_below_threshold": pool.interval(metrics.ratio, seconds, pool.tally(pool.duration)),
        "calibration_error": pool.drawn(np.array([error])),
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
            **{figure: pool.drawn(values[:, index]) for figure, values in columns.items()},
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
