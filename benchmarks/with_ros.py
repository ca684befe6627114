"""What the node adds to the network: over topics, four cameras in a process of their own."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import rclpy
from ament_index_python.packages import get_package_prefix
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from har_ros.msg import ActionWindow
from har_ros.nodes import camera
from har_ros.nodes.actionnet import ActionNet
from har_ros.nodes.camera import Camera
from har_ros.nodes.conversions import camera_image, nanoseconds
from har_ros.nodes.video_source import default_topics
from har_ros.pixels import CameraImage
from har_ros.recognizer import Result
from inputs import CAMERAS, RATE, small_network
from without_ros import Row, bare

TOPICS = default_topics(CAMERAS)


@contextmanager
def program(executable: str, **parameters: object) -> Iterator[None]:
    """Run one of har_ros's executables as a process of its own."""
    command = [str(Path(get_package_prefix("har_ros"), "lib", "har_ros", executable)), "--ros-args"]
    for name, value in parameters.items():
        command += ["-p", f"{name}:={value}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def throughput(films: list[str], seconds: float) -> list[Row]:
    """Windows per second: the bare network, through topics, the bare network again."""
    before = bare(seconds / 2)
    through_topics, frame_rate = through_ros(films, seconds)
    after = bare(seconds / 2)
    network = (before + after) / 2
    return [
        ("windows per second, bare network", f"{network:.2f}", ""),
        ("windows per second, through ROS topics", f"{through_topics:.2f}", ""),
        ("images per second that arrived", f"{frame_rate:.1f} of {CAMERAS * RATE:.0f}", ""),
        ("through ROS topics / bare network", f"{through_topics / network:.2f}", "0.95"),
    ]


def through_ros(films: list[str], seconds: float) -> tuple[float, float]:
    """Return windows and images per second of the actionnet node, all cameras together."""
    windows: list[tuple[float, ActionWindow]] = []
    rclpy.init()
    node = rclpy.create_node("bench")
    node.create_subscription(
        ActionWindow, "actions/windows", lambda message: windows.append((time.perf_counter(), message)), 100
    )
    with program("actionnet", image_topics=TOPICS), program("video_source", videos=films):
        serve(node, lambda: len({message.image_topic for _, message in windows}) == CAMERAS, 120)
        windows.clear()
        serve(node, lambda: False, seconds)
    node.destroy_node()
    rclpy.shutdown()
    arrivals = [arrival for arrival, _ in windows]
    spans = [nanoseconds(message.window_end) - nanoseconds(message.window_start) for _, message in windows]
    frame_rate = (windows[0][1].frames - 1) / statistics.mean(spans) * 1e9
    return (len(windows) - 1) / (arrivals[-1] - arrivals[0]), CAMERAS * frame_rate


def serve(node: rclpy.node.Node, condition: Callable[[], bool], seconds: float) -> None:
    """Serve callbacks until the condition holds or the time is over."""
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:
        rclpy.spin_once(node, timeout_sec=0.1)


def latency(films: list[str], seconds: float, folder: Path) -> Row:
    """Time from the image callback to the publication on /actions, less the inference, of a network that keeps up."""
    began: dict[int, float] = {}
    took: list[float] = []

    def noted(message: Image) -> CameraImage:  # the callback's first act
        start = time.perf_counter()
        image = camera_image(message)
        began[image.stamp] = start
        return image

    class Measured(ActionNet):
        def _publish(self, source: Camera, result: Result) -> None:
            super()._publish(source, result)
            took.append(time.perf_counter() - began[result.end] - result.inference_time)

    rclpy.init()
    values = {"image_topics": TOPICS[:1], "model": str(small_network(folder))}
    node = Measured(parameter_overrides=[Parameter(name, value=value) for name, value in values.items()])
    with patch.object(camera, "camera_image", noted), program("video_source", videos=films[:1]):
        node.start()
        serve(node, lambda: False, seconds)
    node.stop()
    node.destroy_node()
    rclpy.shutdown()
    median, tail = np.percentile(np.array(took) * 1e3, [50, 95])
    return ("callback to /actions without inference, 95 %", f"{tail:.2f} ms (median {median:.2f})", "2 ms")
