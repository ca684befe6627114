"""How like what was taught a window has to be: below the limit it is none of the classes."""

from __future__ import annotations

import math

import numpy as np

from har_ros.graphs.rejection import Rejection
from har_ros.learning import head as heads
from har_ros.learning.head import Floats, Ints
from har_ros.learning.samples import Samples
from har_ros.truth.segments import NONE

LOSS = 0.05
"""Share of the windows of the actions, of groups that were held out, that are below the limit."""
USUAL = 0.05
"""What none has of the probability at the median of these windows, where nothing else speaks for it: it is half at the
limit."""
LEAST_SPREAD = 0.01
"""From the limit to the median, at least."""
MOST = 512
"""Windows that others are compared with."""
NEVER = -2.0
"""A limit below every likeness, where there are too few groups to choose one."""


def fit_rejection(samples: Samples, examples: Ints) -> Rejection:
    """Return what rejects windows that are unlike those of the actions among these examples.

    Other windows of none do not count: they are none already. The last of the labels is none.
    """
    divided = heads.folds(samples.classes[examples], samples.groups[examples], heads.INNER_FOLDS)
    found, weights = [np.zeros(0)], [np.zeros(0)]
    for train, test in divided:
        held_out = _action_windows(samples, examples[test])
        found.append(_of(samples, examples[train], NEVER, 0).likeness(samples.embeddings[held_out, 0]))
        weights.append(1 / np.bincount(samples.example)[samples.example[held_out]])
    likeness, weight = np.concatenate(found), np.concatenate(weights)
    if not len(likeness):
        return _of(samples, examples, NEVER, 0)
    limit, median = (_quantile(likeness, weight, share) for share in (LOSS, 0.5))
    return _of(samples, examples, limit, math.log(1 / USUAL - 1) / max(median - limit, LEAST_SPREAD))


def _of(samples: Samples, examples: Ints, limit: float, steepness: float) -> Rejection:
    taken = _action_windows(samples, examples)
    rows = samples.embeddings[taken].reshape(-1, samples.embeddings.shape[-1])
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    factor = 1 / np.where(scale > 0, scale, 1) / math.sqrt(rows.shape[1])  # rows of about unit length, for float16
    standard = (rows - mean) * factor
    kept = standard[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).round().astype(int)]
    unit = kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-6)
    return Rejection(*(np.float32(one) for one in (mean, factor, unit)), limit, steepness)


def _action_windows(samples: Samples, examples: Ints) -> Ints:
    actions = examples[samples.classes[examples] != samples.labels.index(NONE)]
    return np.flatnonzero(np.isin(samples.example, actions))


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the value below which there is this share of the weights."""
    order = np.argsort(values)
    passed = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share * weights.sum(), passed, values[order]))
