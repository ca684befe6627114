"""Falls as a user hears of them: each person's events, made by the code of the node and of `actionnet --events`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table
from scipy.stats import chi2

from har_ros.frames.sampling import SECOND
from har_ros.pipeline.event_settings import ClassLimits, EventSettings
from har_ros.pipeline.events import Events, EventState
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.source_events import take_result

FALLING = "falling"
STARTS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""Probabilities of a fall from which on an event of it starts, at once."""
ENOUGH = 0.9
"""Share of the falls that a limit has to find to be chosen."""
Span = tuple[float, float]


@dataclass(frozen=True)
class Alarm:
    """An event of a fall: the seconds at which it was said, and at which it is said to have begun."""

    said: float
    start: float

    def is_of(self, fall: Span) -> bool:
        """Whether it was said after a fall began, and begins before that ended."""
        return self.said > fall[0] and self.start < fall[1]


@dataclass(frozen=True)
class Watched:
    """What was said of each person in a video: it begins at the stamp `first`; its falls and length are in seconds."""

    people: Sequence[Sequence[Result]]
    labels: Sequence[str]
    first: int
    falls: Sequence[Span]
    seconds: float

    def alarms(self, settings: EventSettings) -> list[Alarm]:
        """Return the events of falls, by when they were said."""
        found = []
        for results in self.people:
            events = Events(self.labels, settings)
            said = [event for one in results for event in take_result(events, one, one.end)] + events.finish()
            for event in said:
                if event.label == FALLING and event.state is EventState.ENDED:
                    found.append(Alarm(*((stamp - self.first) / SECOND for stamp in (event.said, event.start))))
        return sorted(found, key=lambda alarm: alarm.said)


@dataclass(frozen=True)
class Count:
    """delays: of the falls that were found, in seconds. falls: how many there are. false: alarms without a fall."""

    delays: Sequence[float]
    falls: int
    false: int

    def __add__(self, other: Count) -> Count:
        return Count([*self.delays, *other.delays], self.falls + other.falls, self.false + other.false)

    @property
    def found(self) -> tuple[str, str]:
        """How many falls were found, and how late, in words."""
        late = f"{np.median(self.delays):.2f} ({min(self.delays):.1f} to {max(self.delays):.1f})" if self.delays else ""
        return f"{len(self.delays)} of {self.falls}", late


NOTHING = Count([], 0, 0)


def count(videos: Sequence[Watched], settings: EventSettings) -> Count:
    """Return what is found in videos with these limits."""
    total = NOTHING
    for video in videos:
        alarms = video.alarms(settings)
        firsts = [next((one.said - fall[0] for one in alarms if one.is_of(fall)), None) for fall in video.falls]
        false = sum(not any(one.is_of(fall) for fall in video.falls) for one in alarms)
        total += Count([delay for delay in firsts if delay is not None], len(video.falls), false)
    return total


class Counts:
    """What is found in the videos of each person who was held out, and in each part of what is elsewhere.

    With the parameters as they are (None), and with each of STARTS.
    """

    def __init__(self, held_out: Mapping[str, Sequence[Watched]], elsewhere: Mapping[str, Sequence[Watched]]) -> None:
        self.held_out = {name: _by_start(videos) for name, videos in held_out.items()}
        self.elsewhere = {name: _by_start(videos) for name, videos in elsewhere.items()}
        self.seconds = {name: sum(video.seconds for video in videos) for name, videos in elsewhere.items()}

    def listed(self) -> Table:
        """Return a row for each start."""
        table = Table("event_start", "falls found", "delay, median (s)", "false alarms", "an hour elsewhere (95 %)")
        for start in (None, *STARTS):
            own = _sum(counts[start] for counts in self.held_out.values())
            others = {name: counts[start].false for name, counts in self.elsewhere.items()}
            parts = ", ".join(f"{name} {number}" for name, number in others.items())
            false = f"{an_hour(sum(others.values()), sum(self.seconds.values()))}: {parts}" if others else ""
            table.add_row("as they are" if start is None else f"{start}", *own.found, str(own.false), false)
        return table

    def chosen_by_others(self) -> Table:
        """Return what is found of each person, and elsewhere in each part, with the start that all others choose."""
        table = Table("left out", "event_start", "falls found", "delay, median (s)", "false alarms")
        total = NOTHING
        for name, counts in self.held_out.items():
            start = self._chosen([name])
            total += counts[start]
            table.add_row(f"person {name}", f"{start}", *counts[start].found, str(counts[start].false))
        table.add_row("everybody", "", *total.found, str(total.false))
        if len(self.elsewhere) > 1:
            starts = {name: self._chosen([name]) for name in self.elsewhere}
            false = {name: self.elsewhere[name][start].false for name, start in starts.items()}
            for name, start in starts.items():
                table.add_row(name, f"{start}", "", "", an_hour(false[name], self.seconds[name]))
            table.add_row("elsewhere", "", "", "", an_hour(sum(false.values()), sum(self.seconds.values())))
        return table

    def _chosen(self, without: Sequence[str]) -> float:
        """Return the start that finds ENOUGH with the fewest false alarms, and soonest; the lowest where none does."""
        parts = {**self.held_out, **self.elsewhere}
        totals = {start: _sum(one[start] for name, one in parts.items() if name not in without) for start in STARTS}
        enough = {start: one for start, one in totals.items() if len(one.delays) >= ENOUGH * one.falls and one.delays}
        return min(enough, key=lambda start: (enough[start].false, np.median(enough[start].delays)), default=STARTS[0])


def _sum(counts: Iterable[Count]) -> Count:
    return sum(counts, NOTHING)


def _by_start(videos: Sequence[Watched]) -> dict[float | None, Count]:
    found: dict[float | None, Count] = {None: count(videos, EventSettings())}
    for start in STARTS:
        found[start] = count(videos, EventSettings(classes={FALLING: ClassLimits(start, min_duration=0.0)}))
    return found


def an_hour(count: int, seconds: float) -> str:
    """Return how many there are in an hour, with Poisson's exact interval."""
    hours = seconds / 3600
    low, high = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0, chi2.ppf(0.975, 2 * count + 2) / 2
    return f"{count / hours:.0f} ({low / hours:.0f} to {high / hours:.0f}): {count} in {seconds:.0f} s"
