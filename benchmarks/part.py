"""A part of the benchmark: what it is given, how long it takes, and when it is repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cached_property
from inspect import getdoc
from pathlib import Path

from figures import Figure, merged
from inputs import COMMAND_FILM, make_films, small_network

Figures = Generator[list[Figure], None, None]
NARROW = 0.03
"""Half of a spread's width over the value, below which a figure is not measured again."""


@dataclass(frozen=True)
class Bench:
    """What parts are given.

    seconds: length of a measurement. minutes: length of those that need long ones. folder: for what they write.
    """

    seconds: float
    minutes: float
    folder: Path

    @cached_property
    def film(self) -> Path:
        """The film for commands: 100 frames of 640×480, 25 per second."""
        make_films(self.folder)
        return self.folder / COMMAND_FILM

    @cached_property
    def small(self) -> str:
        """The card of a network that costs next to nothing, as the parameter `model`."""
        return str(small_network(self.folder))


@dataclass(frozen=True)
class Part:
    """A part, and the seconds that it takes on two quiet cores: so many, and for each second and minute of a Bench.

    measure: yields figures as it has them. repeated: it yields the same ones over and over, for as long as it is let.
    """

    measure: Callable[[Bench], Figures]
    fixed: float
    seconds: float = 0.0
    minutes: float = 0.0
    repeated: bool = False

    @property
    def summary(self) -> str:
        """What it measures: the first sentence of what its function says of itself."""
        return " ".join((getdoc(self.measure) or "").split()).partition(". ")[0].removesuffix(".")

    def expected(self, bench: Bench) -> float:
        """Return how many seconds it takes about; repeated ones may take less."""
        return self.fixed + self.seconds * bench.seconds + self.minutes * 60 * bench.minutes

    def run(self, bench: Bench, times: int = 1) -> list[Figure]:
        """Measure so many times. What is repeated ends when all spreads are narrow, or after its expected time."""
        found: list[Figure] = []
        for _ in range(times):
            until = time.perf_counter() + self.expected(bench)
            measuring, own = self.measure(bench), list[Figure]()
            for figures in measuring:
                own += figures
                if self.repeated and (time.perf_counter() > until or all(map(_narrow, merged(own)))):
                    break
            measuring.close()
            found += own
        return merged(found)


def _narrow(figure: Figure) -> bool:
    return figure.half_width < NARROW
