"""Cameras that send what cameras send on a bad day."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from har_ros.frames.sampling import SECOND
from har_ros.nodes.conversions import header, image_message
from inputs import RATE, frames_of


class FaultyCamera:
    """Sends a film's frames, and a fault about every few seconds."""

    def __init__(self, node: Node, topic: str, film: str, counts: Counter[str], seed: int) -> None:
        self._node, self._topic, self._counts = node, topic, counts
        self._random = random.Random(seed)
        self._publisher = node.create_publisher(Image, topic, qos_profile_sensor_data)
        name = topic.split("/")[1]
        self._messages = [image_message(frame, "bgr8", header(0, name)) for frame in frames_of(film)]
        self._index: int = 0
        self._silent_until: float = 0.0
        self._killed: bool = False
        node.create_timer(1 / RATE, self._tick)

    def _tick(self) -> None:
        now = time.monotonic()
        if now < self._silent_until:
            return
        if self._killed:
            self._publisher = self._node.create_publisher(Image, self._topic, qos_profile_sensor_data)
            self._killed = False
        if not self._publisher.get_subscription_count():
            return
        message = self._messages[self._index % len(self._messages)]
        self._index += 1
        message.header = header(time.time_ns(), message.header.frame_id)
        self._send(message)
        for fault, every in FAULTS.items():  # seconds
            if self._random.random() < 1 / (every * RATE):
                self._counts[fault] += 1
                getattr(self, fault)(message)

    def _send(self, message: Image) -> None:
        self._publisher.publish(message)
        self._counts["sent"] += 1

    def _send_changed(self, message: Image, **fields: Any) -> None:
        before = {name: getattr(message, name) for name in fields}
        for name, value in fields.items():
            setattr(message, name, value)
        self._send(message)
        for name, value in before.items():
            setattr(message, name, value)

    def broken(self, message: Image) -> None:
        """Fields that contradict each other."""
        wrong = {"step": 1}, {"width": 0}, {"encoding": "no_such"}, {"height": 2**31}
        self._send_changed(message, header=header(time.time_ns(), "broken"), **self._random.choice(wrong))

    def repeated(self, message: Image) -> None:
        """The same image again."""
        self._send(message)

    def overtaken(self, message: Image) -> None:
        """An image that is 50 ms older than the one before."""
        self._send_changed(message, header=header(time.time_ns() - SECOND // 20, "late"))

    def clock_back(self, message: Image) -> None:
        """A stamp ten seconds back; the next one is right again, a gap."""
        self._send_changed(message, header=header(time.time_ns() - 10 * SECOND, "back"))

    def years_ahead(self, message: Image) -> None:
        """A stamp years ahead; to the next one the clock goes back."""
        self._send_changed(message, header=header(time.time_ns() + 10**8 * SECOND, "ahead"))

    def silence(self, message: Image) -> None:
        """No image for four seconds."""
        self._silent_until = time.monotonic() + 4.0

    def killed(self, message: Image) -> None:
        """The publisher goes, and comes back after four seconds."""
        self._node.destroy_publisher(self._publisher)
        self._killed = True
        self._silent_until = time.monotonic() + 4.0


FAULTS = {
    "broken": 5.0,
    "repeated": 5.0,
    "overtaken": 5.0,
    "clock_back": 60.0,
    "years_ahead": 60.0,
    "silence": 60.0,
    "killed": 120.0,
}
"""Fault → seconds between two of them, on average, for each camera."""
