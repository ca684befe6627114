"""One image topic of the actionnet node: its window, its annotated images, its counters."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from har_ros.compressed import AnyImage, decode_all
from har_ros.errors import told
from har_ros.nodes import topics
from har_ros.nodes.conversions import camera_image, encoded_image, image_message
from har_ros.overlay import annotate, announce
from har_ros.pixels import to_rgb
from har_ros.recognizer import Stream
from har_ros.scores import Prediction

LOG_PERIOD = 5.0
"""Seconds between two warnings about the same camera."""

TRANSPORTS: dict[str, tuple[Any, str, Callable[[Any], AnyImage]]] = {
    "raw": (Image, "", camera_image),
    "compressed": (CompressedImage, "/compressed", encoded_image),
}
"""image_transport → the message's type, what the topic's name has behind it, and what reads the message."""


class Camera:
    """Subscribes to `topic` and fills `stream`; calls `window_ready` whenever a new full window stands there."""

    def __init__(
        self, node: Node, topic: str, transport: str, stream: Stream, window_ready: Callable[[Camera], None]
    ) -> None:
        """Raises ConfigurationError when the topic's QoS overrides cannot work."""
        self.stream = stream
        self.prediction: Prediction | None = None
        self.frames = 0
        self.frames_broken = 0
        self.frames_unstamped = 0
        self.windows = 0
        self.windows_failed = 0
        self.age = 0.0  # of the newest frame of the last result at its publication, seconds
        self.last_arrival: float | None = None  # of any image, monotonic seconds
        self.last_error = ""
        self.topic = topic
        self._node = node
        self._window_ready = window_ready
        self._next_warning = 0.0
        self._overlay: Publisher | None = None
        message_type, suffix, self._read = TRANSPORTS[transport]
        self.subscribed_topic = topic + suffix
        self.subscribed_type = f"sensor_msgs/msg/{message_type.__name__}"
        self._subscription: Subscription | None = topics.subscription(
            node, message_type, self.subscribed_topic, self._on_message, qos_profile_sensor_data
        )

    @property
    def frames_dropped(self) -> int:
        """Images that did not enter the window: broken, overtaken by a newer one, or sent twice."""
        return self.frames_broken + self.stream.frames_overtaken + self.stream.frames_repeated

    def draw_on(self, topic: str | None) -> None:
        """Publish annotated images there, or nowhere. Raises ConfigurationError."""
        if self._overlay is not None and self._overlay.topic_name != topic:
            self._node.destroy_publisher(self._overlay)
            self._overlay = None
        if topic is not None and self._overlay is None:
            self._overlay = topics.publisher(self._node, Image, topic, QoSProfile(depth=1))

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None  # else the two hold each other, and the window, until garbage is collected
        self.draw_on(None)

    def fail(self, text: str) -> None:
        """Take note that a window had no answer."""
        self.windows_failed += 1
        self.warn(f"no action for this window: {text}")

    def warn(self, text: str) -> None:
        """Keep the text as the last error, and log it unless there was a warning just now."""
        self.last_error = text
        if (now := time.monotonic()) >= self._next_warning:
            self._next_warning = now + LOG_PERIOD
            self._node.get_logger().warning(f"{self.topic}: {text}")

    def _on_message(self, message: Image | CompressedImage) -> None:
        self.last_arrival = time.monotonic()
        try:
            self._take(message)
        except Exception as error:  # the node outlives whatever an image provokes
            if not self._node.context.ok():
                return
            self.frames_broken += 1
            self.warn(f"{self.frames_broken} broken images so far, the last: {told(error)}")

    def _take(self, message: Image | CompressedImage) -> None:
        image = self._read(message)
        if image.stamp == 0:  # its driver does not stamp; the time of arrival is the best there is
            self.frames_unstamped += 1
            image = dataclasses.replace(image, stamp=self._node.get_clock().now().nanoseconds)
        if self.stream.push(image):
            self._window_ready(self)
        if self._overlay is not None and self._overlay.get_subscription_count():
            self._publish_overlay(image, message, self._overlay)
        self.frames += 1

    def _publish_overlay(self, image: AnyImage, message: Image | CompressedImage, overlay: Publisher) -> None:
        pixels = to_rgb(decode_all(image))
        if self.prediction is None or self.stream.fill < self.stream.length:
            announce(pixels, f"warming up {self.stream.fill}/{self.stream.length}")
        else:
            annotate(pixels, self.prediction)
        overlay.publish(image_message(pixels, "rgb8", message.header))
