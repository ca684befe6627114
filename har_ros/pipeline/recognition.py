"""From images to results, for programs without ROS: what is done in each image, and who does what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from har_ros.errors import ModelError
from har_ros.frames.compressed import AnyImage, decode_all
from har_ros.pipeline.configuration import (
    file_stream_settings,
    parameter_values,
    score_settings,
    stream_settings,
    whole_images,
)
from har_ros.pipeline.following import Following, PersonNetworks
from har_ros.pipeline.opening import open_first_recognizer
from har_ros.pipeline.people import PersonResult
from har_ros.pipeline.recognizer import Result
from har_ros.settings import ACTIONNET


@dataclass(frozen=True)
class ImageResult:
    """What is known after an image.

    stamp: of the image, in nanoseconds. whole: what the whole image shows, the answer to the window that ends with it;
    None while the window is filling, has fewer new images than the stride, or where whole images are left out. persons:
    who is in the image; nobody where people are not followed.
    """

    stamp: int
    whole: Result | None
    persons: tuple[PersonResult, ...]


class Networks:
    """The networks for whole images and, where people are followed, for people. Close them with `with`.

    recognizer: for whole images; where these are left out, the same as that for people.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        """values: of all the node's parameters. Raises HarError."""
        self.values = values
        with ExitStack() as opened:
            self.recognizer = opened.enter_context(open_first_recognizer(values))
            self.persons = opened.enter_context(PersonNetworks(values, self.recognizer)) if values["persons"] else None
            self._opened = opened.pop_all()

    @classmethod
    def open(cls, model: str, **parameters: Any) -> Networks:
        """Load the networks and try each once. Raises HarError.

        model: a card's name, or the path of a card, of its folder, or of a network file; none: only people are
        recognised. parameters: the node's, by name: persons=True, frames=16, threshold=0.3. They are checked as the
        node checks them.
        """
        floats = {row.name for row in ACTIONNET if isinstance(row.default, float)}
        given = {name: float(value) if name in floats else value for name, value in parameters.items()}
        return cls(parameter_values({"model": model, "max_batch": 1, **given}))

    def results(self, images: Iterable[AnyImage]) -> Iterator[ImageResult]:
        """Yield a result for each image of one source. Raises ImageError, and ModelError when a network fails."""
        yield from map(self.recognition().take, images)

    def recognition(self, prefix: str = "", live: bool = False) -> Recognition:
        """Return what takes the images of another source. Raises ConfigurationError when the parameters do not fit.

        prefix: of the ids of its people; empty: a random one. live: it is a camera, whose newest window counts.
        """
        return Recognition(self, prefix, live)

    def close(self) -> None:
        """Free the networks."""
        self._opened.close()

    def __enter__(self) -> Networks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Recognition:
    """One source of images.

    whole: whether its whole images are recognised, or only people. stream: their window, which is not used otherwise.
    """

    def __init__(self, networks: Networks, prefix: str, live: bool) -> None:
        """Use Networks.recognition. Raises ConfigurationError when the parameters do not fit the networks."""
        values, self._recognizer, persons = networks.values, networks.recognizer, networks.persons
        self.settings = stream_settings(values)
        self.whole = whole_images(values)
        if not live:
            self.settings = file_stream_settings(self.settings, self._recognizer.network.length)
        self.stream = self._recognizer.stream(self.settings)
        labels = self._recognizer.labels
        self._scores = score_settings(values, labels, persons.recognizer.labels if persons else ())
        self._following = Following(persons, values, labels, prefix, live) if persons else None

    def take(self, image: AnyImage, newest: bool = True) -> ImageResult:
        """Take the next image.

        newest: whether the network for whole images runs, else the image only enters the window: newer ones wait.
        Raises ImageError, and ModelError when a network fails; the next image may be fine.
        """
        if self._following is None:
            return ImageResult(image.stamp, self.take_whole(image, newest), ())
        decoded = decode_all(image)  # once
        return ImageResult(decoded.stamp, self.take_whole(decoded, newest), self._following.take(decoded))

    def take_whole(self, image: AnyImage, newest: bool = True) -> Result | None:
        """Take the next image as `take` does, but look for nobody in it."""
        if not (self.whole and self.stream.push(image) and newest):
            return None
        [result] = self._recognizer.recognize([self.stream], self._scores)
        if isinstance(result, ModelError):
            raise result
        return result
