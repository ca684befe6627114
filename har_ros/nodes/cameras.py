"""The cameras of an active node: they come and go as image_topics says."""

from __future__ import annotations

from collections.abc import Iterator

from rclpy.node import Node

from har_ros.errors import HarError
from har_ros.frames.sampling import StreamSettings
from har_ros.nodes.camera import Camera
from har_ros.pipeline.overlay import overlay_topics
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scheduler import Scheduler


class Cameras:
    """A camera for each topic; all of them offer their windows to the same scheduler."""

    def __init__(
        self, node: Node, transport: str, recognizer: Recognizer, settings: StreamSettings, scheduler: Scheduler[Camera]
    ) -> None:
        self._node = node
        self._transport = transport
        self._recognizer = recognizer
        self._settings = settings
        self._scheduler = scheduler
        self._cameras: dict[str, Camera] = {}

    def __iter__(self) -> Iterator[Camera]:
        return iter(self._cameras.values())

    def __getitem__(self, topic: str) -> Camera:
        return self._cameras[topic]

    def set(self, topics: dict[str, str], overlay: bool) -> None:
        """Add and remove cameras until these are there; the others go on.

        topics: full names → names as given, which rclpy remaps. overlay: whether they publish annotated images.
        Raises ConfigurationError when a new one cannot be made; then nothing has changed.
        """
        overlays = dict(zip(topics, overlay_topics(list(topics)), strict=True)) if overlay else {}
        added: dict[str, Camera] = {}
        try:
            for topic, given in topics.items():
                if topic not in self._cameras:
                    stream = self._recognizer.stream(self._settings)
                    added[topic] = Camera(self._node, given, self._transport, stream, self._scheduler)
                    added[topic].draw_on(overlays.get(topic))
        except HarError:
            for camera in added.values():
                camera.close()
            raise
        for topic in self._cameras.keys() - topics.keys():
            self._cameras[topic].close()
            self._scheduler.remove(self._cameras[topic])
        self._cameras = {topic: self._cameras.get(topic) or added[topic] for topic in topics}
        for camera in self:
            camera.draw_on(overlays.get(camera.topic))

    def configure(self, settings: StreamSettings) -> None:
        """Let all cameras, and those that come, sample their frames so. Raises ConfigurationError."""
        self._settings = settings
        for camera in self:
            camera.stream.configure(settings)

    def close(self) -> None:
        """Unsubscribe all."""
        for camera in self:
            camera.close()
        self._cameras = {}
