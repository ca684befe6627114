"""What a server shows of the robot: the actionnet node's messages and annotated images, in the service's terms."""

from __future__ import annotations

import cv2
import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from har_ros.errors import error_text
from har_ros.frames.compressed import decode_all
from har_ros.frames.pixels import Pixels, to_rgb
from har_ros.frames.sampling import SECOND
from har_ros.msg import ActionEvent, ActionWindow, PersonWindow
from har_ros.nodes.conversions import nanoseconds
from har_ros.nodes.image_messages import Taken
from har_ros.nodes.images import LOG_PERIOD, ImageSubscription
from har_ros.service.channel import Channel
from har_ros.service.live.robot import Live

LOOK = 1.0
"""Seconds between two looks for cameras."""
IMAGE = "sensor_msgs/msg/Image"
ANNOTATED = "/actions_image"
"""How the topics of annotated images end."""
UNNAMED = "main-camera"
"""The camera whose topics have no namespace; no topic of ROS has a hyphen."""
QUALITY = 80
"""Of the JPEGs."""
QUEUE = QoSProfile(depth=100)
STATES = {ActionEvent.STARTED: "started", ActionEvent.GOING_ON: "going_on", ActionEvent.ENDED: "ended"}


class RobotView:
    """Feeds `live` on the node's thread. It subscribes to a camera's annotated image only while somebody watches."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._changed = node.create_guard_condition(self._subscribe)
        self.live = Live(self._changed.trigger)
        self._topics: dict[str, str] = {}  # of the annotated images, by camera
        self._watched: dict[str, ImageSubscription] = {}
        self._windows = node.create_subscription(ActionWindow, "actions/windows", self._on_window, QUEUE)
        node.create_subscription(PersonWindow, "actions/persons/windows", self._on_window, QUEUE)
        node.create_subscription(ActionEvent, "actions/events", self._on_event, QUEUE)
        node.create_timer(LOOK, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _look(self) -> None:
        """Find out who publishes what."""
        found = [
            name
            for name, types in self._node.get_topic_names_and_types()
            if name.endswith(ANNOTATED) and IMAGE in types and self._node.count_publishers(name)
        ]
        self._topics = {name.removesuffix(ANNOTATED).strip("/") or UNNAMED: name for name in sorted(found)}
        running = self._node.count_publishers(self._windows.topic_name) > 0
        self.live.set(running, list(self._topics))
        self._subscribe()

    def _subscribe(self) -> None:
        """Subscribe to what is watched, and to nothing else."""
        for name, camera in self.live.cameras.items():
            if camera.listeners and name in self._topics and name not in self._watched:
                self._watched[name] = self._subscription(camera, self._topics[name])
        for name in list(self._watched):
            if name not in self.live.cameras or not self.live.cameras[name].listeners:
                self._watched.pop(name).close()

    def _subscription(self, camera: Channel[bytes], topic: str) -> ImageSubscription:
        def show(messages: list[Taken]) -> None:
            for message in messages:
                try:
                    camera.put(jpeg(to_rgb(decode_all(subscription.read(message)))))
                except Exception as error:  # the next image may be fine
                    text = f"{topic}: {error_text(error)}"
                    self._node.get_logger().warning(text, throttle_duration_sec=LOG_PERIOD)

        subscription = ImageSubscription(self._node, topic, "raw", show)
        return subscription

    def _on_window(self, window: ActionWindow | PersonWindow) -> None:
        accepted = [one for one in window.hypotheses if one.score >= window.threshold]
        self.live.say(
            "window",
            {
                "camera": self._camera(window.image_topic),
                "person": getattr(window, "track_id", ""),
                "end": nanoseconds(window.window_end) / SECOND,
                "actions": [{"label": one.class_id, "score": round(one.score, 4)} for one in accepted],
            },
        )

    def _on_event(self, event: ActionEvent) -> None:
        self.live.say(
            "event",
            {
                "camera": self._camera(event.image_topic),
                "id": event.id,
                "person": event.track_id,
                "label": event.class_id,
                "state": STATES.get(event.state, ""),
                "start": nanoseconds(event.start) / SECOND,
                "end": nanoseconds(event.end) / SECOND,
                "score": round(event.score, 4),
                "said": nanoseconds(event.said) / SECOND,
            },
        )

    def _camera(self, topic: str) -> str:
        """Return the camera's name: the topic of its annotated images is beside its own, or below it."""
        below, beside = topic.strip("/"), topic.strip("/").rpartition("/")[0]
        return below if below in self._topics else beside or UNNAMED


def jpeg(pixels: Pixels) -> bytes:
    """Return an RGB image, uint8 H×W×3, as a JPEG."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return np.asarray(content).tobytes()
