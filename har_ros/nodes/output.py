"""The publishers of the actionnet node."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node
from rclpy.publisher import Publisher
from vision_msgs.msg import Classification, Detection2DArray, LabelInfo, VisionClass, VisionInfo

from har_ros.frames.compressed import AnyImage
from har_ros.msg import ActionWindow, PersonWindow
from har_ros.nodes import conversions, topics
from har_ros.nodes.events import EventsOutput
from har_ros.pipeline.people import Person

QUEUE = 10
"""Results that wait for a slow subscriber."""
MOST_CLASSES = 1 << 16
"""What VisionClass.class_id can number."""


class Output:
    """The publishers of actions, of their evidence, of events, and of the classes."""

    def __init__(self, node: Node) -> None:
        """Raises ConfigurationError when QoS overrides cannot work."""
        self._node = node
        self.actions: Publisher = topics.publisher(node, Classification, "actions", QUEUE)
        self.windows: Publisher = topics.publisher(node, ActionWindow, "actions/windows", QUEUE)
        self.events = EventsOutput(node)
        self._labels: Publisher = topics.publisher(node, LabelInfo, "actions/label_info", topics.LATCHED)
        self._vision: Publisher = topics.publisher(node, VisionInfo, "actions/vision_info", topics.LATCHED)

    def describe(self, method: str, labels: tuple[str, ...], threshold: float) -> None:
        """Publish the network's name and its classes, also for later subscribers."""
        header = conversions.header(self._node.get_clock().now().nanoseconds, "")
        classes = [VisionClass(class_id=i, class_name=label) for i, label in enumerate(labels[:MOST_CLASSES])]
        self._labels.publish(LabelInfo(header=header, class_map=classes, threshold=threshold))
        self._vision.publish(VisionInfo(header=header, method=method, database_location=self._labels.topic_name))


class PersonsOutput:
    """The publishers of who is seen and what they do, with the evidence."""

    def __init__(self, node: Node) -> None:
        """Raises ConfigurationError when QoS overrides cannot work."""
        self._node = node
        self._persons: Publisher = topics.publisher(node, Detection2DArray, "actions/persons", QUEUE)
        self.windows: Publisher = topics.publisher(node, PersonWindow, "actions/persons/windows", QUEUE)

    def publish(self, image: AnyImage, persons: Sequence[Person]) -> None:
        """Say who is in an image; nobody, too, so that silence means trouble."""
        header = conversions.header(image.stamp, image.frame_id)
        detections = [
            conversions.detection(header, person.track, person.prediction.accepted if person.prediction else ())
            for person in persons
        ]
        self._persons.publish(Detection2DArray(header=header, detections=detections))

    def close(self) -> None:
        """End the topics."""
        self._node.destroy_publisher(self._persons)
        self._node.destroy_publisher(self.windows)
