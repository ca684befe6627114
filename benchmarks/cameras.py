"""Cameras without a cost of their own; see --help.

One image is sent over and over, or with a white square that moves, on each topic at its own moment, as unsynchronised
cameras do.
"""

from __future__ import annotations

import argparse
import os
import time

import cv2
import numpy as np
import rclpy
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image

from har_ros.nodes.conversions import header, image_message
from har_ros.nodes.middleware import keep_freed_memory
from har_ros.recordings.video import default_topics

PLACES = 4
"""Of what moves."""


def main() -> None:
    """Send images until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("rate", type=float, help="images per second of each")
    parser.add_argument("height", type=int)
    parser.add_argument("width", type=int)
    parser.add_argument("--as-installed", action="store_true", help="leave malloc as it is")
    parser.add_argument("--reliable", action="store_true")
    parser.add_argument("--picture", help="image file to show instead of noise")
    parser.add_argument("--moving", type=int, default=0, help="how many cameras show something that moves")
    parser.add_argument("--cores", type=lambda text: {int(core) for core in text.split(",")}, help="to run on: 2,3")
    options = parser.parse_args()
    if options.cores:
        os.sched_setaffinity(0, options.cores)
    if not options.as_installed:
        keep_freed_memory()
    rclpy.init()
    node = rclpy.create_node("cameras")
    qos = QoSProfile(depth=5) if options.reliable else qos_profile_sensor_data
    publishers = [node.create_publisher(Image, topic, qos) for topic in default_topics(options.number)]
    size = options.height, options.width
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    if options.picture:
        pixels[:] = cv2.resize(np.asarray(cv2.imread(options.picture), np.uint8), size[::-1])
    messages = []
    for place in range(PLACES):
        shown = pixels.copy()
        side = options.height // 10
        shown[side : 2 * side, (4 + place) * side : (5 + place) * side] = 255
        messages.append(image_message(shown if options.moving else pixels, "bgr8", header(0, "camera")))
    start, count = time.perf_counter(), 0
    while rclpy.ok():
        camera = count % options.number
        message = messages[count // options.number % PLACES if camera < options.moving else 0]
        message.header = header(time.time_ns(), "camera")
        publishers[camera].publish(message)
        count += 1
        time.sleep(max(0.0, start + count / (options.number * options.rate) - time.perf_counter()))


if __name__ == "__main__":
    main()
