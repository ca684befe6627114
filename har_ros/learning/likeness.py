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
from har_ros.learning.head import Floats, Ints
from har_ros.learning.samples import Samples
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
    divided = heads.folds(samples.classes[examples], samples.groups[examples], heads.INNER_FOLDS)
    found: list[Floats] = [np.zeros(0)]
    weights: list[Floats] = [np.zeros(0)]
    for train, test in divided:
        held_out = _action_windows(samples, examples[test])
        found.append(_of(samples, examples[train], NEVER, 1.0).distance(samples.embeddings[held_out, 0]).astype(float))
        weights.append(1 / np.bincount(samples.example)[samples.example[held_out]])
    distance, weight = np.concatenate(found), np.concatenate(weights)
    if not len(distance):
        return _of(samples, examples, NEVER, 1.0)
    clips = round(float(weight.sum()))  # of few, the farthest is the limit, as in split conformal prediction
    shares = min(1.0, (1 - LOSS) * (1 + 1 / clips)), 0.5
    limit, median = (_quantile(distance, weight, share) for share in shares)
    return _of(samples, examples, limit, math.log(1 / USUAL - 1) / max(limit - median, LEAST_SPREAD))


def _of(samples: Samples, examples: Ints, limit: float, steepness: float) -> Rejection:
    taken = _action_windows(samples, examples)
    rows = samples.embeddings[taken].reshape(-1, samples.embeddings.shape[-1])
    mean = rows.mean(axis=0)
    length = float(np.sqrt(np.square(rows - mean).sum(axis=1).mean()))
    factor = 1 / length if length > 0 else 1.0
    kept = rows[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).round().astype(int)]
    return Rejection(mean, factor, (kept - mean) * np.float32(factor), limit, steepness)


def _action_windows(samples: Samples, examples: Ints) -> Ints:
    actions = examples[samples.classes[examples] != samples.labels.index(NONE)]
    return np.flatnonzero(np.isin(samples.example, actions))


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the least value up to which there is this share of the weights."""
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, share * passed[-1] * (1 - 1e-9))])
