"""A camera's images with its newest prediction drawn on them."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from har_ros.frames.compressed import AnyImage, decode_all
from har_ros.frames.pixels import to_rgb
from har_ros.nodes import topics
from har_ros.nodes.conversions import header, image_message
from har_ros.pipeline.annotate import annotate
from har_ros.pipeline.people import Person
from har_ros.pipeline.scores import Prediction


class Overlay:
    """Publishes annotated images, which are worth it only while they are `watched`.

    topic: as given; the publisher's may be remapped.
    """

    def __init__(self, node: Node, topic: str) -> None:
        """Raises ConfigurationError when the topic cannot be used."""
        self.topic = topic
        self._node = node
        self._publisher: Publisher = topics.publisher(node, Image, topic, QoSProfile(depth=1))

    @property
    def watched(self) -> bool:
        """Whether somebody subscribes to them."""
        return bool(self._publisher.get_subscription_count())

    def publish(self, image: AnyImage, said: Prediction | str | None, people: Sequence[Person] = ()) -> None:
        """Draw on the image who is seen, and what is said of all of it, see annotate. Raises ImageError."""
        pixels = to_rgb(decode_all(image))
        annotate(pixels, said, people)
        self._publisher.publish(image_message(pixels, "rgb8", header(image.stamp, image.frame_id)))

    def close(self) -> None:
        """End the topic."""
        self._node.destroy_publisher(self._publisher)
