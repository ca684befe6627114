"""Looks for people in the cameras' images, follows them, and publishes who is seen and what they do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock

from rclpy.node import Node

from har_ros.errors import ModelError, error_text
from har_ros.frames.compressed import AnyImage, decode_all
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.msg import PersonWindow
from har_ros.nodes import conversions
from har_ros.nodes.events import EventsOutput, StreamEvents
from har_ros.nodes.humans import Bodies
from har_ros.nodes.images import LOG_PERIOD
from har_ros.nodes.network_thread import NetworkThread
from har_ros.nodes.output import PersonsOutput
from har_ros.nodes.persons import Persons
from har_ros.nodes.worker import Subject
from har_ros.persons.poses import Poses
from har_ros.persons.tracks import TrackSettings
from har_ros.pipeline.people import People, Person
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.scheduler import Scheduler
from har_ros.pipeline.stream import Stream

Draw = Callable[[AnyImage, Sequence[Person]], None]


class Follower(NetworkThread["Watch"]):
    """Gives the pose network the cameras' newest images, beside the worker's thread."""

    def __init__(
        self,
        persons: Persons,
        scheduler: Scheduler[Subject],
        streams: StreamSettings,
        tracking: TrackSettings,
        events: EventsOutput,
    ) -> None:
        """scheduler: of the worker that runs the network for what people do. The settings may change while it runs."""
        self.waiting: Scheduler[Watch] = Scheduler()
        estimator = persons.networks.estimator
        super().__init__("poses", self.waiting, estimator.backend, persons.estimator_lock)
        self.recognizer = persons.networks.recognizer
        self.scheduler = scheduler
        self.output = persons.output
        self.humans = persons.humans
        self.events = events
        self.streams = streams
        self.tracking = tracking
        self._estimator = estimator

    def _serve(self, turn: list[Watch]) -> None:
        for watch, image, poses in self._look(turn):
            if self._stopped:
                return
            try:
                watch.see(image, poses)
            except Exception as error:  # no image may end the thread
                watch.fail(error)

    def _look(self, watches: Sequence[Watch]) -> list[tuple[Watch, CameraImage, Poses | ModelError]]:
        """Return the images and who is in them; those that cannot be read are reported."""
        given: list[tuple[Watch, CameraImage]] = []
        for watch in watches:
            try:
                if (image := watch.take()) is not None:
                    given.append((watch, image))
            except Exception as error:
                watch.fail(error)
        if len(given) > 1:  # together, unless that fails: then each has its own reason
            with suppress(Exception), self._running():
                found = self._estimator.estimate([image for _, image in given])
                return [(*pair, poses) for pair, poses in zip(given, found, strict=True)]
        return [(watch, image, self._poses(image)) for watch, image in given]

    def _poses(self, image: CameraImage) -> Poses | ModelError:
        try:
            with self._running():
                [poses] = self._estimator.estimate([image])
            return poses
        except Exception as error:  # no backend's error may end the thread
            return ModelError(error_text(error))


class Watch:
    """The people of one camera."""

    def __init__(self, node: Node, topic: str, follower: Follower, draw: Draw) -> None:
        """topic: the camera's full name. draw: called with each image and who is in it."""
        self.people: tuple[Person, ...] = ()  # in the newest image
        self.frames = 0
        self.frames_dropped = 0  # that a newer one replaced before the pose network was free
        self.frames_failed = 0
        self.windows_failed = 0
        self.image_error, self.window_error = "", ""  # empty as soon as the next one is fine
        self._node = node
        self._topic = topic
        self._follower = follower
        self._draw = draw
        self._people = People(follower.recognizer, follower.streams, follower.tracking)
        self._followed: dict[Person, Followed] = {}
        self._bodies = Bodies(follower.humans) if follower.humans is not None else None
        self._newest: AnyImage | None = None
        self._lock = Lock()
        self._next_warning = 0.0
        self._closed = False

    @property
    def last_error(self) -> str:
        """What is wrong with people's windows, or with finding people; empty: both are fine."""
        return self.window_error or self.image_error

    @property
    def ignored(self) -> int:
        """Poses for which there was no room."""
        return self._people.tracker.ignored

    def offer(self, image: AnyImage) -> None:
        """Take the camera's next image; it waits for its turn unless a newer one comes."""
        with self._lock:
            self.frames_dropped += self._newest is not None
            self._newest = image
        self._follower.waiting.offer(self)

    def take(self) -> CameraImage | None:
        """Return the image that waits, decoded; None when a turn before took it. Raises ImageError."""
        with self._lock:
            image, self._newest = self._newest, None
        return None if image is None else decode_all(image)

    def see(self, image: CameraImage, poses: Poses | ModelError) -> None:
        """Follow who was found, and publish it. Raises ImageError."""
        if isinstance(poses, ModelError):
            self.fail(poses)
            self._draw(image, ())
            return
        self._people.settings, self._people.tracker.settings = self._follower.streams, self._follower.tracking
        sighting = self._people.update(image, poses)
        if sighting is None or self._closed:
            return
        self.people = sighting.present
        for person in sighting.gone:
            if followed := self._followed.pop(person, None):
                self._follower.scheduler.remove(followed)
                followed.events.close()
        for person in sighting.ready:
            if person not in self._followed:
                labels = self._follower.recognizer.labels
                events = StreamEvents(self._follower.events, self._topic, labels, person.track.id)
                self._followed[person] = Followed(self._node, self._topic, person, self, self._follower.output, events)
            self._follower.scheduler.offer(self._followed[person])
        self.frames += 1
        self.image_error = ""
        self._follower.output.publish(image, self.people)
        if self._bodies is not None:
            self._bodies.publish(image, self.people, self._people.tracker.ids())
        self._draw(image, self.people)

    def fail(self, error: Exception) -> None:
        """Take note that nobody can be followed in an image."""
        self.frames_failed += 1
        self.image_error = f"nobody is followed: {error_text(error)}"
        self._warn(self.image_error)

    def fail_window(self, text: str) -> None:
        """Take note that a person's window had no answer."""
        self.windows_failed += 1
        self.window_error = f"no action for this person: {text}"
        self._warn(self.window_error)

    def _warn(self, text: str) -> None:
        """Log the text unless there was a warning just now, or the camera or the node is gone."""
        if self._closed or not self._node.context.ok():
            return
        if (now := time.monotonic()) >= self._next_warning:
            self._next_warning = now + LOG_PERIOD
            self._node.get_logger().warning(f"{self._topic}: {text}")

    def end_events(self) -> None:
        """End what the people do: no images come at present."""
        for followed in list(self._followed.values()):
            followed.events.pause()

    def close(self) -> None:
        """Forget the camera's people."""
        self._closed = True
        self._follower.waiting.remove(self)
        for followed in list(self._followed.values()):
            self._follower.scheduler.remove(followed)
            followed.events.close()
        if self._bodies is not None:
            self._bodies.close()


class Followed:
    """A person as the worker sees one. events: of what the person does."""

    def __init__(
        self, node: Node, topic: str, person: Person, watch: Watch, output: PersonsOutput, events: StreamEvents
    ) -> None:
        self.events = events
        self._node = node
        self._topic = topic
        self._person = person
        self._watch = watch
        self._output = output

    @property
    def stream(self) -> Stream:
        """The person's window."""
        return self._person.stream

    def succeed(self, result: Result) -> None:
        """Publish the evidence of what the person does; /actions/persons says it with the next image."""
        person, track = self._person, self._person.track
        person.prediction, self._watch.window_error = result.prediction, ""
        header = conversions.header(result.end, result.frame_id)
        age = self._node.get_clock().now().nanoseconds - result.end
        self._output.windows.publish(
            PersonWindow(
                image_topic=self._topic,
                track_id=track.id,
                keypoint_confidence=float(track.keypoints[:, 2].mean()),
                seen=track.seen,
                windows_dropped=person.stream.windows_dropped,
                **conversions.evidence(header, result, age),
            )
        )
        self.events.take(result)

    def fail(self, text: str) -> None:
        """Take note that a window of the person had no answer."""
        self._watch.fail_window(text)
