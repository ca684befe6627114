"""How much two that name classes over time agree: share of time, and Cohen's kappa."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from har_ros.stats.metrics import Floats, Ints, ratio


class Named(NamedTuple):
    """A class, by its number, from a start to an end, in any unit of time."""

    label: int
    start: int
    end: int


def shared_time(one: Sequence[Named], other: Sequence[Named], count: int) -> Floats:
    """Return for how long one names a class (row) while the other names a class (column): count+1 × count+1.

    one, other: in order, none overlaps the next. The last row and column are for no class. What counts is the time
    between the later of the starts of both and the earlier of their ends.
    """
    time = np.zeros((count + 1, count + 1))
    if not (one and other):
        return time
    first, last = max(one[0].start, other[0].start), min(one[-1].end, other[-1].end)
    edges = {stamp for named in (*one, *other) for stamp in named[1:] if first < stamp < last}
    stamps = np.array(sorted({first, *edges, last}) if first < last else [], np.int64)
    rows, columns = (_labels_at(stamps[:-1], named, count) for named in (one, other))
    np.add.at(time, (rows, columns), np.diff(stamps))
    return time


def _labels_at(stamps: Ints, named: Sequence[Named], count: int) -> Ints:
    """Return the class that is named from each stamp on, `count` for none."""
    place = np.searchsorted([one.start for one in named], stamps, side="right") - 1
    labels, ends = np.array([one.label for one in named]), np.array([one.end for one in named])
    return np.where(stamps < ends[place], labels[place], count)


def agreement(time: Floats) -> Floats:
    """Return the share of time in which both name the same. time: …×n×n, see shared_time; NaN without time."""
    return ratio(np.trace(time, axis1=-2, axis2=-1), time.sum(axis=(-2, -1)))


def kappa(time: Floats) -> Floats:
    """Return Cohen's kappa: the agreement beyond chance, 1 for full agreement. time: …×n×n.

    NaN where both name one class only, and without time.
    """
    total = time.sum(axis=(-2, -1))
    chance = ratio((time.sum(axis=-1) * time.sum(axis=-2)).sum(axis=-1), total**2)
    return ratio(agreement(time) - chance, 1 - chance)
