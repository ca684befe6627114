"""One video through the networks: what a job does, and the files that it fills meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from har_ros.errors import HarError, VideoError
from har_ros.files.results_folder import write_json
from har_ros.pipeline.events import Event, EventState
from har_ros.pipeline.recognition import ImageResult, Networks, Recognition
from har_ros.pipeline.recognizer import Result
from har_ros.pipeline.repeat import ShortClip
from har_ros.pipeline.scores import Prediction
from har_ros.pipeline.source_events import SourceEvents
from har_ros.recordings.event_file import event_row, write_events
from har_ros.recordings.source import Source, SourceFrame
from har_ros.recordings.video_file import VideoFile
from har_ros.recordings.watching import annotated, draw_all, play_again, window_row
from har_ros.service.folder import EVENTS, RESULT, SUMMARY, VIDEO, WINDOWS

MOST_RATE = 60
"""Images a second that a video of the greatest length may have."""
NOTE = 0.5
"""Seconds between two notes of the progress."""


class VideoRun:
    """One video through the networks.

    count: frames that were looked at. windows: of which there is an answer. note: why these are not all frames.
    """

    def __init__(self, networks: Networks, source: Source, uri: str, place: Path, name: str) -> None:
        """place: the job's folder. name: of the video."""
        self._about = {"video": name, "model": networks.recognizer.card.name}
        self._source, self._uri, self._place = source, uri, place
        self._sink = VideoFile(place / VIDEO, source.rate)
        self._recognition: Recognition = networks.recognition()
        self._events = SourceEvents(networks)
        self._ended: list[Event] = []
        self._going_on: dict[tuple[str, int], Event] = {}
        self._people: dict[str, dict[str, Any]] = {}
        self._said: Prediction | None = None
        self.note = ""
        self.count = self.windows = 0

    def frames(self, longest: float) -> Iterator[None]:
        """Look at all frames; write a line for each window. Yields when there is news to note. Raises HarError.

        longest: seconds of the video, at most.
        """
        clip = ShortClip()
        with (self._place / WINDOWS).open("w", encoding="utf-8") as lines:
            yield
            noted, windows = time.monotonic(), 0
            try:
                for frame in self._source:
                    self._check(frame, longest)
                    result = self._recognition.take(frame.image)
                    clip.take(frame.stamp)
                    self._take(lines, frame, result)
                    self._sink.show(annotated(frame, self._recognition, self._said, result))
                    self.count = frame.index + 1
                    first = self.windows and not windows  # somebody waits for it
                    if first or time.monotonic() - noted > NOTE:
                        noted, windows = time.monotonic(), self.windows
                        self._show(lines)
                        yield
            except VideoError as error:
                if not self.count:
                    raise
                self.note = str(error)
            if self._said is None:
                self._take(lines, frame, ImageResult(frame.stamp, self._again(clip), ()))
        self._sink.close()

    def _check(self, frame: SourceFrame, longest: float) -> None:
        if frame.stamp > longest * 1e9:
            raise HarError(f"the video lasts longer than {longest / 60:.3g} minutes; cut it")
        if frame.index > longest * MOST_RATE:
            raise HarError(f"the video has more than {longest * MOST_RATE:.0f} images; cut it, or lower its rate")

    def _again(self, clip: ShortClip) -> Result | None:
        found = play_again(self._uri, self._source, clip, self._recognition)
        self._sink.discard()  # its frames say "warming up"
        self._sink = VideoFile(self._sink.path, self._source.rate)
        draw_all(self._uri, self._sink, found.prediction if found else None)
        return found

    def _take(self, lines: IO[str], frame: SourceFrame, result: ImageResult) -> None:
        self._learn(self._events.take(result))
        if result.whole is not None:
            self._said = result.whole.prediction
            self._write(lines, window_row(frame, result.whole))
        for person in result.persons:
            seconds = round(frame.stamp / 1e9, 3)
            known = self._people.setdefault(person.id, {"id": person.id, "start": seconds, "end": seconds})
            known["end"] = seconds
            if person.result is not None:
                self._write(lines, window_row(frame, person.result, person))

    def _learn(self, events: list[Event]) -> None:
        """Take note of what happened to the events."""
        for event in events:
            name = event.person, event.id
            if event.state is EventState.ENDED:
                self._going_on.pop(name, None)
                self._ended.append(event)
            else:
                self._going_on[name] = event

    def _write(self, lines: IO[str], row: dict[str, Any]) -> None:
        lines.write(json.dumps(row) + "\n")
        self.windows += 1

    def _show(self, lines: IO[str]) -> None:
        """Let readers see what is known so far. Raises HarError, OSError."""
        lines.flush()
        write_json(self._place / SUMMARY, self._summary())

    def _summary(self) -> dict[str, Any]:
        """Return all but the windows. A span that has not ended is going_on, and has its end so far."""
        rows = [dict(event_row(event)) for event in self._ended]
        rows += [{**event_row(event), "going_on": True} for event in self._going_on.values()]
        spans = sorted(rows, key=lambda row: (row["start"], row["end"]))
        people = list(self._people.values())
        return {**self._about, "frames": self.count, "note": self.note, "spans": spans, "persons": people}

    def write(self) -> None:
        """Write what was found, the result last. Raises HarError, OSError."""
        self._learn(self._events.finish())
        for file in EVENTS:
            write_events(self._place / file, self._ended)
        with (self._place / WINDOWS).open(encoding="utf-8") as lines:
            windows = [json.loads(line) for line in lines]
        summary = self._summary()
        write_json(self._place / SUMMARY, summary)
        write_json(self._place / RESULT, {**summary, "windows": windows})

    def discard(self) -> None:
        """Give the annotated video up unless it is finished."""
        self._sink.discard()
