"""`--events FILE`: writes the events of an input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from har_ros.commands.shared.clock import Clock
from har_ros.errors import ConfigurationError
from har_ros.pipeline.configuration import event_settings
from har_ros.pipeline.events import Event, EventState
from har_ros.pipeline.recognition import ImageResult, Networks
from har_ros.pipeline.source_events import SourceEvents
from har_ros.recordings.event_file import GrowingEventFile, check_suffix, event_line, event_text, write_events
from har_ros.settings import ACTIONNET


def check_file(path: str, values: Mapping[str, Any], live: bool) -> None:
    """Raise ConfigurationError when events with these parameters cannot be written there.

    path: empty for no file. live: whether they are those of a camera or a stream, which cannot be had again.
    """
    event_settings(values)
    if path:
        check_suffix(Path(path))
        if not Path(path).parent.is_dir():
            raise ConfigurationError(f"cannot write '{path}', its folder does not exist; make it first")
        if live and Path(path).exists():
            raise ConfigurationError(f"'{path}' exists already; rename it or give another name for the events")
        return
    for row in ACTIONNET:
        if row.name.startswith("event_") and values[row.name] != row.default:
            raise ConfigurationError(f"--{row.name.replace('_', '-')} needs --events; add it")


class EventLog:
    """Writes the events of one input. Use it with `with`: the events go on to its end, whatever ended the input.

    Those of a camera or a stream are in the file as soon as they ended; that of a video is written at its end.
    """

    def __init__(self, path: str, networks: Networks, clock: Clock, live: bool, as_json: bool) -> None:
        """path: empty for no file. clock: with which subtitles count. live: see check_file.

        as_json: whether to print lines of JSON when events start and end. Raises ConfigurationError.
        """
        self._path = Path(path) if path else None
        self._source = SourceEvents(networks)
        self._clock = clock
        self._live = live
        self._as_json = as_json
        self._growing: GrowingEventFile | None = None
        self._events: list[Event] = []  # of a video

    def take(self, result: ImageResult) -> None:
        """Take what is known after an image. Raises HarError when the file cannot be written."""
        if self._path is not None:
            said = self._source.take(result)
            try:
                self._keep(said)
            finally:  # also where the disk is full
                self._print(said)

    def _keep(self, said: list[Event]) -> None:
        ended = [event for event in said if event.state is EventState.ENDED]
        if self._growing is None:
            self._events += ended
        else:
            self._growing.append(ended, self._clock.start or 0)

    def _print(self, said: list[Event]) -> None:
        for event in said:
            if event.state is EventState.GOING_ON:
                continue
            if self._as_json:
                print(json.dumps(event_line(event)), flush=True)
                continue
            start, end = self._clock.text(event.start, 8), self._clock.text(event.end)
            if event.state is EventState.STARTED:
                print(f"event started {start}  {event_text(event)}", flush=True)
            else:
                print(f"event ended   {start} to {end}  {event_text(event)} {event.score:.2f}", flush=True)

    def __enter__(self) -> EventLog:
        if self._path is not None and self._live:
            self._growing = GrowingEventFile(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        said = self._source.finish()
        try:
            if self._growing is None:
                self._keep(said)
                write_events(self._path, self._events)
            else:
                with closing(self._growing):
                    self._keep(said)
        finally:
            self._print(said)  # whoever reads it may have gone
