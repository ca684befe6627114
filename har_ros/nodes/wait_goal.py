"""What a goal of actions/wait_for waits for, and what it has seen so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.executors import Executor
from rclpy.task import Future

from har_ros.action import WaitForAction
from har_ros.errors import ConfigurationError
from har_ros.files.schema import shown
from har_ros.files.text import similar
from har_ros.frames.sampling import SECOND
from har_ros.msg import ActionEvent
from har_ros.nodes import conversions
from har_ros.pipeline.events import IDLE

ANY: int = WaitForAction.Goal.ANY
WHOLE_IMAGE: int = WaitForAction.Goal.WHOLE_IMAGE
PERSON: int = WaitForAction.Goal.PERSON


@dataclass(frozen=True)
class Watched:
    """What an active node can see.

    cameras: their full names. labels: the classes that it can report of whole images. person_labels: those of people;
    empty where they are not followed.
    """

    cameras: tuple[str, ...]
    labels: tuple[str, ...]
    person_labels: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """The events that a goal waits for.

    labels: empty for any. cameras: full names, empty for all. source: ANY, WHOLE_IMAGE or PERSON. min_score: of the
    event. min_duration, timeout: nanoseconds.
    """

    labels: frozenset[str]
    cameras: frozenset[str]
    source: int
    min_score: float
    min_duration: int
    timeout: int

    @classmethod
    def of(cls, goal: WaitForAction.Goal, cameras: Sequence[str]) -> Wanted:
        """Read a goal. cameras: the full names of its image_topics."""
        return cls(
            frozenset(goal.class_ids),
            frozenset(cameras),
            goal.source,
            goal.min_score,
            conversions.nanoseconds(goal.min_duration),
            conversions.nanoseconds(goal.timeout),
        )

    def check(self, watched: Watched) -> None:
        """Raise ConfigurationError when no event can match."""
        if self.timeout <= 0:
            raise ConfigurationError(f"timeout is {self.timeout / SECOND:g} s; give more than 0")
        if not 0 <= self.min_score <= 1:
            raise ConfigurationError(f"min_score is {self.min_score:g}; give a number from 0 to 1")
        if self.source not in (ANY, WHOLE_IMAGE, PERSON):
            raise ConfigurationError(f"source is {self.source}; give ANY (0), WHOLE_IMAGE (1) or PERSON (2)")
        if self.source == PERSON and not watched.person_labels:
            raise ConfigurationError("source is PERSON, and people are not followed; set the node's parameter persons")
        if self.source == WHOLE_IMAGE and not watched.labels:
            raise ConfigurationError("source is WHOLE_IMAGE, and whole images are left out; set the node's model")
        for camera in sorted(self.cameras - set(watched.cameras)):
            raise ConfigurationError(f"there is no camera {shown(camera)}; there is {', '.join(watched.cameras)}")
        known = {ANY: (*watched.labels, *watched.person_labels), WHOLE_IMAGE: watched.labels}
        labels = [one for one in known.get(self.source, watched.person_labels) if one not in IDLE]
        for label in sorted(self.labels & set(IDLE)):
            raise ConfigurationError(f"no event has the class {label!r}, which says that no action is going on")
        for label in sorted(self.labels - set(labels)):
            alike = similar(label, labels)
            raise ConfigurationError(f"no event can have the class {shown(label)}; give one of the network's{alike}")

    def of_camera(self, topic: str) -> bool:
        """Whether events of this camera are wanted."""
        return not self.cameras or topic in self.cameras

    def of_subject(self, person: str) -> bool:
        """Whether events of this person are wanted; empty: of whole images."""
        return self.source in (ANY, PERSON if person else WHOLE_IMAGE)

    def matches(self, event: ActionEvent) -> bool:
        """Whether this event is one of those wanted, and goes on."""
        lasted = conversions.nanoseconds(event.end) - conversions.nanoseconds(event.start)
        return bool(
            event.state != ActionEvent.ENDED
            and (not self.labels or event.class_id in self.labels)
            and self.of_camera(event.image_topic)
            and self.of_subject(event.track_id)
            and event.score >= self.min_score
            and lasted >= self.min_duration
        )


@dataclass(frozen=True)
class Likeliest:
    """What is most probably done of what is wanted, by a window. person: empty for the whole image."""

    label: str = ""
    score: float = -math.inf
    camera: str = ""
    person: str = ""


class WaitGoal:
    """A goal that waits, and listens to all events and windows until it has a result. Any thread may call it.

    cameras: those of which windows came.
    """

    def __init__(self, wanted: Wanted, executor: Executor) -> None:
        """executor: the one whose coroutine awaits the result."""
        self.wanted = wanted
        self.result = Future(executor=executor)
        self.cameras: set[str] = set()
        self._executor = executor
        self._likeliest = Likeliest()
        self._lock = Lock()

    def window(self, topic: str, person: str, labels: tuple[str, ...], evidence: NDArray[Any]) -> None:
        """Take the evidence of a window of a camera, or of a person."""
        if not self.wanted.of_camera(topic):
            return
        with self._lock:
            self.cameras.add(topic)
            if not self.wanted.of_subject(person):
                return
            of_wanted = np.where(_are_wanted(labels, self.wanted.labels), evidence, -np.inf)
            best = int(np.argmax(of_wanted))
            if of_wanted[best] > self._likeliest.score:
                self._likeliest = Likeliest(labels[best], float(of_wanted[best]), topic, person)

    def event(self, event: ActionEvent) -> None:
        """Take an event, which may be the one."""
        if self.wanted.matches(event):
            self.finish(WaitForAction.Result(seen=True, event=event))

    def finish(self, result: WaitForAction.Result) -> None:
        """End with this result, unless there is one."""
        with self._lock:
            if self.result.done():
                return
            self.result.set_result(result)
        self._executor.wake()

    def fail(self, code: int, text: str) -> None:
        """End without an event. code: one of the result's. text: why."""
        self.finish(WaitForAction.Result(error_code=code, error_msg=text))

    def likeliest(self) -> Likeliest | None:
        """Return what was likeliest since the last call; None when no window came."""
        with self._lock:
            found, self._likeliest = self._likeliest, Likeliest()
        return found if found.label else None


@lru_cache(maxsize=64)
def _are_wanted(labels: tuple[str, ...], wanted: frozenset[str]) -> NDArray[np.bool_]:
    """Return which of a network's labels are wanted."""
    return np.array([label in wanted if wanted else label not in IDLE for label in labels])
