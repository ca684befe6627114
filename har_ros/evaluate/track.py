"""The windows of one camera in one recording, as a table with a row for each window."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from har_ros.evaluate.results import RANKED, PredictedWindow
from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.events import Event, Events, EventState
from har_ros.stats.metrics import NOTHING, OTHER, Ints
from har_ros.stats.segmental import Span
from har_ros.truth.segments import Classes

Table = NDArray[np.void]
"""Windows, a row for each; row_type has the columns."""


def row_type(classes: int) -> np.dtype[np.void]:
    """Return the columns of a table of windows; times in nanoseconds, durations in seconds."""
    return np.dtype(
        [
            # what the network said: Track
            ("start", np.int64),  # stamps of the first and the last frame
            ("end", np.int64),
            ("started", np.int64),  # when the network ran, on the recorder's clock
            ("published", np.int64),
            ("restarts", np.int64),  # how often the camera's window had started again
            ("padded", np.bool_),  # of a clip that was played again to fill it
            ("label", np.object_),  # the first answer, in the network's words
            ("score", np.float64),  # of the first answer
            ("ranked", np.int64, (RANKED,)),  # classes of the first answers, also OTHER and NOTHING
            ("scores", np.float64, (classes,)),
            ("distance", np.float64),  # see results.PredictedWindow; NaN where it was not measured
            # what it should have said: judge
            ("accepted", np.bool_),  # whether the first answer reached the threshold
            ("duration", np.float64),  # the time for which the window stands
            ("truth", np.bool_, (classes,)),
            ("kind", np.int64),  # LABELLED, BACKGROUND, EDGE or UNJUDGED
            ("cluster", np.int64),  # what bootstrap samples are drawn of
        ]
    )


def predicted(windows: Table) -> Ints:
    """Return the class that each window said: its first answer, NOTHING below the threshold."""
    return np.where(windows["accepted"], windows["ranked"][:, 0], NOTHING)


class SaidSpan(NamedTuple):
    """An action as it was said to be; stamps in nanoseconds.

    name: in the network's words. label: class of the truth, or OTHER. began, ended: when it was said that it did.
    """

    name: str
    label: int
    start: int
    end: int
    began: int
    ended: int

    @property
    def span(self) -> Span:
        """Class, start and end."""
        return Span(self.label, self.start, self.end)


class Moment(NamedTuple):
    """When a window was: stamps of the first and last frame of which it speaks, and of when it was published.

    restarts: how often the camera's window had started again.
    """

    start: int
    until: int
    said: int
    restarts: int

    @classmethod
    def of(cls, window: PredictedWindow) -> Moment:
        """Return that of a predicted window."""
        until = window.end if window.until is None else window.until
        return cls(window.start, until, window.end + window.published - window.started, window.restarts)


class EventSpans:
    """Gathers the events of one camera's windows."""

    def __init__(self, events: Events, class_of: Mapping[str, int]) -> None:
        """events: which has taken no window yet. class_of: label → class of the truth; the others are OTHER."""
        self._events = events
        self._class_of = class_of
        self._ended: list[SaidSpan] = []

    def take(self, moment: Moment, evidence: NDArray[Any]) -> None:
        """Take the next window. evidence: of each label of the events."""
        self._note(self._events.take(evidence, moment.start, moment.until, moment.restarts, now=moment.said))

    def finish(self) -> tuple[SaidSpan, ...]:
        """Return the events of all windows; there is no other window after that."""
        self._note(self._events.finish())
        return tuple(self._ended)

    def _note(self, said: Sequence[Event]) -> None:
        for event in said:
            if event.state is EventState.ENDED:
                label = self._class_of.get(event.label, OTHER)
                self._ended.append(SaidSpan(event.label, label, event.start, event.end, event.said, self._events.now))


class Track:
    """Gathers the windows of one camera in one recording, in the order in which they ran, and the events they give."""

    def __init__(
        self,
        bag: str,
        camera: str,
        first: int,
        classes: Classes,
        labels: Sequence[str],
        settings: EventSettings = EventSettings(),
        smoothing: float = 0.0,
    ) -> None:
        """`first`: stamp of the recording's first image, nanoseconds. labels: of the network, in their order.

        settings, smoothing: see Events.
        """
        self._events = EventSpans(Events(labels, settings, smoothing), classes.of_output)
        self.bag, self.camera, self.first = bag, camera, first
        self._class_of = classes.of_output
        self._outputs: list[list[int]] = [[] for _ in classes.names]
        for label, index in classes.of_output.items():
            self._outputs[index].append(labels.index(label))
        self._rows: Table = np.zeros(64, row_type(len(classes.names)))
        self._count = 0

    @property
    def windows(self) -> Table:
        """A copy of the rows so far; the columns that `judge` fills are 0."""
        return self._rows[: self._count].copy()

    def events(self) -> tuple[SaidSpan, ...]:
        """Return the events of all windows; there is no other window after that."""
        return self._events.finish()

    def append(self, window: PredictedWindow) -> None:
        """Take the next window."""
        self._events.take(Moment.of(window), window.probabilities)
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        row = self._rows[self._count]
        self._count += 1
        row["start"], row["end"] = window.start, window.end
        row["started"], row["published"] = window.started, window.published
        row["restarts"], row["padded"] = window.restarts, window.padded
        row["distance"] = np.nan if window.distance is None else window.distance
        row["label"], row["score"] = sys.intern(window.hypotheses[0].label), window.hypotheses[0].score
        ranked = [self._class_of.get(hypothesis.label, OTHER) for hypothesis in window.hypotheses[:RANKED]]
        row["ranked"] = ranked + [NOTHING] * (RANKED - len(ranked))
        row["scores"] = [window.probabilities[outputs].sum(dtype=np.float64) for outputs in self._outputs]
