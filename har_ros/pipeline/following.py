"""The people of one source, image by image: found, followed, and what each of them does; without ROS."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

from har_ros.errors import ConfigurationError, ModelError
from har_ros.frames.pixels import CameraImage
from har_ros.frames.spec import SkeletonSpec
from har_ros.pipeline.configuration import (
    file_stream_settings,
    person_stream_settings,
    score_settings,
    track_settings,
    whole_images,
)
from har_ros.pipeline.opening import open_estimator, open_person_recognizer
from har_ros.pipeline.people import People, Person, PersonResult
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.pipeline.scores import Prediction


class PersonNetworks:
    """The networks for people: one that finds them, one that says what they do. Close them with `with`.

    shared: whether the latter is also that for whole images: persons_model is empty, or these are left out.
    """

    def __init__(self, values: dict[str, Any], recognizer: Recognizer) -> None:
        """values: of the node's parameters. recognizer: see open_first_recognizer. Raises HarError."""
        with ExitStack() as opened:
            self.estimator = opened.enter_context(open_estimator(values))
            self.shared = not (values["persons_model"] and whole_images(values))
            self.recognizer = recognizer if self.shared else opened.enter_context(open_person_recognizer(values))
            if self.recognizer.network.step:
                remedy = "" if values["persons_model"] else "set continual to false, or "  # which is of the model
                raise ConfigurationError(
                    f"{self.recognizer.card.name} takes each frame once (continual), which people who come and go "
                    f"do not have; {remedy}give them another network with persons_model"
                )
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Free those that were opened here. One that cannot be freed does not keep the other."""
        self._opened.close()

    def __enter__(self) -> PersonNetworks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Following:
    """Follows the people of one source of images."""

    def __init__(
        self,
        networks: PersonNetworks,
        values: dict[str, Any],
        labels: tuple[str, ...],
        prefix: str = "",
        live: bool = False,
    ) -> None:
        """labels: of the network for whole images. prefix: see Tracker. live: see Networks.recognition.

        Raises ConfigurationError.
        """
        self._present: tuple[PersonResult, ...] = ()
        self._networks = networks
        self._scores = score_settings(values, networks.recognizer.labels, labels)
        settings = person_stream_settings(values)
        if not live and not isinstance(networks.recognizer.card.input, SkeletonSpec):
            settings = file_stream_settings(settings, networks.recognizer.network.length)
        networks.recognizer.check(settings)
        self._people = People(networks.recognizer, settings, track_settings(values), prefix)

    def take(self, image: CameraImage) -> tuple[PersonResult, ...]:
        """Take the next image. Returns who is in it; of one that came after a newer one, who was in that.

        Raises ImageError, and ModelError when a network fails.
        """
        [poses] = self._networks.estimator.estimate([image])
        if isinstance(poses, ModelError):
            raise poses
        sighting = self._people.update(image, poses)
        if sighting is None:
            return tuple(replace(person, result=None) for person in self._present)
        results = {person: self._recognize(person) for person in sighting.ready}
        nothing = Prediction((), self._scores.threshold)
        self._present = tuple(
            PersonResult(person.track, person.prediction or nothing, results.get(person)) for person in sighting.present
        )
        return self._present

    def _recognize(self, person: Person) -> Result | None:
        """Return what the person's newest window shows, None while it is filling. Raises ModelError."""
        [result] = self._networks.recognizer.recognize([person.stream], self._scores)
        if isinstance(result, ModelError):
            raise result
        if result is not None:
            person.prediction = result.prediction
        return result
