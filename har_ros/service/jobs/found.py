"""What is known of a video after some of its frames."""

from __future__ import annotations

from typing import Any

from har_ros.pipeline.events import Event, EventState
from har_ros.pipeline.recognition import ImageResult, Networks
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.scores import Prediction
from har_ros.pipeline.source_events import SourceEvents
from har_ros.recordings.event_file import event_row
from har_ros.recordings.source import SourceFrame
from har_ros.recordings.watching import window_row


class Found:
    """What is known of a video after some of its frames, and what it takes to go on from there.

    count: frames that were looked at. windows: for which there is an answer. said: of the whole image, last.
    ended: the events that have. parts: of the annotated video. size: of the file of windows, in bytes.
    """

    def __init__(self, networks: Networks, prefix: str) -> None:
        """prefix: of the ids of its people."""
        self.recognition = networks.recognition(prefix)
        self.clip = ShortClip()
        self.said: Prediction | None = None
        self.ended: list[Event] = []
        self.count = self.windows = self.parts = self.size = 0
        self._events = SourceEvents(networks)
        self._going_on: dict[tuple[str, int], Event] = {}
        self._people: dict[str, dict[str, Any]] = {}

    def look(self, frame: SourceFrame) -> ImageResult:
        """Look at the next frame. Raises HarError."""
        result = self.recognition.take(frame.image)
        self.clip.take(frame.stamp)
        self.count = frame.index + 1
        return result

    def take(self, frame: SourceFrame, result: ImageResult) -> list[dict[str, Any]]:
        """Take what a frame has shown. Returns a row for each window that ends with it."""
        self._learn(self._events.take(result))
        rows = []
        if result.whole is not None:
            self.said = result.whole.prediction
            rows.append(window_row(frame, result.whole))
        for person in result.persons:
            seconds = round(frame.stamp / 1e9, 3)
            known = self._people.setdefault(person.id, {"id": person.id, "start": seconds, "end": seconds})
            known["end"] = seconds
            if person.result is not None:
                rows.append(window_row(frame, person.result, person))
        self.windows += len(rows)
        return rows

    def finish(self) -> None:
        """End all events: the video has ended."""
        self._learn(self._events.finish())

    def summary(self) -> dict[str, Any]:
        """Return spans and persons. A span that has not ended is going_on, and has its end so far."""
        rows: list[dict[str, Any]] = [dict(event_row(event)) for event in self.ended]
        rows += [{**event_row(event), "going_on": True} for event in self._going_on.values()]
        spans = sorted(rows, key=lambda row: (row["start"], row["end"]))
        return {"frames": self.count, "spans": spans, "persons": list(self._people.values())}

    def _learn(self, events: list[Event]) -> None:
        """Take note of what happened to the events."""
        for event in events:
            name = event.person, event.id
            if event.state is EventState.ENDED:
                self._going_on.pop(name, None)
                self.ended.append(event)
            else:
                self._going_on[name] = event
