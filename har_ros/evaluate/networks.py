"""The networks of an evaluation, and what measures how far windows are from what they were taught."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Protocol

from har_ros.evaluate.likeness import Likeness, open_likeness
from har_ros.frames.window import Clip
from har_ros.models.locate import find_model
from har_ros.pipeline.configuration import backend_settings, named_model
from har_ros.pipeline.following import PersonNetworks
from har_ros.pipeline.recognizer import Recognizer


class EvaluatedNetworks:
    """Close it with `with`; the recognizer that it was given stays.

    likeness: of the network for whole images, see open_likeness. persons: where people are followed.
    """

    def __init__(self, values: dict[str, Any], recognizer: Recognizer) -> None:
        """values: of the node's parameters. Raises HarError."""
        settings = backend_settings(values)
        self.recognizer = recognizer
        self.persons: PersonNetworks | None = None
        with ExitStack() as opened:
            self.likeness = open_likeness(named_model(values), recognizer.network, values["frames"], settings)
            _closed_with(opened, self.likeness)
            if values["persons"]:
                self.persons = opened.enter_context(PersonNetworks(values, recognizer))
            if self.persons is not None and not self.persons.shared:
                own = self.persons.recognizer
                likeness = open_likeness(find_model(values["persons_model"]), own.network, 0, settings)
                _closed_with(opened, likeness)
                self.persons.recognizer = compared(own, likeness)
            self._opened = opened.pop_all()

    def __enter__(self) -> EvaluatedNetworks:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()


class Networks(Protocol):
    """What evaluates a recording, see EvaluatedNetworks."""

    @property
    def recognizer(self) -> Recognizer:
        """That of the network for whole images."""

    @property
    def persons(self) -> PersonNetworks | None:
        """Those that follow people."""

    @property
    def likeness(self) -> Measuring | None:
        """What measures the windows of the recognizer."""


class Measuring(Protocol):
    """What measures windows, see Likeness."""

    def distance(self, clip: Clip, memory: Any) -> float | None:
        """Return how far a window is from what was taught, None where that is not measured."""


def compared(recognizer: Recognizer, likeness: Measuring | None) -> Recognizer:
    """Return a recognizer whose results say how far their windows are from what was taught, where that is known."""
    if likeness is None:
        return recognizer
    return Recognizer(recognizer.card, recognizer.labels, recognizer.network, likeness.distance)


def _closed_with(opened: ExitStack, likeness: Likeness | None) -> None:
    if likeness is not None:
        opened.callback(likeness.close)
