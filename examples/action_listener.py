"""Your own node: it acts when someone has done something for a while.

    python3 examples/action_listener.py --ros-args -p action:=falling -p seconds:=2.0

It publishes a sentence on `action_held` once for each time, and warns when a camera gives no answers any more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import String
from vision_msgs.msg import Classification


@dataclass
class Camera:
    """What was last heard of a camera, by the clock and by its stamps, in seconds.

    since: stamp of the first answer in a row that names the action.
    """

    heard: float
    stamp: float
    since: float | None = None
    held: bool = False
    silent: bool = False


class ActionListener(Node):
    """Subscribes to `actions`; cameras are distinguished by the header's frame_id."""

    def __init__(self) -> None:
        super().__init__("action_listener")
        self._action = self.declare_parameter("action", "falling").value
        self._score = self.declare_parameter("score", 0.5).value  # least probability that counts
        self._seconds = self.declare_parameter("seconds", 2.0).value  # for which the action must go on
        self._patience = self.declare_parameter("patience", 5.0).value  # seconds without an answer: something is wrong
        self._cameras: dict[str, Camera] = {}
        self._held = self.create_publisher(String, "action_held", 10)
        self.create_subscription(Classification, "actions", self._on_answer, 10)
        self.create_timer(1.0, self._look_for_silence)

    def _on_answer(self, message: Classification) -> None:
        name, stamp = message.header.frame_id, Time.from_msg(message.header.stamp).nanoseconds / 1e9
        camera = self._cameras.setdefault(name, Camera(time.monotonic(), stamp))
        gap, camera.stamp = stamp - camera.stamp, stamp
        camera.heard, camera.silent = time.monotonic(), False
        # No results: the camera works, and nothing reached actionnet's threshold.
        best = message.results[0] if message.results else None
        if best is None or best.class_id != self._action or best.score < self._score:
            camera.since, camera.held = None, False
            return
        if camera.since is None or not 0 <= gap <= self._patience:  # after a gap it starts again
            camera.since, camera.held = stamp, False
        # The stamp is that of the image, so a busy machine does not make an action longer.
        if stamp - camera.since >= self._seconds and not camera.held:
            camera.held = True
            self._react(f"{name}: {self._action} for {stamp - camera.since:.1f} s")

    def _react(self, text: str) -> None:
        """Put here what the robot is to do."""
        self.get_logger().warning(text)
        self._held.publish(String(data=text))

    def _look_for_silence(self) -> None:
        for name, camera in self._cameras.items():
            silence = time.monotonic() - camera.heard
            if silence > self._patience and not camera.silent:
                camera.silent, camera.since, camera.held = True, None, False
                self.get_logger().warning(f"{name}: no answer for {silence:.0f} s; see /diagnostics for the reason")


def main() -> None:
    """Run the node until Ctrl-C."""
    try:
        rclpy.init()
        rclpy.spin(ActionListener())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:  # also when Ctrl-C came between two of rclpy's waits
        if rclpy.ok():
            raise


if __name__ == "__main__":
    main()
