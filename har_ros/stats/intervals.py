"""Confidence intervals: of what is measured on groups, and the exact one of a rate.

What belongs to one group (a segment's windows, a person's clips) is not independent, so it is drawn together: a cluster
bootstrap (Field and Welsh, JRSS B 69, 2007). Its percentiles are too narrow for few groups, so it gives the standard
error only. The limits are those of Student's t with a degree of freedom less than there are groups; for a share,
Wilson's (JASA 22, 1927) of as many independent cases as have this standard error (Korn and Graubard, Survey Methodology
24, 1998). benchmarks/interval_coverage.py measures how often they hold the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import gammaincinv, stdtrit
from scipy.stats import binomtest

from har_ros.stats.metrics import Floats, Ints

SAMPLES = 1000
LEVEL = 95.0
"""Percent that an interval holds."""


@dataclass(frozen=True)
class Bootstrap:
    """Samples of so many groups, drawn with replacement: always the same ones, and none of a single group."""

    groups: int

    @cached_property
    def weights(self) -> Floats:
        """How often each group counts: once in all of them, then as it is drawn; (1+SAMPLES)×groups, or 1×groups."""
        once = np.ones((1, self.groups))
        if self.groups < 2:
            return once
        drawn = np.random.default_rng(0).multinomial(self.groups, once[0] / self.groups, SAMPLES)
        return np.concatenate([once, drawn])

    def tally(self, values: Any, group: Ints) -> Floats:
        """Return the sum of values (n or n×C) in each group. group: number of each value's group, n."""
        values = np.asarray(values, np.float64)
        sums = np.zeros((self.groups, *values.shape[1:]))
        np.add.at(sums, group, values)
        return sums


@dataclass(frozen=True)
class Figure:
    """A value and the ends of its interval, which are NaN where there is none."""

    value: float
    low: float
    high: float


def interval(values: Floats, groups: int, share: bool = True) -> Figure:
    """Return a figure, whose first value is that of all groups, and its interval; the others are the samples'.

    groups: how many the figure is about. share: the figure lies between 0 and 1; others are not negative. NaN where
    there are no two groups, or no two samples that are numbers. A share of which all samples agree counts as one case
    of each group.
    """
    value, samples = float(values[0]), values[1:][np.isfinite(values[1:])]
    if groups < 2 or len(samples) < 2 or not np.isfinite(value):
        return Figure(value, np.nan, np.nan)
    error = float(samples.std()) * np.sqrt(groups / (groups - 1))
    t = float(stdtrit(groups - 1, (1 + LEVEL / 100) / 2))
    if not share:
        return Figure(value, max(0.0, value - t * error), value + t * error)
    variance = max(0.0, value * (1 - value))
    cases = variance / error**2 if error * variance > 1e-9 else groups
    middle, width = value + t**2 / cases / 2, t * np.sqrt(variance / cases + (t / cases) ** 2 / 4)
    low, high = np.clip(np.array([middle - width, middle + width]) / (1 + t**2 / cases), 0, 1).tolist()
    return Figure(value, min(low, value), max(high, value))


def proportion(successes: int, trials: int, exact: bool = False) -> Figure:
    """Return a part of independent trials, with Wilson's interval. NaN without trials.

    exact: with Clopper and Pearson's (Biometrika 26, 1934), which is wider: no end is on the wrong side too often.
    """
    if not trials:
        return Figure(np.nan, np.nan, np.nan)
    ends = binomtest(successes, trials).proportion_ci(LEVEL / 100, method="exact" if exact else "wilson")
    return Figure(successes / trials, float(ends.low), float(ends.high))


def rate(events: int, duration: float) -> Figure:
    """Return events per unit of time, with the exact interval of a Poisson process (Garwood, Biometrika 28, 1936).

    That is: events are independent of each other. NaN without duration.
    """
    if not duration:
        return Figure(np.nan, np.nan, np.nan)
    tail = (1 - LEVEL / 100) / 2
    low, high = gammaincinv(events, tail) if events else 0.0, gammaincinv(events + 1, 1 - tail)
    return Figure(events / duration, float(low) / duration, float(high) / duration)
