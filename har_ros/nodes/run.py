"""Runs a node as a program: start, spin, stop; what goes wrong is one sentence and an exit status."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.executors import ExternalShutdownException
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.utilities import ok, try_shutdown

from har_ros.errors import HarError, error_text, of_file
from har_ros.nodes import middleware, signals
from har_ros.nodes.core_log import core_log_to
from har_ros.nodes.executor import ImageExecutor


class Program(Node):
    """A node whose work begins with `start`, so that what prevents it can be reported."""

    def start(self) -> None:
        """Read the parameters and begin. Raises HarError when they cannot work."""

    def stop(self) -> None:
        """End the work, also one that did not start."""


def run(program: Callable[[], Program], arguments: list[str] | None = None) -> int:
    """Run the program until a signal or an error ends it. Returns the exit status."""
    middleware.keep_freed_memory()
    profile = Path(get_package_share_directory("har_ros"), "config", "fastdds.xml")
    os.environ.update(middleware.shared_memory(profile))  # which the middleware reads when its context is made
    signals.handle()
    try:
        with signals.interruptible():  # rclpy heeds signals from its end on
            rclpy.init(args=arguments)
    except KeyboardInterrupt:
        try_shutdown()
        return 0
    except RuntimeError as error:  # from rcl's parser: a malformed argument, a parameter file that is not there
        print(f"wrong ROS arguments: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    status = _start_spin_stop(program)
    try_shutdown()
    signals.ignore()
    if threading.active_count() > 1:  # a network that hangs, or an engine's build
        os._exit(status)  # they would crash while Python's shutdown frees what they use
    return status


def _start_spin_stop(program: Callable[[], Program]) -> int:
    """Start, spin and stop the node, in a context of rclpy that a signal shuts down. Returns the exit status."""
    node: Program | None = None
    try:
        executor = ImageExecutor()  # before the start: it cannot be made once a signal has come
        node = program()
        with core_log_to(node):
            with signals.interruptible():
                node.start()
            rclpy.spin(node, executor)
    except (ExternalShutdownException, KeyboardInterrupt):
        pass
    except Exception as error:
        return _report(error, node)
    finally:
        if node is not None:
            _stop(node)
    return 0


def _report(error: Exception, node: Program | None) -> int:
    """Report what ended the program. Returns the exit status."""
    if (
        signals.came() or not ok()
    ):  # a signal came during the start, which then failed for want of a context or in the midst of an import
        return 0
    if isinstance(said := of_file(error), HarError):
        (node.get_logger() if node else get_logger("har_ros")).fatal(str(said))
        return 1
    traceback.print_exception(error)
    return 1


def _stop(node: Program) -> None:
    try:
        node.stop()
    except Exception as error:  # it ends all the same
        node.get_logger().error(f"the node did not stop cleanly: {error_text(error)}")
    node.destroy_node()
