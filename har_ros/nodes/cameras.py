"""The cameras of an active node: added and removed as image_topics changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from rclpy.node import Node

from har_ros.frames.sampling import StreamSettings
from har_ros.nodes.camera import Camera
from har_ros.nodes.follower import Follower
from har_ros.nodes.output import Output
from har_ros.nodes.overlay import Overlay
from har_ros.nodes.worker import Subject
from har_ros.pipeline.annotate import overlay_topics
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scheduler import Scheduler


class Cameras:
    """A camera for each topic; all of them offer their windows to the same scheduler."""

    def __init__(
        self,
        node: Node,
        transport: str,
        recognizer: Recognizer,
        scheduler: Scheduler[Subject],
        output: Output,
        follower: Follower | None = None,
        whole: bool = True,
    ) -> None:
        """follower: who looks for people in the images. whole: whether whole images are recognised."""
        self._node = node
        self._transport = transport
        self._recognizer = recognizer
        self._scheduler = scheduler
        self._output = output
        self._follower = follower
        self._whole = whole
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
            self._scheduler.remove(self._cameras[topic])
        self._cameras = cameras
        for topic, camera in cameras.items():
            if camera.whole:
                camera.stream.configure(settings)
            camera.draw_on(overlays[topic])

    def _new(self, topic: str, settings: StreamSettings, undo: ExitStack) -> Camera:
        camera = Camera(
            self._node,
            topic,
            self._transport,
            stream=self._recognizer.stream(settings) if self._whole else None,
            scheduler=self._scheduler,
            output=self._output,
            labels=self._recognizer.labels,
            follower=self._follower,
        )
        undo.callback(camera.close)
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
