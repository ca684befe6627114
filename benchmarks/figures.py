"""What benchmarks measure: figures, how much they vary, and how they compare with earlier ones."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from scipy.stats import quantile_test

LEVEL = 0.95
"""How often a spread holds the median."""
Ends = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """What was measured, once or several times.

    values: in `unit`, which is empty for a ratio; those that are no numbers are left out. aim: in words. detail: of
    what a ratio was made, and what else is to be said, of the last time. interval: the ends of a single value's own; of
    several values, what holds those of all.
    """

    name: str
    values: tuple[float, ...]
    unit: str = ""
    aim: str = ""
    detail: str = ""
    interval: Ends | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(value for value in self.values if math.isfinite(value)))

    @property
    def value(self) -> float:
        """The median; NaN where nothing could be measured."""
        return statistics.median(self.values) if self.values else math.nan

    @property
    def spread(self) -> Ends | None:
        """The ends of the 95 % interval; None where there are too few values for one."""
        return median_interval(self.values) or self.interval

    @property
    def half_width(self) -> float:
        """Half of the spread's width over the value; infinite where there is no spread, 0 where all values are 0."""
        if self.spread is None:
            return math.inf
        width = (self.spread[1] - self.spread[0]) / 2
        return width / abs(self.value) if self.value else math.inf if width else 0.0


def once(
    name: str, value: float, unit: str = "", *, aim: str = "", detail: str = "", interval: Ends | None = None
) -> Figure:
    """Return a figure that was measured once."""
    return Figure(name, (value,), unit, aim, detail, interval)


def ratio(name: str, above: float, below: float, unit: str, *, aim: str = "", times: float = 1.0) -> Figure:
    """Return above / below, measured once; both are told in `unit`, of which there are `times` in theirs."""
    detail = f"{shown(above * times)} / {shown(below * times)} {unit}"
    return once(name, above / below if below else math.nan, aim=aim, detail=detail)


def median_interval(values: Sequence[float]) -> Ends | None:
    """Return the two values, as far from either end, between which the median lies in 95 % of all cases.

    It assumes only that the values are independent. None for fewer than six, of which no two do.
    """
    if len(values) < 2:
        return None
    ends = quantile_test(values, q=0, p=0.5).confidence_interval(LEVEL)
    return None if math.isnan(ends.low) else (float(ends.low), float(ends.high))


def merged(figures: Iterable[Figure]) -> list[Figure]:
    """Bring the values of figures with the same name together, in the order in which the names came first."""
    found: dict[str, Figure] = {}
    for one in figures:
        before = found.get(one.name)
        if before is not None:
            ends = [each.interval for each in (before, one) if each.interval]
            interval = (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None
            one = replace(one, values=before.values + one.values, interval=interval)
        found[one.name] = one
    return list(found.values())


@dataclass(frozen=True)
class Change:
    """A figure beside an earlier one. beyond: whether their spreads do not touch; None where one has no spread."""

    ratio: float
    beyond: bool | None

    @classmethod
    def of(cls, now: Figure, earlier: Figure) -> Change:
        """Compare."""
        same = now.value == earlier.value
        change = 1.0 if same else now.value / earlier.value if earlier.value else math.nan
        if now.spread is None or earlier.spread is None:
            return cls(change, None)
        return cls(change, now.spread[0] > earlier.spread[1] or now.spread[1] < earlier.spread[0])

    def __str__(self) -> str:
        text = f"{self.ratio:.2f}" if math.isfinite(self.ratio) else "–"
        return f"{text} ≠" if self.beyond else text


def shown(value: float) -> str:
    """Write a number with three digits or all before the point."""
    if not math.isfinite(value):
        return "–"
    digits = 2 if value == 0 else 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(6, max(0, digits))}f}"
