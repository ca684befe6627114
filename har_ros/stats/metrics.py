"""The arithmetic of the figures, on arrays; n windows, C classes. What a class's arrays say of "other" is not in them.

Predicted classes are numbers from 0 on, or OTHER (a class that the truth does not have) or NOTHING (below the
threshold). Leading axes, such as those of bootstrap samples, are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

OTHER, NOTHING = -2, -1
BINS = 15
"""Of the confidence, as in Guo et al., On Calibration of Modern Neural Networks (ICML 2017)."""
THRESHOLDS = np.round(np.linspace(0, 1, 101), 2)


def hits(truth: Bools, ranked: Ints, k: int) -> Bools:
    """Return for each window whether one of its first k answers is true. truth: n×C; ranked: n×at least k."""
    padded = np.concatenate([truth, np.zeros((len(truth), 2), bool)], axis=1)  # OTHER and NOTHING are never true
    return np.asarray(np.take_along_axis(padded, ranked[:, :k], axis=1).any(axis=1))


def cases(truth: Bools, predicted: Ints) -> tuple[Ints, Ints, Ints, Floats]:
    """Return window, true class, predicted class and weight of each case; the weights of a window add up to 1.

    A window with several true classes is one case of the predicted one if that is among them, else an equal part of a
    case of each. One without is a case of class C, "none". predicted: n.
    """
    count = truth.shape[1]
    right = hits(truth, predicted[:, None], 1)
    said_it = np.arange(count)[None, :] == predicted[:, None]
    truth = np.logical_or(truth & ~right[:, None], said_it & right[:, None])
    none = np.asarray(~truth.any(axis=1))
    rows, columns = np.nonzero(np.concatenate([truth, none[:, None]], axis=1))
    return rows, columns, predicted[rows], 1.0 / np.maximum(1, truth.sum(axis=1))[rows]


def confusion(truth: Bools, predicted: Ints) -> Floats:
    """Return the weight of each pair: a row for each class and "none", a column for each class, other and nothing."""
    count = truth.shape[1]
    _, true, said, weight = cases(truth, predicted)
    matrix = np.zeros((count + 1, count + 2))
    np.add.at(matrix, (true, np.where(said < 0, said + count + 2, said)), weight)
    return matrix


def right_said_true(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return right, said and true of a confusion matrix, as precision_recall_f1 takes them; C each."""
    count = matrix.shape[1] - 2
    return np.diagonal(matrix[:count, :count]), matrix[:, :count].sum(axis=0), matrix[:count].sum(axis=1)


def precision_recall_f1(right: Floats, said: Floats, true: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each class's precision, recall and F1; 0 where a class was never said, or never true.

    right, said, true: …×C, the weight of the cases in which a class is both, said, true.
    """
    precision, recall = ratio(right, said, 0.0), ratio(right, true, 0.0)
    return precision, recall, ratio(2 * precision * recall, precision + recall, 0.0)


def macro(values: Floats, true: Floats) -> Floats:
    """Return the mean over the classes that are true somewhere; NaN when none is."""
    return ratio((values * (true > 0)).sum(axis=-1), (true > 0).sum(axis=-1))


def precision_recall_curve(relevant: Bools, scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return precision and recall behind each distinct score, from the highest on. weights: …×n."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores are one step
    found = np.cumsum(weights[..., order] * relevant[order], axis=-1)[..., last]
    said = np.cumsum(weights[..., order], axis=-1)[..., last]
    return ratio(found, said, 0.0), ratio(found, found[..., -1:])


def average_precision(relevant: Bools, scores: Floats, weights: Floats) -> Floats:
    """Return the area below the steps of precision over recall: sum of precision × gain of recall; NaN without any."""
    if not len(relevant):
        return np.full(weights.shape[:-1], np.nan)
    precision, recall = precision_recall_curve(relevant, scores, weights)
    gain = np.diff(recall, axis=-1, prepend=0.0)
    return np.asarray((precision * gain).sum(axis=-1))


def average_precisions(truth: Bools, scores: Floats, weights: Floats, group: Ints) -> Floats:
    """Return the average precision of each class for each of R bootstrap samples, R×C.

    truth, scores: n×C. weights: how often each group counts, R×groups. group: number of each window's group, n.
    """
    result = np.zeros((len(weights), truth.shape[1]))
    for label in range(truth.shape[1]):
        for rows in np.array_split(np.arange(len(weights)), 20):  # some at a time, for the sake of memory
            drawn = weights[rows][:, group]
            result[rows, label] = average_precision(truth[:, label], scores[:, label], drawn)
    return result


def alarms(predicted: Ints, background: Bools, begins: Bools) -> Bools:
    """Return for each window whether a false alarm begins with it: a class that is said in the background.

    Windows in a row that say the same are one alarm. begins: the first windows of the cameras. All: n.
    """
    false = background & (predicted >= 0)
    goes_on = np.zeros(len(false), bool)
    goes_on[1:] = false[1:] & false[:-1] & (predicted[1:] == predicted[:-1]) & ~begins[1:]
    return np.asarray(false & ~goes_on)


def reliability(confidence: Floats, right: Bools, bins: int = BINS) -> tuple[Ints, Floats, Floats]:
    """Return for each bin of the confidence: how many windows, their mean confidence, and the share that is right."""
    place = np.clip(np.searchsorted(np.linspace(0, 1, bins + 1), confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    mean = ratio(np.bincount(place, confidence, bins), count)
    share = ratio(np.bincount(place, right.astype(float), bins), count)
    return count, mean, share


def calibration_error(confidence: Floats, right: Bools, bins: int = BINS) -> float:
    """Return the expected calibration error: the mean over windows of |confidence - share right| of their bin."""
    if not len(confidence):
        return float("nan")
    count, mean, share = reliability(confidence, right, bins)
    there = count > 0
    return float((count[there] * np.abs(mean[there] - share[there])).sum() / count.sum())


def ratio(numerator: Any, denominator: Any, otherwise: float = np.nan) -> Floats:
    """Divide; `otherwise` where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    out = np.full(numerator.shape, otherwise)
    return np.asarray(np.divide(numerator, denominator, out=out, where=denominator != 0))


def weighted_median(values: Floats, weights: Floats) -> Floats:
    """Return the value at which half of the weight is reached. weights: …×n; NaN without weight."""
    if not len(values):
        return np.full(weights.shape[:-1], np.nan)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[..., order], axis=-1)
    total = reached[..., -1:]
    median = values[order][np.argmax(reached * 2 >= total, axis=-1)]
    return ratio(median * (total[..., 0] > 0), total[..., 0] > 0)
