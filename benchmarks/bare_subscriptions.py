"""What it costs to receive images and do nothing with them: bare_subscriptions.py NUMBER SECONDS.

Prints the milliseconds of CPU of an image in rclpy's own executor, of so many cameras.
"""

import sys
import time

import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from har_ros.nodes.middleware import keep_freed_memory
from har_ros.recordings.video import default_topics
from measure import SETTLED, serve


def main() -> None:
    """Receive, and print."""
    number, seconds = int(sys.argv[1]), float(sys.argv[2])
    keep_freed_memory()
    rclpy.init()
    node = rclpy.create_node("bare_subscriptions")
    seen: list[None] = []
    for topic in default_topics(number):
        node.create_subscription(Image, topic, lambda message: seen.append(None), qos_profile_sensor_data)
    serve(node, lambda: False, SETTLED)
    before, start = len(seen), time.thread_time()
    serve(node, lambda: False, seconds)
    print((time.thread_time() - start) / max(1, len(seen) - before) * 1e3)
    rclpy.shutdown()


if __name__ == "__main__":
    main()
