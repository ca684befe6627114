"""Records clips of an action from the running cameras, in takes with a countdown."""

from __future__ import annotations

import dataclasses
import re
from functools import partial
from pathlib import Path
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.time import Time
from rclpy.utilities import try_shutdown

from har_ros.backends.backend import BackendSettings
from har_ros.commands.shared.parser import Parser
from har_ros.errors import error_text
from har_ros.learning.nearest import NearestPerson
from har_ros.learning.takes import Pace, Take, check_names, verdict
from har_ros.nodes.image_messages import Taken
from har_ros.nodes.images import LOG_PERIOD, ImageSubscription
from har_ros.nodes.parameters import declare, resolved_topics
from har_ros.nodes.run import Program, run
from har_ros.nodes.usage import other_arguments
from har_ros.settings import RECORD_ACTION

TICK = 0.1
"""Seconds between two looks at the clock."""


class RecordAction(Program):
    """Waits for all cameras, counts down, records; ends after the last take."""

    def __init__(self, **options: Any) -> None:
        """Options go to rclpy's Node."""
        super().__init__("record_action", **options)
        self._take: Take | None = None
        self._paces: dict[str, Pace] = {}
        self._images: dict[str, ImageSubscription] = {}
        self._takes = 0
        self._nearest: NearestPerson | None = None

    def start(self) -> None:
        """Subscribe to the cameras and wait for all of them."""
        values = self._values = declare(self, RECORD_ACTION)
        self._dataset = Path(values["dataset"]).expanduser()
        check_names(self._dataset, values["label"], values["group"])
        if values["persons"]:
            self._nearest = NearestPerson(values["pose_model"], values["pose_size"], BackendSettings())
        cameras = resolved_topics(self, values["image_topics"])
        names = _short_names(list(cameras))
        for topic, given in cameras.items():
            self._paces[names[topic]] = Pace()
            on_images = partial(self._on_images, names[topic])
            self._images[names[topic]] = ImageSubscription(self, given, values["image_transport"], on_images)
        self._silent = set(names.values())
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._next = self._said = self._steady.now()
        self._count = -1  # seconds that are left, as they were said last
        self._logger = self.get_logger()
        self._logger.info(f"waiting for images on {', '.join(cameras)}")
        self.create_timer(TICK, self._tick, clock=self._steady)

    def stop(self) -> None:
        """Give up a take that is not finished."""
        if self._take is not None:
            self._take.discard()
        if self._nearest is not None:
            self._nearest.close()

    def _on_images(self, camera: str, messages: list[Taken]) -> None:
        for message in messages:
            self._on_image(camera, message)

    def _on_image(self, camera: str, message: Taken) -> None:
        try:
            image = self._images[camera].read(message)
            if image.stamp == 0:
                image = dataclasses.replace(image, stamp=self.get_clock().now().nanoseconds)
            self._paces[camera].take(image.stamp)
            if self._take is not None:
                self._take.push(camera, image, self._paces[camera].rate)
        except Exception as error:  # no image may end the node
            self._logger.warning(f"{camera}: {error_text(error)}", throttle_duration_sec=LOG_PERIOD)
            return
        if camera in self._silent:
            self._silent.remove(camera)
            if not self._silent:
                self._begin_countdown()

    def _tick(self) -> None:
        now = self._steady.now()
        if self._silent:
            if (now - self._said).nanoseconds > LOG_PERIOD * 1e9:
                self._said = now
                self._logger.warning(f"no images of {', '.join(sorted(self._silent))} yet; is the camera running?")
            return
        left = (self._next - now).nanoseconds / 1e9
        if left > 0:
            self._count_down(left)
        elif self._take is None:
            self._takes += 1
            self._logger.info(f"take {self._takes} of {self._values['takes']}: {self._values['label']}, NOW")
            label, group, side, seconds = (self._values[name] for name in ("label", "group", "max_side", "seconds"))
            self._take = Take(self._dataset, label, group, side, seconds, self._nearest)
            self._next = self._after(now, self._values["seconds"])
        else:
            self._finish_take()

    def _count_down(self, left: float) -> None:
        count = int(left) + 1
        if self._take is None and count != self._count:
            self._count = count
            self._logger.info(f"{self._values['label']} in {count} …")

    def _begin_countdown(self) -> None:
        self._count = -1
        self._next = self._after(self._steady.now(), self._values["countdown"])

    def _after(self, now: Time, seconds: float) -> Time:
        return now + rclpy.duration.Duration(nanoseconds=round(seconds * 1e9))

    def _finish_take(self) -> None:
        assert self._take is not None
        take, self._take = self._take, None
        written = take.close()
        if len(written) < len(self._paces):
            seen = "saw a person" if self._nearest else "had images"
            self._logger.warning(f"only {len(written)} of {len(self._paces)} cameras {seen} during this take")
        if self._takes < self._values["takes"]:
            self._begin_countdown()
        else:
            self._logger.info(verdict(self._dataset, self._values["label"]))
            try_shutdown(context=self.context)


def _short_names(cameras: list[str]) -> dict[str, str]:
    """Return a name for each camera's files: its namespace where that tells them apart, else its whole topic."""
    short = {topic: topic.strip("/").rpartition("/")[0] or topic.strip("/") for topic in cameras}
    if len(set(short.values())) < len(cameras):
        short = {topic: topic.strip("/") for topic in cameras}
    return {topic: re.sub(r"\W", "-", name) for topic, name in short.items()}


def main(arguments: list[str] | None = None) -> int:
    """Run the node; returns the exit status. Its parameters are also options: --label waving."""
    parser = Parser(prog="record_action", description=__doc__)
    for row in RECORD_ACTION:
        kinds: dict[type, dict[str, Any]] = {list: {"nargs": "+"}, bool: {"action": "store_true"}}
        kind = kinds.get(type(row.default), {"type": type(row.default)})
        parser.add_argument(f"--{row.name.replace('_', '-')}", default=None, help=row.description, **kind)
    given = vars(parser.parse_args(other_arguments(arguments)))
    overrides = [rclpy.Parameter(name, value=value) for name, value in given.items() if value is not None]
    return run(lambda: RecordAction(parameter_overrides=overrides), arguments)
