"""Runs a node as a program: start, spin, stop; what goes wrong is one sentence and an exit status."""

from __future__ import annotations

import ctypes
import logging
import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.utilities import ok, try_shutdown

from har_ros.errors import HarError


class Program(Node):
    """A node whose work begins with `start`, so that what hinders it can be reported."""

    def start(self) -> None:
        """Read the parameters and begin. Raises HarError when they cannot work."""

    def stop(self) -> None:
        """End the work, also one that did not start."""


class _ToRos(logging.Handler):
    """Passes what the core logs on to the node's log."""

    def __init__(self, node: Node) -> None:
        super().__init__(logging.INFO)
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler. A call of rclpy's logger keeps its severity, so there is one for each."""
        text = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


def run(program: Callable[[], Program], arguments: list[str] | None = None) -> int:
    """Run the program until a signal or an error ends it. Returns the exit status."""
    interrupt = _Interrupt()
    signal.signal(signal.SIGINT, interrupt)
    _keep_freed_memory()
    try:
        rclpy.init(args=arguments)
    except RuntimeError as error:  # from rcl's parser: a malformed argument, a parameter file that is not there
        print(f"wrong ROS arguments: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    node: Program | None = None
    core = logging.getLogger("har_ros")
    core.setLevel(logging.INFO)
    before = list(core.handlers)
    try:
        executor = SingleThreadedExecutor()  # before the start: it cannot be made once a signal has come
        node = program()
        core.addHandler(_ToRos(node))
        interrupt.ends_the_start = True
        node.start()
        interrupt.ends_the_start = False
        rclpy.spin(node, executor)
    except HarError as error:
        get_logger(node.get_name() if node else "har_ros").fatal(str(error))
        return 1
    except (ExternalShutdownException, KeyboardInterrupt):
        pass
    except Exception:
        if ok():
            raise  # else a signal came during the start, which then failed for want of a context
    finally:
        core.handlers = before
        if node is not None:
            node.stop()
            node.destroy_node()
        try_shutdown()
    return 0


class _Interrupt:
    """What Ctrl-C does beside rclpy's own handler, which ends the spinning.

    It ends a start, which may take minutes; at any other time KeyboardInterrupt would strike anywhere, also while
    stopping.
    """

    ends_the_start = False

    def __call__(self, *_: object) -> None:
        if self.ends_the_start:
            self.ends_the_start = False
            raise KeyboardInterrupt


def _keep_freed_memory() -> None:
    """Let malloc reuse the memory of one image for the next.

    As installed, glibc gives blocks of that size back to the kernel and gets them anew, zeroed page by page:
    3.6 ms of CPU per 640x480 message instead of 2.0 to 2.5. The constants are those of glibc's malloc.h.
    """
    trim_threshold, mmap_threshold = -1, -3
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(mmap_threshold, 32 << 20)  # the most that every glibc accepts
    mallopt(trim_threshold, 512 << 20)
