"""`--events FILE`: gathers the events of an input, and writes them when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console

from har_ros.errors import ConfigurationError
from har_ros.files.console import say
from har_ros.pipeline.configuration import event_settings
from har_ros.pipeline.events import Event, EventState
from har_ros.pipeline.recognition import ImageResult, Networks
from har_ros.pipeline.source_events import SourceEvents
from har_ros.recordings.event_file import check_suffix, write_events
from har_ros.settings import ACTIONNET

MOST_EVENTS = 100_000
"""Of a file; a camera may run for weeks."""


def check_file(path: str, values: Mapping[str, Any]) -> None:
    """Raise ConfigurationError when events with these parameters cannot be written there. path: empty for no file."""
    event_settings(values)
    if path:
        check_suffix(Path(path))
        if not Path(path).parent.is_dir():
            raise ConfigurationError(f"cannot write '{path}', its folder does not exist; make it first")
        return
    for row in ACTIONNET:
        if row.name.startswith("event_") and values[row.name] != row.default:
            raise ConfigurationError(f"--{row.name.replace('_', '-')} needs --events; add it")


class EventLog:
    """Gathers the events of one input. Use it with `with`: at its end the file is written, whatever ended the input."""

    def __init__(self, path: str, networks: Networks, start: int, messages: Console) -> None:
        """path: empty for no file. start: stamp from which subtitles count. Raises ConfigurationError."""
        self._path = Path(path) if path else None
        self._source = SourceEvents(networks)
        self._start = start
        self._messages = messages
        self._events: list[Event] = []
        self._count = 0

    def take(self, result: ImageResult) -> None:
        """Take what is known after an image."""
        if self._path is not None:
            self._keep(self._source.take(result))

    def _keep(self, said: list[Event]) -> None:
        ended = [event for event in said if event.state is EventState.ENDED]
        self._events += ended[: MOST_EVENTS - len(self._events)]
        self._count += len(ended)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        self._keep(self._source.finish())
        if self._count > MOST_EVENTS:
            say(self._messages, f"{self._path} has the first {MOST_EVENTS} events of {self._count}")
        write_events(self._path, self._events, self._start)
