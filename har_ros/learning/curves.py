"""How accuracy grows with the clips, and with the groups, that are taught."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from har_ros.learning import validate as validation
from har_ros.learning.samples import Samples
from har_ros.learning.validate import REPEATS, Notify, Validation
from har_ros.stats.metrics import Ints

SIZES = (5, 10, 20, 50, 100, 200, 500)
"""Clips per class of the learning curve."""
GROUPS = (2, 4, 8, 16, 32)
"""Groups per class of the curve of sources."""
DRAWN = 50
"""Clips of a class that are drawn in each fold, at most: in REPEATS draws, or in fewer, but one at least."""
Choose = Callable[[Ints, int, np.random.Generator], Ints]
"""Draws so many among the examples of a class, given by their numbers, or all of so many groups."""


def learning_curve(samples: Samples, checked: Validation, notify: Notify = lambda what: None) -> list[dict[str, Any]]:
    """Return the accuracy when so many clips of each class are taught, drawn up to REPEATS times in each fold.

    Clips of few groups are worth less than as many of many, so each row says of how many groups of a class they are.
    """
    most = max(int(np.bincount(samples.classes[train]).max()) for train, _ in checked.folds)
    sizes = [size for size in SIZES if size < most]

    def choose(own: Ints, size: int, rng: np.random.Generator) -> Ints:
        return rng.permutation(own)[:size]

    rows = _curve(samples, checked, sizes, "clips", DRAWN, choose, notify)
    return [{**row, "clips_per_class": size} for row, size in zip(rows, [*sizes, most], strict=True)]


def source_curve(samples: Samples, checked: Validation, notify: Notify = lambda what: None) -> list[dict[str, Any]]:
    """Return the accuracy when all clips of so many groups of each class are taught. Rows are as of learning_curve."""
    most = max(int(_group_counts(samples, train).max()) for train, _ in checked.folds)
    sizes = [size for size in GROUPS if size < most]

    def choose(own: Ints, size: int, rng: np.random.Generator) -> Ints:
        chosen = rng.permutation(np.unique(samples.groups[own]))[:size]
        return own[np.isin(samples.groups[own], chosen)]

    return _curve(samples, checked, sizes, "groups", max(GROUPS), choose, notify)


def _curve(
    samples: Samples, checked: Validation, sizes: Sequence[int], unit: str, drawn: int, choose: Choose, notify: Notify
) -> list[dict[str, Any]]:
    """Return a row for each size, and one of all clips. drawn: how many of a class are drawn in a fold, at most."""
    rows = []
    for size in sizes:
        notify(f"learning curve, {size} {unit} per class")
        rows.append(_row(samples, checked, size, drawn // size, choose))
    return [*rows, _all(samples, checked)]


def _row(samples: Samples, checked: Validation, size: int, repeats: int, choose: Choose) -> dict[str, Any]:
    """Return a row: mean clips and groups of a class that were drawn, and the accuracy of what they teach."""
    rng = np.random.default_rng(size)
    repeats = max(1, min(REPEATS, repeats))
    right, drawn = np.zeros(len(samples.examples)), []
    for _ in range(repeats):
        taught = [
            (_of_each_class(samples, train, lambda own: choose(own, size, rng)), test) for train, test in checked.folds
        ]
        drawn += [train for train, _ in taught]
        right += (validation.said(samples, checked, taught) == samples.classes) / repeats
    return {**_counts(samples, drawn), "accuracy": validation.accuracy(samples, right)}


def _all(samples: Samples, checked: Validation) -> dict[str, Any]:
    """Return the row of all clips."""
    right = checked.raw.argmax(axis=1) == samples.classes
    counts = _counts(samples, [train for train, _ in checked.folds])
    return {**counts, "accuracy": validation.accuracy(samples, right)}


def _counts(samples: Samples, taught: list[Ints]) -> dict[str, float]:
    clips = [np.mean(np.bincount(samples.classes[one])[np.unique(samples.classes[one])]) for one in taught]
    groups = [np.mean(_group_counts(samples, one)) for one in taught]
    return {"clips_per_class": float(np.mean(clips)), "groups_per_class": float(np.mean(groups))}


def _group_counts(samples: Samples, examples: Ints) -> Ints:
    """Return of how many groups the examples of a class are, for each class that has some."""
    classes, groups = samples.classes[examples], samples.groups[examples]
    return np.array([len(np.unique(groups[classes == label])) for label in np.unique(classes)])


def _of_each_class(samples: Samples, examples: Ints, choose: Callable[[Ints], Ints]) -> Ints:
    """Return what is chosen of the examples of each class, ascending."""
    classes = samples.classes[examples]
    return np.sort(np.concatenate([choose(examples[classes == label]) for label in np.unique(classes)]))
