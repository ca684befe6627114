"""The cameras of an active node: added and removed as image_topics changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from rclpy.node import Node

from har_ros.frames.sampling import StreamSettings
from har_ros.nodes.camera import Camera
from har_ros.nodes.follower import Follower
from har_ros.nodes.output import Output
from har_ros.nodes.overlay import Overlay
from har_ros.nodes.worker import Subject
from har_ros.pipeline.annotate import overlay_topics
from har_ros.pipeline.scheduler import Scheduler
from har_ros.pipeline.stream import Stream

NewStream = Callable[[StreamSettings], Stream]


class Cameras:
    """A camera for each topic; all of them offer their windows to the same scheduler."""

    def __init__(
        self,
        node: Node,
        transport: str,
        new_stream: NewStream | None,
        labels: tuple[str, ...],
        output: Output,
    ) -> None:
        """new_stream: gives a camera's window; None: whole images are left out. labels: of the network."""
        self.scheduler: Scheduler[Subject] = Scheduler()
        self._node = node
        self._transport = transport
        self._new_stream = new_stream
        self._labels = labels
        self._output = output
        self._follower: Follower | None = None
        self._cameras: dict[str, Camera] = {}

    def __iter__(self) -> Iterator[Camera]:
        return iter(self._cameras.values())

    def __getitem__(self, topic: str) -> Camera:
        return self._cameras[topic]

    def set(self, topics: dict[str, str], settings: StreamSettings, overlay: bool) -> None:
        """Add and remove cameras to match these topics; the others continue.

        topics: full names → names as given, which rclpy remaps. settings: how all of them sample their frames;
        Recognizer.check has accepted them. overlay: whether they publish annotated images.
        Raises ConfigurationError when a topic cannot be used; then nothing has changed.
        """
        drawn_on = dict(zip(topics, overlay_topics(list(topics)), strict=True)) if overlay else {}
        cameras: dict[str, Camera] = {}
        overlays: dict[str, Overlay | None] = {}
        with ExitStack() as undo:
            for topic, given in topics.items():
                cameras[topic] = self._cameras.get(topic) or self._new(given, settings, undo)
                overlays[topic] = self._overlay(cameras[topic], drawn_on.get(topic), undo)
            undo.pop_all()  # nothing below can be refused
        for topic in self._cameras.keys() - topics.keys():
            self._cameras[topic].close()
            self.scheduler.remove(self._cameras[topic])
        self._cameras = cameras
        for topic, camera in cameras.items():
            if camera.whole:
                camera.stream.configure(settings)
            camera.draw_on(overlays[topic])

    def follow(self, follower: Follower) -> None:
        """Let it look for people in their images."""
        self._follower = follower
        for camera in self:
            camera.follow(follower)

    def _new(self, topic: str, settings: StreamSettings, undo: ExitStack) -> Camera:
        camera = Camera(
            self._node,
            topic,
            self._transport,
            stream=self._new_stream(settings) if self._new_stream else None,
            scheduler=self.scheduler,
            output=self._output,
            labels=self._labels,
        )
        undo.callback(camera.close)
        if self._follower is not None:
            camera.follow(self._follower)
        return camera

    def _overlay(self, camera: Camera, topic: str | None, undo: ExitStack) -> Overlay | None:
        """Return the camera's overlay when it is on that topic already, else a new one; no topic: none."""
        if topic is None:
            return None
        if camera.overlay is not None and camera.overlay.topic == topic:
            return camera.overlay
        overlay = Overlay(self._node, topic)
        undo.callback(overlay.close)
        return overlay

    def close(self) -> None:
        """Unsubscribe all."""
        for camera in self:
            camera.close()
        self._cameras = {}
