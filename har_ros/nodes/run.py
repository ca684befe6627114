"""Runs a node as a program: start, spin, stop; what goes wrong is one sentence and an exit status."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import rclpy
from ament_index_python.packages import get_package_share_directory
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.utilities import ok, try_shutdown

from har_ros.errors import HarError, told
from har_ros.nodes import middleware


class Program(Node):
    """A node whose work begins with `start`, so that what hinders it can be reported."""

    def start(self) -> None:
        """Read the parameters and begin. Raises HarError when they cannot work."""

    def stop(self) -> None:
        """End the work, also one that did not start."""


class _ToRos(logging.Handler):
    """Passes what the core logs on to the node's log."""

    def __init__(self, node: Node) -> None:
        super().__init__(logging.DEBUG)
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler. A call of rclpy's logger keeps its severity, so there is one for each."""
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)


def run(program: Callable[[], Program], arguments: list[str] | None = None) -> int:
    """Run the program until a signal or an error ends it. Returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)
    keep_freed_memory()
    profile = Path(get_package_share_directory("har_ros"), "config", "fastdds.xml")
    os.environ.update(middleware.shared_memory(profile))  # which the middleware reads when its context is made
    try:
        rclpy.init(args=arguments)
    except RuntimeError as error:  # from rcl's parser: a malformed argument, a parameter file that is not there
        print(f"wrong ROS arguments: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    node: Program | None = None
    status = 0
    core = logging.getLogger("har_ros")
    core.setLevel(logging.DEBUG)
    before = list(core.handlers)
    try:
        executor = SingleThreadedExecutor()  # before the start: it cannot be made once a signal has come
        node = program()
        core.addHandler(_ToRos(node))
        with interruptible():
            node.start()
        rclpy.spin(node, executor)
    except HarError as error:
        (node.get_logger() if node else get_logger("har_ros")).fatal(str(error))
        status = 1
    except (ExternalShutdownException, KeyboardInterrupt):
        pass
    except Exception:
        if ok():  # else a signal came during the start, which then failed for want of a context
            traceback.print_exc()
            status = 1
    core.handlers = before
    if node is not None:
        _end(node)
    try_shutdown()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # Python's end makes other handlers the default, which kills
    if threading.active_count() > 1:  # a network that hangs, or an engine's build
        os._exit(status)  # they would crash while Python takes down what they use
    return status


def _end(node: Program) -> None:
    try:
        node.stop()
    except Exception as error:  # it ends all the same
        node.get_logger().error(f"the node did not stop in order: {told(error)}")
    node.destroy_node()


_interruptible = False


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt in the block, which may take minutes.

    Elsewhere rclpy's own handler ends the spinning, and KeyboardInterrupt would strike anywhere, also while stopping.
    """
    global _interruptible
    before, _interruptible = _interruptible, True
    try:
        yield
    finally:
        _interruptible = before


def _on_signal(*_: object) -> None:
    global _interruptible
    if _interruptible:
        _interruptible = False
        raise KeyboardInterrupt


def keep_freed_memory() -> None:
    """Let malloc reuse the memory of one image for the next.

    As installed, glibc gives blocks of that size back to the kernel and gets them anew, zeroed page by page:
    3.6 ms of CPU per 640x480 message instead of 2.0 to 2.5. The options' numbers are those of glibc's malloc.h.
    """
    trim_threshold, mmap_threshold = -1, -3
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(mmap_threshold, middleware.MMAP_THRESHOLD)
    mallopt(trim_threshold, middleware.TRIM_THRESHOLD)
