"""Segments of time against segments of time: which said one is which true one, the segmental F1 of it, the edit score.

As Lea et al., Temporal Convolutional Networks for Action Segmentation and Detection (CVPR 2017): of the said segments,
in their order, each is right when the true one of its class that it overlaps most shares at least so much with it, as a
part of what the two cover together, and no earlier one has that already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """A class from a start to an end, in any unit of time."""

    label: int
    start: float
    end: float


def matches(said: Sequence[Span], true: Sequence[Span], overlap: float) -> list[tuple[int, int]]:
    """Return the pairs of places in `said` and `true` that are right. overlap: from 0 to 1."""
    taken: dict[int, int] = {}
    for place, span in enumerate(said):
        shares = [shared_part(span, other) for other in true]
        best = max(range(len(true)), key=lambda at: shares[at], default=None)
        if best is not None and shares[best] >= overlap and shares[best] > 0 and best not in taken:
            taken[best] = place
    return [(place, at) for at, place in taken.items()]


def shared_part(one: Span, other: Span) -> float:
    """Return what two segments of the same class share, as a part of what they cover together; 0 for two classes."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    if one.label != other.label or shared <= 0:
        return 0.0
    return shared / (max(one.end, other.end) - min(one.start, other.start))


def f1(right: int, said: int, true: int) -> float:
    """Return the F1 of so many right ones; NaN where there are none at all."""
    return 2 * right / (said + true) if said + true else float("nan")


def edit_score(said: Sequence[int], true: Sequence[int]) -> float:
    """Return how alike two orders of classes are, from 0 to 1; NaN where both are empty.

    That is 1 less the edit (Levenshtein) distance, as a part of the longer one (Lea et al., Segmental Spatiotemporal
    CNNs, ECCV 2016; in percent in the literature). said, true: the classes of segments, in the order of their starts.
    """
    if not (said or true):
        return float("nan")
    places = np.arange(len(true) + 1)
    distance = places  # from what was said so far to the first 0, 1, … true ones
    for count, label in enumerate(said, 1):
        shorter = np.minimum(distance[1:] + 1, distance[:-1] + (np.asarray(true) != label))
        distance = np.minimum.accumulate(np.append(count, shorter) - places) + places  # with insertions
    return 1 - int(distance[-1]) / max(len(said), len(true))
