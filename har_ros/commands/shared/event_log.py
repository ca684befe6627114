"""`--events FILE`: gathers the events of an input, and writes them when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

from har_ros.commands.shared.clock import Clock
from har_ros.errors import ConfigurationError
from har_ros.files.console import say
from har_ros.pipeline.configuration import event_settings
from har_ros.pipeline.events import Event, EventState
from har_ros.pipeline.recognition import ImageResult, Networks
from har_ros.pipeline.source_events import SourceEvents
from har_ros.recordings.event_file import check_suffix, event_text, write_events
from har_ros.settings import ACTIONNET

MOST_EVENTS = 100_000
"""Of a file; a camera may run for weeks."""


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
    """Gathers the events of one input. Use it with `with`: at its end the file is written, whatever ended the input."""

    def __init__(self, path: str, networks: Networks, clock: Clock, messages: Console, tell: bool) -> None:
        """path: empty for no file. clock: with which subtitles count. tell: whether to print when events start and end.

        Raises ConfigurationError.
        """
        self._path = Path(path) if path else None
        self._source = SourceEvents(networks)
        self._clock = clock
        self._messages = messages
        self._tell = tell
        self._events: list[Event] = []
        self._count = 0

    def take(self, result: ImageResult) -> None:
        """Take what is known after an image."""
        if self._path is not None:
            said = self._source.take(result)
            self._keep(said)
            self._print(said)

    def _keep(self, said: list[Event]) -> None:
        ended = [event for event in said if event.state is EventState.ENDED]
        self._events += ended[: MOST_EVENTS - len(self._events)]
        self._count += len(ended)

    def _print(self, said: list[Event]) -> None:
        for event in said if self._tell else ():
            if event.state is EventState.GOING_ON:
                continue
            start, end = self._clock.text(event.start, 8), self._clock.text(event.end)
            if event.state is EventState.STARTED:
                print(f"event started {start}  {event_text(event)}", flush=True)
            else:
                print(f"event ended   {start} to {end}  {event_text(event)} {event.score:.2f}", flush=True)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        said = self._source.finish()
        self._keep(said)
        if self._count > MOST_EVENTS:
            say(self._messages, f"{self._path} has the first {MOST_EVENTS} events of {self._count}")
        write_events(self._path, self._events, self._clock.start or 0)
        self._print(said)  # whoever reads it may have gone
