"""The people in one camera's images: who they are, and a stream of each, as if each had a camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.skeletons import SkeletonFrame
from har_ros.frames.window import Frame
from har_ros.persons.crops import Square
from har_ros.persons.poses import Poses
from har_ros.persons.tracks import Track, Tracker, TrackSettings
from har_ros.pipeline.recognizer import Recognizer, Result
from har_ros.pipeline.scores import Prediction
from har_ros.pipeline.stream import Stream


class Person:
    """Somebody who is followed. track: in the newest image of them. prediction: what was said of them last."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.prediction: Prediction | None = None
        self.square = Square()
        self.track: Track


@dataclass(frozen=True)
class PersonResult:
    """Somebody in an image, and what they do.

    prediction: what was said of the person last; its `accepted` actions are best first, and none while nothing is
    recognised yet or nothing reaches the threshold. result: the answer to the person's window that ends with this
    image, None when there is no new one.
    """

    track: Track
    prediction: Prediction
    result: Result | None

    @property
    def id(self) -> str:
        """The person's track: unique over cameras and restarts, the same as long as the person is followed."""
        return self.track.id

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in pixels of the image, smoothed over time."""
        return self.track.box

    @property
    def keypoints(self) -> NDArray[Any]:
        """COCO's 17 joints: float32 17×3, x and y in pixels of the image, confidence from 0 to 1."""
        return self.track.keypoints

    @property
    def confidence(self) -> float:
        """How sure the pose network is of the person, from 0 to 1."""
        return self.track.score


@dataclass(frozen=True)
class Sighting:
    """Who is in an image, of whom there is a new window, and who will not come back."""

    present: tuple[Person, ...]
    ready: tuple[Person, ...]
    gone: tuple[Person, ...]


class People:
    """Follows the people of one camera, and lets their streams take what the recognizer's network needs of them."""

    def __init__(
        self, recognizer: Recognizer, settings: StreamSettings, tracking: TrackSettings, prefix: str = ""
    ) -> None:
        """Recognizer.check has accepted the settings, which may change; they count from the next image on.

        prefix: see Tracker.
        """
        self.settings = settings
        self.tracker = Tracker(tracking, prefix)
        self._recognizer = recognizer
        self._persons: dict[str, Person] = {}

    def update(self, image: CameraImage, poses: Poses) -> Sighting | None:
        """Take the camera's next image and who was found in it; None for an image that came after a newer one.

        Raises ImageError.
        """
        tracks = self.tracker.update(image.stamp, poses)
        if tracks is None:
            return None
        present, ready = [], []
        for track in tracks:
            if track.id not in self._persons:
                self._persons[track.id] = Person(self._recognizer.stream(self.settings))
            person = self._persons[track.id]
            person.stream.configure(self.settings)
            person.track = track
            present.append(person)
            if person.stream.push(self._frame(person, image)):
                ready.append(person)
        left = self._persons.keys() - self.tracker.ids()
        return Sighting(tuple(present), tuple(ready), tuple(self._persons.pop(name) for name in left))

    def _frame(self, person: Person, image: CameraImage) -> Frame:
        """Return what the network takes of a person: the joints, or a square of the image."""
        if self._recognizer.card.kind == "sequence":
            return SkeletonFrame(person.track.keypoints, image.size, image.stamp, image.frame_id)
        return person.square.around(image, person.track.box)
