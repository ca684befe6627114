"""Lets the windows of cameras fill while their network is being loaded, which takes a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from rclpy.impl.implementation_singleton import rclpy_implementation

from har_ros.errors import HarError
from har_ros.nodes.cameras import Cameras

PERIOD = 0.02
"""Seconds between two looks for images, of which QUEUE wait."""


@contextmanager
def filling(cameras: Cameras) -> Iterator[None]:
    """Let their images be taken in the block, in which no executor may run the node. All of them have windows.

    What they count begins at its end: until then there is no network.

    An rclpy that is not as it was has them taken later, by its executor.
    """
    ended = Event()

    def fill() -> None:
        while not ended.wait(PERIOD):
            for camera in cameras:
                try:
                    camera.subscription.take_waiting()
                except (AttributeError, TypeError, HarError, rclpy_implementation.RCLError):
                    return  # the last two: at the context's end

    thread = Thread(target=fill, name="early images", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for camera in cameras:
            camera.begin()
