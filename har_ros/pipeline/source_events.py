"""The events of one source of images: of the whole image, and of each person in it."""

from __future__ import annotations

from dataclasses import dataclass

from har_ros.frames.sampling import SECOND
from har_ros.pipeline.configuration import event_settings
from har_ros.pipeline.events import UNSEEN, Event, Events
from har_ros.pipeline.recognition import ImageResult, Networks
from har_ros.pipeline.recognizer import Result


@dataclass
class _Person:
    """The events of a person, and the stamp of the newest image of them, in nanoseconds."""

    events: Events
    seen: int


class SourceEvents:
    """The events of one source. Give it the results of all its images."""

    def __init__(self, networks: Networks, unseen: float = UNSEEN) -> None:
        """unseen: see Events. Raises ConfigurationError when the parameters of the networks contradict each other."""
        labels = networks.recognizer.labels
        self._labels = networks.persons.recognizer.labels if networks.persons else ()
        self._settings = event_settings(networks.values, (*labels, *self._labels))
        self._smoothing: float = networks.values["smoothing"]
        self._timeout = round(networks.values["track_timeout"] * SECOND)
        self._unseen = unseen
        self._whole = Events(labels, self._settings, self._smoothing, unseen=unseen)
        self._persons: dict[str, _Person] = {}

    def take(self, result: ImageResult) -> list[Event]:
        """Take the next image's result. Returns what happened; what somebody did ends when they are forgotten."""
        said = take_result(self._whole, result.whole, result.stamp)
        for person in result.persons:
            if person.id not in self._persons:
                events = Events(self._labels, self._settings, self._smoothing, person.id, self._unseen)
                self._persons[person.id] = _Person(events, result.stamp)
            known = self._persons[person.id]
            known.seen = result.stamp
            said += take_result(known.events, person.result, result.stamp)
        gone = [name for name, known in self._persons.items() if abs(result.stamp - known.seen) > self._timeout]
        for name in gone:
            said += self._persons.pop(name).events.finish(result.stamp)
        return said

    def finish(self) -> list[Event]:
        """End all events: the source has ended. Returns what happened."""
        said = self._whole.finish()
        for known in self._persons.values():
            said += known.events.finish()
        self._persons.clear()
        return said


def take_result(events: Events, result: Result | None, now: int) -> list[Event]:
    """Let events take an answer, if there is one. now: stamp of the image with which it comes, nanoseconds.

    Returns what happened.
    """
    if result is None:
        return []
    return events.take(result.prediction.evidence, result.start, result.until, result.restarts, result.held, now)
