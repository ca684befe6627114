"""The one rule of what a window shows, for evaluating and for teaching.

A window has the labels of the segments with which it shares at least the `coverage` of the shorter of the two. One that
shares less, but something, is at an edge; one that shares nothing is background. A window of one frame has no length:
it has the labels of the segments in which its frame lies. A segment's end is not part of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.5
"""Part of a window, or of a shorter segment, that the two share, unless another is asked for."""


class Overlap(NamedTuple):
    """What each of n windows has of a segment.

    shared: nanoseconds, int64, less than 0 where they are apart. touches: bool, whether they share anything.
    labelled: bool, whether they share so much that the window has the segment's label.
    """

    shared: NDArray[np.int64]
    touches: NDArray[np.bool_]
    labelled: NDArray[np.bool_]


def overlap(
    start: NDArray[np.int64], end: NDArray[np.int64], first: int, last: int, coverage: float = COVERAGE
) -> Overlap:
    """Compare n windows, from the stamps of their first frames to those of their last, with a segment; all ns."""
    shared = np.minimum(end, last) - np.maximum(start, first)
    inside = (start == end) & (first <= start) & (start < last)
    touches = (shared > 0) | inside
    return Overlap(shared, touches, touches & (shared >= coverage * np.minimum(end - start, last - first)))
