"""Whether differences of pairs can be chance.

The p-value is that of a sign-flip permutation test (Good, Permutation, Parametric and Bootstrap Tests of Hypotheses,
2005); of several tests it is corrected by Holm's method (Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from har_ros.stats.intervals import LEVEL
from har_ros.stats.metrics import Floats

FLIPS = 10_000
EXACT = 13
"""Pairs up to which all sign flips are tried."""
CHUNK = 1_000_000
"""Values that are drawn at a time, at most."""


def mean_interval(differences: Floats) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the mean, by Student's t; NaN where nothing is known of how they vary.

    That is: of fewer than two differences, and where all are equal. The t interval would have no width then, as if the
    mean were certain, while a few segments that all went from wrong to right say little about the next one.
    """
    if len(differences) < 2 or np.ptp(differences) < 1e-12:
        return np.nan, np.nan
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / len(differences) ** 0.5
    half = float(stdtrit(len(differences) - 1, (1 + LEVEL / 100) / 2)) * error
    return mean - half, mean + half


def sign_flip_p(differences: Floats) -> float:
    """Return how likely so large a mean difference is when the sign of each is chance: two-sided, 1 without any."""
    differences = differences[differences != 0]
    n = len(differences)
    if not n:
        return 1.0
    if n <= EXACT:
        flipped = (np.arange(2**n)[:, None] >> np.arange(n) & 1) @ differences
        drawn = 0
    else:
        rng = np.random.default_rng(0)
        flipped = np.concatenate([rng.integers(0, 2, size, np.uint8) @ differences for size in _chunks(FLIPS, n)])
        drawn = 1  # the differences as they are count as one of the samples
    sums = np.abs(differences.sum() - 2 * flipped)
    extreme = int((sums >= abs(differences.sum()) - 1e-12).sum())
    return (extreme + drawn) / (len(sums) + drawn)


def holm(p: Sequence[float]) -> list[float]:
    """Return the p-values of several tests, corrected for their number, in the order in which they are given."""
    corrected, least = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        least = max(least, min(1.0, p[index] * (len(p) - rank)))
        corrected[index] = least
    return corrected


def _chunks(rows: int, n: int) -> list[tuple[int, int]]:
    """Return shapes of n columns that have so many rows together, and CHUNK values each where a row has no more."""
    each = max(1, CHUNK // n)
    return [(min(each, rows - done), n) for done in range(0, rows, each)]
