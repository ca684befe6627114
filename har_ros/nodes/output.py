"""What the node publishes of its results."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.publisher import Publisher
from vision_msgs.msg import Classification, LabelInfo, VisionClass, VisionInfo

from har_ros.msg import ActionWindow
from har_ros.nodes import conversions, topics
from har_ros.nodes.camera import Camera
from har_ros.pipeline.recognizer import Result

QUEUE = 10
"""Results that wait for a slow subscriber."""
MOST_CLASSES = 1 << 16
"""What VisionClass.class_id can number."""


class Output:
    """The publishers of actions, their evidence, and what the classes are."""

    def __init__(self, node: Node) -> None:
        """Raises ConfigurationError when QoS overrides cannot work."""
        self._node = node
        self._actions: Publisher = topics.publisher(node, Classification, "actions", QUEUE)
        self._windows: Publisher = topics.publisher(node, ActionWindow, "actions/windows", QUEUE)
        self._labels: Publisher = topics.publisher(node, LabelInfo, "actions/label_info", topics.LATCHED)
        self._vision: Publisher = topics.publisher(node, VisionInfo, "actions/vision_info", topics.LATCHED)

    def describe(self, method: str, labels: tuple[str, ...], threshold: float) -> None:
        """Say which network it is, and what its classes are called, also to those who subscribe later."""
        header = conversions.header(self._node.get_clock().now().nanoseconds, "")
        classes = [VisionClass(class_id=i, class_name=label) for i, label in enumerate(labels[:MOST_CLASSES])]
        self._labels.publish(LabelInfo(header=header, class_map=classes, threshold=threshold))
        self._vision.publish(VisionInfo(header=header, method=method, database_location=self._labels.topic_name))

    def publish(self, camera: Camera, result: Result) -> None:
        """Publish the result, and keep it for the camera's annotated images."""
        header = conversions.header(result.end, result.frame_id)
        prediction = result.prediction
        self._actions.publish(conversions.classification(header, prediction.accepted))
        age = self._node.get_clock().now().nanoseconds - result.end
        self._windows.publish(
            ActionWindow(
                header=header,
                image_topic=camera.topic,
                window_start=conversions.time_message(result.start),
                window_end=header.stamp,
                frames=result.frames,
                hypotheses=conversions.object_hypotheses(prediction.hypotheses),
                threshold=prediction.threshold,
                inference_time=conversions.duration_message(round(result.inference_time * conversions.SECOND)),
                age=conversions.duration_message(age),
                windows_dropped=camera.stream.windows_dropped,
                frames_dropped=camera.frames_dropped,
            )
        )
        camera.succeed(prediction, age / conversions.SECOND)
