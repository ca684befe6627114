"""The publishers of the actionnet node."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.publisher import Publisher
from vision_msgs.msg import Classification, LabelInfo, VisionClass, VisionInfo

from har_ros.msg import ActionWindow
from har_ros.nodes import conversions, topics

QUEUE = 10
"""Results that wait for a slow subscriber."""
MOST_CLASSES = 1 << 16
"""What VisionClass.class_id can number."""


class Output:
    """The publishers of actions, their evidence, and what the classes are."""

    def __init__(self, node: Node) -> None:
        """Raises ConfigurationError when QoS overrides cannot work."""
        self._node = node
        self.actions: Publisher = topics.publisher(node, Classification, "actions", QUEUE)
        self.windows: Publisher = topics.publisher(node, ActionWindow, "actions/windows", QUEUE)
        self._labels: Publisher = topics.publisher(node, LabelInfo, "actions/label_info", topics.LATCHED)
        self._vision: Publisher = topics.publisher(node, VisionInfo, "actions/vision_info", topics.LATCHED)

    def describe(self, method: str, labels: tuple[str, ...], threshold: float) -> None:
        """Say which network it is, and what its classes are called, also to those who subscribe later."""
        header = conversions.header(self._node.get_clock().now().nanoseconds, "")
        classes = [VisionClass(class_id=i, class_name=label) for i, label in enumerate(labels[:MOST_CLASSES])]
        self._labels.publish(LabelInfo(header=header, class_map=classes, threshold=threshold))
        self._vision.publish(VisionInfo(header=header, method=method, database_location=self._labels.topic_name))
