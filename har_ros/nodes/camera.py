"""One image topic of the actionnet node: its window, its annotated images, its counters."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from har_ros.errors import ImageError
from har_ros.nodes.conversions import camera_image, image_message
from har_ros.overlay import annotate, announce
from har_ros.pixels import CameraImage, to_rgb
from har_ros.recognizer import Stream
from har_ros.scores import Prediction

LOG_PERIOD = 5.0
"""Seconds between two warnings about the same camera."""


class Camera:
    """Subscribes to `topic` and fills `stream`; calls `window_ready` whenever a new full window stands there."""

    def __init__(
        self, node: Node, topic: str, overlay_topic: str, stream: Stream, window_ready: Callable[[Camera], None]
    ) -> None:
        self.topic = topic
        self.stream = stream
        self.prediction: Prediction | None = None
        self.frames = 0
        self.frames_broken = 0
        self.windows = 0
        self._window_ready = window_ready
        self._logger = node.get_logger()
        self._next_warning = 0.0
        self._overlay = node.create_publisher(Image, overlay_topic, QoSProfile(depth=1))
        node.create_subscription(Image, topic, self._on_image, qos_profile_sensor_data)

    @property
    def frames_dropped(self) -> int:
        """Images that did not enter the window because they were broken or overtaken by a newer one."""
        return self.frames_broken + self.stream.frames_overtaken

    def warn(self, text: str) -> None:
        """Log a warning about this camera, unless the last one was just now."""
        if (now := time.monotonic()) >= self._next_warning:
            self._next_warning = now + LOG_PERIOD
            self._logger.warning(f"{self.topic}: {text}")

    def _on_image(self, message: Image) -> None:
        try:
            image = camera_image(message)
            if self.stream.push(image):
                self._window_ready(self)
            if self._overlay.get_subscription_count():
                self._publish_overlay(image, message)
            self.frames += 1
        except ImageError as error:
            self.frames_broken += 1
            self.warn(f"{self.frames_broken} broken images so far, the last: {error}")

    def _publish_overlay(self, image: CameraImage, message: Image) -> None:
        pixels = to_rgb(image)
        if self.prediction is None or self.stream.fill < self.stream.length:
            announce(pixels, f"warming up {self.stream.fill}/{self.stream.length}")
        else:
            annotate(pixels, self.prediction)
        self._overlay.publish(image_message(pixels, "rgb8", message.header))
