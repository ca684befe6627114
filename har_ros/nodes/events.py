"""Events of cameras and people on /actions/events."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from threading import Lock
from typing import Any, Protocol

from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher

from har_ros.msg import ActionEvent
from har_ros.nodes import conversions, topics
from har_ros.pipeline.event_settings import EventSettings
from har_ros.pipeline.events import Event, Events, EventState
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.source_events import take_result

QUEUE = 100
"""Events of many cameras may end at once."""
STATES = {
    EventState.STARTED: ActionEvent.STARTED,
    EventState.GOING_ON: ActionEvent.GOING_ON,
    EventState.ENDED: ActionEvent.ENDED,
}


class Listener(Protocol):
    """Hears of all windows and events, on the threads of the networks."""

    def window(self, topic: str, person: str, labels: tuple[str, ...], evidence: NDArray[Any]) -> None:
        """Take the evidence of a window. topic: the camera's full name. person: the track's id; empty: the image."""

    def event(self, event: ActionEvent) -> None:
        """Take what is published."""


class EventsOutput:
    """The publisher of events, and what makes one, which may change.

    listeners: replaced, never changed, since other threads go through them.
    """

    def __init__(self, node: Node) -> None:
        """Raises ConfigurationError when QoS overrides cannot work."""
        self.node = node
        self.settings = EventSettings()
        self.smoothing = 0.0
        self.listeners: tuple[Listener, ...] = ()
        self._publisher: Publisher = topics.publisher(node, ActionEvent, "actions/events", QUEUE)

    def use(self, settings: EventSettings, smoothing: float) -> None:
        """Use these settings, which were checked, from the next window on. smoothing: see Events.configure."""
        self.settings, self.smoothing = settings, smoothing

    def publish(self, event: ActionEvent) -> None:
        """Publish an event, and tell the listeners."""
        self._publisher.publish(event)
        for listener in self.listeners:
            listener.event(event)


class StreamEvents:
    """The events of one stream: of a camera, or of a person whom it sees. Any thread may call it."""

    def __init__(self, output: EventsOutput, topic: str, labels: tuple[str, ...], person: str = "") -> None:
        """topic: the camera's full name. labels: of the network. person: the id of the person's track."""
        self._output = output
        self._topic = topic
        self._labels = labels
        self._person = person
        self._prefix = f"e{secrets.token_hex(4)}"
        self._events = Events(labels, person=person)
        self._frame_id = ""
        self._closed = False
        self._lock = Lock()

    def take(self, result: Result) -> None:
        """Publish what happened with the newest window."""
        with self._lock:
            if self._closed:
                return
            self._frame_id = result.frame_id
            self._events.configure(self._output.settings, self._output.smoothing)
            for listener in self._output.listeners:
                listener.window(self._topic, self._person, self._labels, result.prediction.evidence)
            self._publish(take_result(self._events, result, result.end))

    def pause(self) -> None:
        """End all events: no windows come at present."""
        with self._lock:
            self._publish(self._events.finish())

    def close(self) -> None:
        """End all events, for good."""
        with self._lock:
            self._closed = True
            self._publish(self._events.finish())

    def _publish(self, events: Sequence[Event]) -> None:
        if not self._output.node.context.ok():
            return
        for event in events:
            self._output.publish(
                ActionEvent(
                    header=conversions.header(event.end, self._frame_id),
                    id=f"{self._prefix}_{event.id}",
                    image_topic=self._topic,
                    track_id=event.person,
                    class_id=event.label,
                    state=STATES[event.state],
                    start=conversions.time_message(event.start),
                    end=conversions.time_message(event.end),
                    score=event.score,
                    said=conversions.time_message(event.said),
                )
            )
