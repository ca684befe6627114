"""`actionnet INPUT --persons`: who is in the frames, and what each of them does."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any

from har_ros.errors import ModelError
from har_ros.frames.pixels import CameraImage
from har_ros.pipeline.configuration import (
    open_estimator,
    open_person_recognizer,
    score_settings,
    stream_settings,
    track_settings,
)
from har_ros.pipeline.people import People, Person
from har_ros.pipeline.recognizer import Recognizer, Result


class PersonRecognition:
    """Follows the people of one source; close it with `with`."""

    def __init__(self, values: dict[str, Any], recognizer: Recognizer) -> None:
        """recognizer: used where persons_model is empty. Raises HarError."""
        self.present: tuple[Person, ...] = ()
        with ExitStack() as opened:
            self._estimator = opened.enter_context(open_estimator(values))
            own = bool(values["persons_model"])
            self._recognizer = opened.enter_context(open_person_recognizer(values)) if own else recognizer
            self._scores = score_settings(values, self._recognizer.labels, recognizer.labels)
            settings = stream_settings(values)
            self._recognizer.check(settings)
            self._people = People(self._recognizer, settings, track_settings(values))
            self._opened = opened.pop_all()

    def take(self, image: CameraImage) -> list[tuple[Person, Result]]:
        """Take the next frame. Returns of whom there is a new window, and what it shows. Raises HarError."""
        [poses] = self._estimator.estimate([image])
        if isinstance(poses, ModelError):
            raise poses
        sighting = self._people.update(image, poses)
        if sighting is None:
            return []
        self.present = sighting.present
        found = []
        for person in sighting.ready:
            [result] = self._recognizer.recognize([person.stream], self._scores)
            if isinstance(result, ModelError):
                raise result
            if result is not None:
                person.prediction = result.prediction
                found.append((person, result))
        return found

    def __enter__(self) -> PersonRecognition:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)
