"""Confidence intervals: by bootstrap over groups, and the exact one of a rate.

What belongs to one group (a segment's windows, a person's clips) is not independent, so it is drawn together: a cluster
bootstrap (Field and Welsh, JRSS B 69, 2007), with the percentiles of the samples as limits.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import gammaincinv
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


def interval(values: Floats) -> Figure:
    """Return a figure, whose first value is that of all groups, and its interval over the others, the samples'.

    NaN where there is no sample that is a number.
    """
    low = high = np.nan
    if len(values) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: then there is no interval
            low, high = np.nanpercentile(values[1:], ((100 - LEVEL) / 2, (100 + LEVEL) / 2))
    return Figure(float(values[0]), float(low), float(high))


def proportion(successes: int, trials: int) -> Figure:
    """Return a part of independent trials, with Wilson's interval. NaN without trials."""
    if not trials:
        return Figure(np.nan, np.nan, np.nan)
    ends = binomtest(successes, trials).proportion_ci(LEVEL / 100, method="wilson")
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
