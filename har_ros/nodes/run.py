"""Runs a node as a program: start, spin, stop; what goes wrong is one sentence and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable

import rclpy
from rclpy.exceptions import InvalidTopicNameException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.utilities import try_shutdown

from har_ros.errors import HarError


class Program(Node):
    """A node whose work begins with `start`, so that what hinders it can be reported."""

    def start(self) -> None:
        """Read the parameters and begin. Raises HarError when they cannot work."""

    def stop(self) -> None:
        """End the work, also one that did not start."""


def run(program: Callable[[], Program], arguments: list[str] | None = None) -> int:
    """Run the program until a signal or an error ends it. Returns the exit status."""
    try:
        rclpy.init(args=arguments)
    except RuntimeError as error:  # from rcl's parser: a malformed argument, a parameter file that is not there
        print(f"wrong ROS arguments: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    node = program()
    try:
        node.start()
        rclpy.spin(node)
    except (HarError, InvalidTopicNameException) as error:
        node.get_logger().fatal(" ".join(str(error).split()))
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.stop()
        node.destroy_node()
        try_shutdown()
    return 0
