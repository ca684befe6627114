"""Limits of events that serve a wish, and what they cost: measured on recordings with which they were not chosen.

Each class gets the limits that serve the wish best while it has events by itself, of equals those nearest to the usual
ones. What all of them cost together is measured by the event layer as it is configured: on each group of recordings,
with the limits that the others give.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import median

import numpy as np

from har_ros.errors import counted
from har_ros.evaluate.recorded_evidence import Outcome, RecordedEvidence
from har_ros.pipeline.event_settings import ClassLimits, EventSettings, Limits
from har_ros.pipeline.events import IDLE, Events
from har_ros.stats.intervals import Bootstrap, Figure, interval, rate
from har_ros.stats.metrics import Ints, ratio
from har_ros.truth.segments import Classes

STARTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
END_PARTS = (0.4, 0.7)
"""Of the start, at which an event ends."""
MIN_DURATIONS, MAX_GAPS = (0.5, 1.0, 2.0), (1.0, 3.0)
SMOOTHINGS = (0.0, 1.0)
"""Seconds; what is tried where the evaluation did not smooth."""
LEAST_GROUPS = 3
"""With segments of a class, without which its limits are not chosen: each group is held out once."""
MOST_FOLDS = 10


@dataclass(frozen=True)
class Wish:
    """What is wanted: so much recall with as few false alarms, or so few alarms an hour with as much recall as can be.

    recall: share of a class's segments. alarms: an hour, of a class. One of them is None.
    """

    recall: float | None = None
    alarms: float | None = None

    def rank(self, outcome: Outcome, hours: float) -> tuple[float, ...]:
        """Return what is smaller, the better the outcome serves the wish."""
        recall, superfluous = outcome.found / outcome.segments, outcome.said - outcome.found
        if self.alarms is not None:
            return (max(0.0, outcome.alarms - self.alarms * hours), -recall, outcome.alarms, superfluous)
        return (max(0.0, (self.recall or 0.0) - recall), outcome.alarms, superfluous)


@dataclass(frozen=True)
class Choice:
    """smoothing: seconds. limits: of classes of the truth, by their numbers. missed: where they miss the wish."""

    smoothing: float
    limits: Mapping[int, Limits]
    missed: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Cost:
    """What limits cost on recordings that did not choose them. delay: of starts, the median, seconds."""

    segments: int
    recall: Figure
    alarms: Figure
    delay: float


@dataclass(frozen=True)
class TunedClass:
    """A class of the truth. limits: None where the usual ones stay, for this reason. usual: what those cost.

    missed: whether the limits miss the wish even in the recordings that chose them: none that were tried serve it.
    """

    name: str
    outputs: tuple[str, ...]
    limits: Limits | None
    reason: str
    cost: Cost
    usual: Cost
    missed: bool = False


@dataclass(frozen=True)
class Tuned:
    """Limits for all classes, and what they cost together. smoothing: seconds, see the parameter."""

    smoothing: float
    classes: tuple[TunedClass, ...]
    cost: Cost
    usual: Cost


class Tuning:
    """Chooses limits for the classes of the truth."""

    def __init__(
        self,
        tracks: Sequence[RecordedEvidence],
        labels: Sequence[str],
        classes: Classes,
        usual: EventSettings,
        smoothing: float,
        wish: Wish,
    ) -> None:
        """tracks: of which the truth says something. labels: of the network. usual, smoothing: of the evaluation."""
        self._tracks, self._labels, self._classes, self._usual, self._wish = tracks, labels, classes, usual, wish
        self._smoothed = smoothing
        self._smoothings = (smoothing,) if smoothing else SMOOTHINGS
        self._outputs = [
            tuple(label for label in labels if classes.of_output.get(label) == index)
            for index in range(len(classes.names))
        ]
        self._grid = _grid(Limits(*dataclasses.astuple(usual)[:4]))
        groups = sorted({track.group for track in tracks})
        self._folds = [groups.index(track.group) % MOST_FOLDS for track in tracks]
        self._reasons = [self._reason(index) for index in range(len(classes.names))]

    @property
    def steps(self) -> int:
        """How often `run` says that it has come further."""
        return len(self._tracks) * len(self._smoothings)

    def run(self, advance: Callable[[], None]) -> Tuned:
        """Choose, and measure with folds of groups held out."""
        table = self._table(advance)
        folds = sorted(set(self._folds))
        choices = {fold: self._choose(table, [one for one in folds if one != fold]) for fold in folds}
        held_out = [self._measured(track, choices[fold]) for track, fold in zip(self._tracks, self._folds, strict=True)]
        usual = [self._measured(track, Choice(self._smoothed, {})) for track in self._tracks]
        chosen = self._choose(table, folds)
        every = range(len(self._classes.names))
        return Tuned(
            chosen.smoothing,
            tuple(
                TunedClass(
                    self._classes.names[index],
                    self._outputs[index],
                    chosen.limits.get(index),
                    self._reasons[index],
                    self._cost(held_out, [index]),
                    self._cost(usual, [index]),
                    index in chosen.missed,
                )
                for index in every
            ),
            self._cost(held_out, every),
            self._cost(usual, every),
        )

    def _reason(self, index: int) -> str:
        """Return why the limits of a class cannot be chosen; empty: they can."""
        if all(label in IDLE for label in self._outputs[index]):
            return "it is no action, and has no events"
        groups = {track.group for track in self._tracks if track.segments(index)}
        if len(groups) < LEAST_GROUPS:
            return f"the truth has it in {counted(len(groups), 'group')}, and {LEAST_GROUPS} are needed"
        return ""

    def _table(self, advance: Callable[[], None]) -> dict[tuple[float, Limits, int], list[Outcome]]:
        """Return the outcomes of each smoothing and limits in each fold, by class, each class by itself."""
        columns = [at for at, label in enumerate(self._labels) if label in self._classes.of_output]
        labels = [self._labels[column] for column in columns]
        table: dict[tuple[float, Limits, int], list[Outcome]] = {}
        for track, fold in zip(self._tracks, self._folds, strict=True):
            for smoothing in self._smoothings:
                evidence = track.evidence(columns, 0.0 if self._smoothed else smoothing)
                for limits in self._grid:
                    settings = EventSettings(*limits, event_overlap=True)
                    key = smoothing, limits, fold
                    known = table.get(key, [Outcome()] * len(self._classes.names))
                    own = track.outcomes(evidence, partial(Events, labels, settings, smoothing))
                    table[key] = [one + other for one, other in zip(known, own, strict=True)]
                advance()
        return table

    def _choose(self, table: Mapping[tuple[float, Limits, int], list[Outcome]], folds: Sequence[int]) -> Choice:
        """Return what serves the wish best in these folds; of equals the first."""
        hours = sum(track.hours for track, fold in zip(self._tracks, self._folds, strict=True) if fold in folds)
        found = []
        for smoothing in self._smoothings:
            best: dict[int, tuple[tuple[float, ...], Limits]] = {}
            for index in (index for index, reason in enumerate(self._reasons) if not reason):
                sums = [sum((table[smoothing, one, fold][index] for fold in folds), Outcome()) for one in self._grid]
                if sums[0].segments:
                    ranks = [self._wish.rank(outcome, hours) for outcome in sums]
                    best[index] = min(zip(ranks, self._grid, strict=True), key=lambda pair: pair[0])
            total = np.sum([rank for rank, _ in best.values()], axis=0).tolist() if best else []
            missed = frozenset(index for index, (rank, _) in best.items() if rank[0] > 0)
            found.append((total, Choice(smoothing, {index: limits for index, (_, limits) in best.items()}, missed)))
        return min(found, key=lambda pair: pair[0])[1]

    def _measured(self, track: RecordedEvidence, choice: Choice) -> list[Outcome]:
        """Return what a choice is worth on a track, with all classes together."""
        own = {label: ClassLimits(*limits) for at, limits in choice.limits.items() for label in self._outputs[at]}
        settings = dataclasses.replace(self._usual, classes={**self._usual.classes, **own})
        evidence = track.evidence(range(len(self._labels)), 0.0 if self._smoothed else choice.smoothing)
        return track.outcomes(evidence, partial(Events, self._labels, settings, choice.smoothing))

    def _cost(self, outcomes: Sequence[Sequence[Outcome]], indices: Sequence[int]) -> Cost:
        """Sum up what was measured of some classes. outcomes: of each track, by class."""
        sums = [sum((of_track[index] for index in indices), Outcome()) for of_track in outcomes]
        names = [track.group for track in self._tracks]
        group = np.unique(names, return_inverse=True)[1]
        total = sum(sums, Outcome())
        recall = _recall([one.found for one in sums], [one.segments for one in sums], group)
        alarms = rate(total.alarms, sum(track.hours for track in self._tracks))
        return Cost(total.segments, recall, alarms, median(total.delays) if total.delays else float("nan"))


def _grid(usual: Limits) -> list[Limits]:
    """Return limits to try: the usual ones, and then those nearest to them, since the first of equals is chosen."""
    parts = product(STARTS, END_PARTS, MIN_DURATIONS, MAX_GAPS)
    found = [Limits(start, max(0.01, round(start * part, 3)), *rest) for start, part, *rest in parts]
    return [usual, *sorted(found, key=lambda one: [abs(a - b) for a, b in zip(one, usual, strict=True)])]


def _recall(found: Sequence[int], segments: Sequence[int], group: Ints) -> Figure:
    """Return the share that was found, over groups."""
    if not sum(segments):
        return Figure(float("nan"), float("nan"), float("nan"))
    groups = int(group.max()) + 1
    bootstrap = Bootstrap(groups)
    ours, all_of_them = (bootstrap.weights @ bootstrap.tally(values, group) for values in (found, segments))
    return interval(ratio(ours, all_of_them), groups)
