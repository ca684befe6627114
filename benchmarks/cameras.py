"""Cameras without a cost of their own: `python cameras.py NUMBER RATE HEIGHT WIDTH [--as-installed] [--reliable]`.

One image is sent over and over, on each topic at its own moment, as unsynchronised cameras do.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import rclpy
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from har_ros.nodes.conversions import header, image_message
from har_ros.nodes.middleware import keep_freed_memory
from har_ros.recordings.video import default_topics


def main() -> None:
    """Send images until SIGTERM."""
    number, rate, height, width = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if "--as-installed" not in sys.argv:
        keep_freed_memory()
    rclpy.init()
    node = rclpy.create_node("cameras")
    qos = QoSProfile(depth=5) if "--reliable" in sys.argv else qos_profile_sensor_data
    publishers = [node.create_publisher(Image, topic, qos) for topic in default_topics(number)]
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    message = image_message(pixels, "bgr8", header(0, "camera"))
    start, count = time.perf_counter(), 0
    while rclpy.ok():
        message.header = header(time.time_ns(), "camera")
        publishers[count % number].publish(message)
        count += 1
        time.sleep(max(0.0, start + count / (number * rate) - time.perf_counter()))


if __name__ == "__main__":
    main()
