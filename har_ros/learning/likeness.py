"""How like what was taught a window has to be: beyond a distance it is none of the classes.

The distance is Euclidean, in the embedding as it is, from the nearest taught window of an action. Measured with
everyday-14 and GMDCSA24's falls: at a loss of 5 % it rejects 0.9 of other actions' windows (JHMDB) and 0.7 of those of
people in streets. The cosine to the nearest window rejects 0.6 and 0.3; standardised, 0.3 and 0.1; Mahalanobis'
distance 0.7 and 0.3; the energy 0.1 and 0.1.
"""

from __future__ import annotations

import math

import numpy as np

from har_ros.graphs.rejection import LOSS, NEVER, Rejection
from har_ros.learning import head as heads
from har_ros.learning.samples import Samples
from har_ros.stats.metrics import Floats, Ints
from har_ros.truth.segments import NONE

USUAL = 0.05
"""What none has of the probability at the median of these windows, where nothing else speaks for it: it is half at the
limit."""
LEAST_SPREAD = 0.01
"""From the limit to the median, at least."""
MOST = 512
"""Windows that others are compared with."""


def fit_rejection(samples: Samples, examples: Ints) -> Rejection:
    """Return what rejects windows that are unlike those of the actions among these examples.

    Other windows of none do not count: they are none already. The last of the labels is none.
    """
    distance = np.full(len(samples.example), np.nan)
    for train, test in heads.folds(samples.classes[examples], samples.groups[examples], heads.INNER_FOLDS):
        windows = np.isin(samples.example, examples[test])
        distance[windows] = rejection_of(samples, examples[train]).distance(samples.embeddings[windows, 0])
    return rejection_of(samples, examples, *limit_of(samples, distance))


def limit_of(samples: Samples, distance: Floats) -> tuple[float, float]:
    """Return limit and steepness, see Rejection, of which held-out windows of the actions lose no more than LOSS.

    distance: of each window from what was taught without it, n; NaN where it was not held out. Without any, nothing is
    rejected. The last of the labels is none.
    """
    known, weight = _held_out(samples, distance)
    return _limit(distance[known], weight)


def limits_by_others(samples: Samples, distance: Floats) -> tuple[Floats, Floats]:
    """Return limit and steepness for each window, n, by those of all other groups. Arguments as for limit_of."""
    groups = samples.groups[samples.example]
    known, weight = _held_out(samples, distance)
    limit, steepness = np.full(len(distance), NEVER), np.ones(len(distance))
    for group in np.unique(groups[np.isfinite(distance)]):
        own, others = groups == group, groups[known] != group
        limit[own], steepness[own] = _limit(distance[known[others]], weight[others])
    return limit, steepness


def _held_out(samples: Samples, distance: Floats) -> tuple[Ints, Floats]:
    """Return the windows of the actions that were held out, and what each weighs: clips weigh the same."""
    known = _of_actions(samples, np.arange(len(samples.examples)))
    known = known[np.isfinite(distance[known])]
    return known, 1 / np.bincount(samples.example)[samples.example[known]]


def _limit(distance: Floats, weight: Floats) -> tuple[float, float]:
    if not len(distance):
        return NEVER, 1.0
    clips = round(float(weight.sum()))  # of few, the farthest is the limit, as in split conformal prediction
    shares = min(1.0, (1 - LOSS) * (1 + 1 / clips)), 0.5
    limit, median = (_quantile(distance, weight, share) for share in shares)
    return limit, math.log(1 / USUAL - 1) / max(limit - median, LEAST_SPREAD)


def rejection_of(samples: Samples, examples: Ints, limit: float = NEVER, steepness: float = 1.0) -> Rejection:
    """Return what compares windows with those of the actions among these examples. limit, steepness: see Rejection."""
    taken = _of_actions(samples, examples)
    rows = samples.embeddings[taken].reshape(-1, samples.embeddings.shape[-1])
    mean = rows.mean(axis=0)
    length = float(np.sqrt(np.square(rows - mean).sum(axis=1).mean()))
    factor = 1 / length if length > 0 else 1.0
    kept = rows[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).round().astype(int)]
    return Rejection(mean, factor, (kept - mean) * np.float32(factor), limit, steepness)


def _of_actions(samples: Samples, examples: Ints) -> Ints:
    """Return the windows of the actions among these examples."""
    actions = examples[samples.classes[examples] != samples.labels.index(NONE)]
    return np.flatnonzero(np.isin(samples.example, actions))


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the least value up to which there is this share of the weights."""
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, share * passed[-1] * (1 - 1e-9))])
