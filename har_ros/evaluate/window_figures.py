"""Figures of judged windows, with confidence intervals over segments.

False alarms are few, often none, of which nothing can be drawn: their rate has its exact interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from har_ros.evaluate.pool import Pool
from har_ros.stats import metrics
from har_ros.stats.intervals import Figure, interval, rate
from har_ros.stats.metrics import NOTHING, THRESHOLDS, Bools, Floats

HOUR = 3600.0


@dataclass(frozen=True)
class WindowCounts:
    """How many windows ran, and how many of them are judged. padded: of clips that were played again to fill them."""

    run: int
    labelled: int
    background: int
    edge_or_without_truth: int
    padded: int


@dataclass(frozen=True)
class Figures:
    """What sums up some cameras. See FIGURES for those with an interval."""

    top1: Figure
    top5: Figure
    macro_precision: Figure
    macro_recall: Figure
    macro_f1: Figure
    map: Figure
    segment_accuracy: Figure
    delay: Figure
    never_right: Figure
    false_alarms_per_hour: Figure
    time_below_threshold: Figure
    calibration_error: Figure
    windows: WindowCounts
    segments: int
    segments_without_window: int
    false_alarms: int
    background_hours: float


@dataclass(frozen=True)
class ClassFigures:
    """The figures of a class. windows: the weight of those that show it."""

    label: str
    windows: float
    segments: int
    precision: Figure
    recall: Figure
    f1: Figure
    average_precision: Figure


@dataclass(frozen=True)
class SweepRow:
    """What another threshold would give."""

    threshold: float
    answered: float  # share of the windows with a label
    right_of_answered: float
    right_of_all: float
    macro_f1: float
    false_alarms_per_hour: float


def figures(pool: Pool) -> Figures:
    """Return the figures that sum up a pool."""
    windows, labelled, count = pool.windows, pool.labelled, pool.of_windows(pool.labelled)
    seen, everything = pool.groups(labelled), pool.bootstrap.groups
    precision, recall, f1 = (
        interval(metrics.macro(values, pool.class_sums[2]), seen)
        for values in metrics.precision_recall_f1(*pool.class_sums)
    )
    segments, own = pool.of_segments([1] * len(pool.segments)), len(np.unique(pool.segment_cluster))
    delays = np.array([segment.delay for segment in pool.segments])
    found = np.isfinite(delays)
    weights = pool.bootstrap.weights[:, pool.segment_cluster[found]]
    aps = pool.average_precisions
    error = metrics.calibration_error(windows["score"][labelled], pool.first_is_right[labelled])
    top5 = labelled & metrics.hits(windows["truth"], windows["ranked"], 5)
    below = pool.of_windows(windows["duration"] * ~windows["accepted"])
    alarms, hours = int(pool.alarms(pool.predicted).sum()), float((windows["duration"] * pool.background).sum() / HOUR)
    return Figures(
        top1=interval(metrics.ratio(pool.of_windows(labelled & pool.first_is_right), count), seen),
        top5=interval(metrics.ratio(pool.of_windows(top5), count), seen),
        macro_precision=precision,
        macro_recall=recall,
        macro_f1=f1,
        map=interval(metrics.ratio(np.nansum(aps, axis=1), np.isfinite(aps).sum(axis=1)), seen),
        segment_accuracy=interval(metrics.ratio(pool.of_segments([s.vote for s in pool.segments]), segments), own),
        delay=interval(metrics.weighted_median(delays[found], weights), own, share=False),
        never_right=interval(metrics.ratio(pool.of_segments(~found), segments), own),
        false_alarms_per_hour=rate(alarms, hours),
        time_below_threshold=interval(metrics.ratio(below, pool.of_windows(windows["duration"])), everything),
        calibration_error=interval(np.array([error]), 0),
        windows=WindowCounts(
            run=len(windows),
            labelled=int(labelled.sum()),
            background=int(pool.background.sum()),
            edge_or_without_truth=int((~labelled & ~pool.background).sum()),
            padded=int(windows["padded"].sum()),
        ),
        segments=len(pool.segments),
        segments_without_window=sum(not len(segment.windows) for segment in pool.segments),
        false_alarms=alarms,
        background_hours=hours,
    )


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


def per_class(pool: Pool, names: Sequence[str]) -> list[ClassFigures]:
    """Return the figures of each class."""
    columns = (*metrics.precision_recall_f1(*pool.class_sums), pool.average_precisions)
    drawn = pool.class_sums[2] > 0
    return [
        ClassFigures(
            name,
            float(pool.class_sums[2][0, index]),
            sum(segment.label == index for segment in pool.segments),
            *(
                interval(
                    _where(drawn[: len(values), index], values[:, index]), pool.groups(pool.windows["truth"][:, index])
                )
                for values in columns
            ),
        )
        for index, name in enumerate(names)
    ]


def _where(drawn: Bools, values: Floats) -> Floats:
    """Return the values of the whole, and of the samples in which the class is drawn; NaN for the others."""
    drawn = drawn.copy()
    drawn[0] = True
    return np.where(drawn, values, np.nan)


def sweep(pool: Pool) -> list[SweepRow]:
    """Return what each of THRESHOLDS would give."""
    windows, labelled, background = pool.windows, pool.labelled, pool.background
    judged = labelled | background
    right = labelled & pool.first_is_right
    hours = float((windows["duration"] * background).sum() / HOUR)
    rows = []
    for threshold in THRESHOLDS:
        above = windows["score"] >= threshold
        said = np.where(above, windows["ranked"][:, 0], NOTHING)
        matrix = metrics.confusion(windows["truth"][judged], said[judged])
        counts = metrics.right_said_true(matrix)
        answered = (labelled & above).sum()
        rows.append(
            SweepRow(
                float(threshold),
                float(metrics.ratio(answered, labelled.sum())),
                float(metrics.ratio((right & above).sum(), answered)),
                float(metrics.ratio((right & above).sum(), labelled.sum())),
                float(metrics.macro(metrics.precision_recall_f1(*counts)[2], counts[2])),
                float(metrics.ratio(pool.alarms(said).sum(), hours)),
            )
        )
    return rows
