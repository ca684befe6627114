"""What it costs to receive images and do nothing with them: bare_subscriptions.py NUMBER SECONDS.

Prints the milliseconds of CPU of an image in rclpy's own executor, of so many cameras.
"""

import sys
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from har_ros.nodes.middleware import keep_freed_memory
from har_ros.recordings.video import default_topics
from measure import SETTLED


def main() -> None:
    """Receive, and print."""
    number, seconds = int(sys.argv[1]), float(sys.argv[2])
    keep_freed_memory()
    rclpy.init()
    node = rclpy.create_node("bare_subscriptions")
    seen: list[None] = []
    for topic in default_topics(number):
        node.create_subscription(Image, topic, lambda message: seen.append(None), qos_profile_sensor_data)
    executor = SingleThreadedExecutor()
    executor.add_node(node)  # once: rclpy.spin_once does it for each image
    serve(executor, SETTLED)
    before, start = len(seen), time.thread_time()
    serve(executor, seconds)
    print((time.thread_time() - start) / max(1, len(seen) - before) * 1e3)
    rclpy.shutdown()


def serve(executor: SingleThreadedExecutor, seconds: float) -> None:
    """Receive for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=0.1)


if __name__ == "__main__":
    main()
