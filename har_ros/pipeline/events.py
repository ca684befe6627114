"""From the evidence of windows to events: which action began when, goes on, and ended when.

The evidence is what a stream's Prediction has: the probability of every class, smoothed and limited to allowed_labels
as on /actions. Not that of the top_k hypotheses: a class that others push out of them has not ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.frames.sampling import SECOND
from har_ros.pipeline.crossings import EvidenceWindow, fall, rise
from har_ros.pipeline.event_settings import EventSettings

HISTORY = 128
"""Windows in which starts and ends are looked for."""
IDLE = ("none", "nothing")
"""Labels that say that it is no action: they compete with the others for the lead, and have no events."""
UNSEEN = 5.0
"""Seconds that no window shows after which nothing is known to go on."""


class EventState(Enum):
    """What is said of an event: STARTED once, GOING_ON with each window after that which shows it, ENDED once."""

    STARTED = auto()
    GOING_ON = auto()
    ENDED = auto()


@dataclass(frozen=True)
class Event:
    """An action from its start to its end.

    id: counts the stream's events from 1 on. start, end: stamps in nanoseconds; final when it has ENDED, before that
    what is known so far. score: the mean evidence of its windows so far. person: who does it; empty: the whole image.
    said: when it was said that it STARTED, in nanoseconds.
    """

    id: int
    label: str
    start: int
    end: int
    score: float
    state: EventState
    person: str = ""
    said: int = 0


@dataclass
class _Running:
    """An event that has not ended; stamps in nanoseconds.

    since, until: the middle and the end of its first window. start: as it is estimated so far. end: where its evidence
    fell below the limit, None while it is above. announced: the middle of the window with which it STARTED. said: see
    Event. floor: the end of the event before it.
    """

    index: int  # of its class
    since: int
    until: int
    start: int
    settled: bool = False  # whether the start is final
    end: int | None = None
    announced: int | None = None
    said: int = 0
    floor: int = 0
    id: int = 0
    total: float = 0.0  # evidence of its windows
    windows: int = 0


class Events:
    """The events of one stream, a camera's or a person's. Use it from one thread at a time."""

    def __init__(
        self,
        labels: Sequence[str],
        settings: EventSettings = EventSettings(),
        smoothing: float = 0.0,
        person: str = "",
        unseen: float = UNSEEN,
    ) -> None:
        """labels: of the network. smoothing: see configure. person: see Event. unseen: see UNSEEN.

        Raises ConfigurationError.
        """
        self._labels = labels
        self._is_action = np.array([label not in IDLE for label in labels])
        self._person = person
        self._unseen = round(unseen * SECOND)
        self._history: deque[EvidenceWindow] = deque(maxlen=HISTORY)
        self._running: dict[int, _Running] = {}  # by class
        self._ends: dict[int, int] = {}  # of each class's last event
        self._restarts = 0
        self._count = 0
        self.now = 0  # when the last was said, see take
        self._settings: EventSettings | None = None
        self.configure(settings, smoothing)

    def configure(self, settings: EventSettings, smoothing: float = 0.0) -> None:
        """Use these settings from now on. Raises ConfigurationError, and changes nothing, when they contradict.

        smoothing: time constant, in seconds, of the average that the evidence is; it is late by as much.
        """
        if settings is not self._settings:
            settings.check()
            self._settings, self._overlap = settings, settings.event_overlap
            limits = [settings.of(label) for label in self._labels]
            self._start = np.array([one.start for one in limits])
            self._end = [one.end for one in limits]
            self._min_duration = [round(one.min_duration * SECOND) for one in limits]
            self._max_gap = [round(one.max_gap * SECOND) for one in limits]
        self._late = round(smoothing * SECOND)

    def take(
        self,
        scores: NDArray[Any],
        start: int,
        until: int,
        restarts: int = 0,
        held: int | None = None,
        now: int | None = None,
    ) -> list[Event]:
        """Take the next window. Returns what happened.

        scores: the probability of each label; they are kept, and must not change. start, until: stamps of the first and
        the last frame of which they speak, nanoseconds. restarts: how often the stream's window had begun again.
        When it has, when the stamps go back, and when no window shows `unseen` seconds, all events end as in `finish`.
        held: end of windows that were left out before this one, because nothing moved: the last answer held until then.
        now: when what happened is said, see Event; None: at `until`.
        """
        start, self.now = min(start, until), until if now is None else now
        last = self._history[-1] if self._history else None
        said: list[Event] = []
        if last and held is not None and restarts == self._restarts and last.until < held <= until:
            said = self._take(last.scores, held - (until - start), held)
            last = self._history[-1]
        if last and (restarts != self._restarts or until < last.until or start - last.until > self._unseen):
            said += self.finish()
        self._restarts = restarts
        return said + self._take(scores, start, until)

    def _take(self, scores: NDArray[Any], start: int, until: int) -> list[Event]:
        """Take a window that follows the one before."""
        last = self._history[-1] if self._history else None
        middle = max((start + until) // 2 - self._late, last.middle if last else start)
        self._history.append(EvidenceWindow(scores, start, until, middle, last is None))
        rising = self._rising(scores)
        self._fall(scores, rising)
        ended = self._close([one for one in self._running.values() if self._is_over(one, rising)])
        self._rise(rising)
        return ended + self._report(scores)

    def finish(self, now: int | None = None) -> list[Event]:
        """End all events with the newest window, or where they fell before. Returns what happened.

        Call it when the stream ends or pauses, and when the person is gone. Another stream may begin after it.
        now: see take; None: with the newest window.
        """
        self.now = self.now if now is None else now
        for one in self._running.values():
            if one.end is None:
                one.end = self._history[-1].until
        ended = self._close(list(self._running.values()))
        self._history.clear()
        self._ends.clear()
        return ended

    def _rising(self, scores: NDArray[Any]) -> list[int]:
        """Return the classes of which an event may start."""
        reached = np.flatnonzero(scores >= self._start.astype(scores.dtype, copy=False))
        if self._overlap:
            return [int(i) for i in reached if self._is_action[i]]
        if not len(reached):
            return []
        leader = int(reached[np.argmax(scores[reached] / self._start[reached])])
        return [leader] if self._is_action[leader] else []

    def _fall(self, scores: NDArray[Any], rising: list[int]) -> None:
        """Let the events fall of which there is too little evidence, or less than of one that may start."""
        for one in self._running.values():
            replaced = not self._overlap and rising and one.index not in rising
            if one.end is None and (replaced or scores[one.index] < self._end[one.index]):
                one.end = fall(self._history, one.index)

    def _is_over(self, one: _Running, rising: list[int]) -> bool:
        """Whether an event has fallen for too long to go on."""
        if one.end is None:
            return False
        newest = self._history[-1].middle
        back = rise(self._history, one.index, newest) if one.index in rising else newest
        return back - one.end > self._max_gap[one.index]

    def _rise(self, rising: list[int]) -> None:
        """Let events begin, or go on after a gap."""
        for index in rising:
            if index not in self._running:
                newest = self._history[-1]
                self._running[index] = _Running(index, newest.middle, newest.until, newest.middle)
            elif self._running[index].end is not None:
                self._running[index].end = None
                if not self._overlap:  # what began in the gap
                    self._running = {i: one for i, one in self._running.items() if i == index or one.announced}

    def _report(self, scores: NDArray[Any]) -> list[Event]:
        """Say of each event that goes on that it does, or that it started."""
        said: list[Event] = []
        newest = self._history[-1].middle
        for one in [one for one in self._running.values() if one.end is None]:
            one.total += float(scores[one.index])
            one.windows += 1
            self._estimate(one)
            if one.announced is not None:
                said.append(self._event(one, newest, EventState.GOING_ON))
            elif newest - max(one.start, self._floor(one)) >= self._min_duration[one.index]:
                said += self._announce(one)
        return said

    def _estimate(self, one: _Running) -> None:
        """Estimate the start of an event, until its evidence has reached its level; its first window shows it."""
        if one.settled:
            return
        newest = self._history[-1]
        one.start = max(min(rise(self._history, one.index, one.since), one.until), one.floor)
        one.settled = newest.middle - one.since > newest.until - newest.start

    def _announce(self, one: _Running) -> list[Event]:
        """Let an event start. Returns what happened: others may end by it."""
        exclusive = not self._overlap
        said = self._close([other for other in self._running.values() if exclusive and other is not one])
        newest = self._history[-1].middle
        one.floor = self._floor(one)
        one.start = max(one.start, one.floor)
        if newest - one.start >= self._min_duration[one.index]:
            one.announced, one.id, one.said = newest, self._next_id(), self.now
            said.append(self._event(one, newest, EventState.STARTED))
        return said

    def _close(self, over: list[_Running]) -> list[Event]:
        """End these events, in their order in time; of those that are too short nothing is said."""
        said: list[Event] = []
        for end, one in sorted(((one.end, one) for one in over if one.end is not None), key=lambda pair: pair[0]):
            del self._running[one.index]
            if one.announced is None:
                one.start = max(one.start, self._floor(one))
                if end - one.start < self._min_duration[one.index]:
                    continue
                one.id, one.said = self._next_id(), self.now
                said.append(self._event(one, end, EventState.STARTED))
            else:
                end = max(end, one.announced)
                one.start = max(min(one.start, end - self._min_duration[one.index]), one.floor)
            self._ends[one.index] = end
            said.append(self._event(one, end, EventState.ENDED))
        return said

    def _floor(self, one: _Running) -> int:
        """Return the stamp before which the event cannot have started: another ended there."""
        if not self._overlap:
            return max(self._ends.values(), default=0)
        return self._ends.get(one.index, 0)

    def _next_id(self) -> int:
        self._count += 1
        return self._count

    def _event(self, one: _Running, end: int, state: EventState) -> Event:
        score = one.total / one.windows
        label, end = self._labels[one.index], max(end, one.start)
        return Event(one.id, label, one.start, end, score, state, self._person, one.said)
