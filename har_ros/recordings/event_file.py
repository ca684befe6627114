"""Files of events: CSV, which is also a file of truth, JSON, and subtitles (SubRip and WebVTT)."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from har_ros.errors import ConfigurationError
from har_ros.files.results_folder import atomic
from har_ros.pipeline.events import SECOND, Event

COLUMNS = ("start", "end", "label", "score", "person", "said")
FORMAT = "har_ros events 1"
SHORTEST = 2_000_000
"""Nanoseconds of an event in a file, at least: rounded to thousandths of a second its end is behind its start, too.

With event_min_duration 0 it may begin and end with one window; a segment of truth and a subtitle have a length.
"""


def check_suffix(path: Path) -> None:
    """Raise ConfigurationError when a file of events cannot have this name."""
    if path.suffix.lower() not in _WRITERS:
        raise ConfigurationError(f"{path} is no file of events; give it a name that ends in {', '.join(_WRITERS)}")


def write_events(path: Path, events: Sequence[Event], origin: int = 0) -> None:
    """Write events that have ended, in the order of their starts, atomically. Raises HarError.

    origin: stamp from which subtitles count, in nanoseconds; CSV and JSON have the stamps in seconds.
    """
    check_suffix(path)
    ordered = sorted(events, key=lambda event: (event.start, event.end, event.person, event.id))
    with atomic(path) as file:
        _WRITERS[path.suffix.lower()](file, ordered, origin)


def _csv(file: IO[str], events: Sequence[Event], origin: int) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([event_row(event)[name] for name in COLUMNS] for event in events)


def _json(file: IO[str], events: Sequence[Event], origin: int) -> None:
    json.dump({"format": FORMAT, "events": [event_row(event) for event in events]}, file, indent=1, ensure_ascii=False)
    file.write("\n")


def _srt(file: IO[str], events: Sequence[Event], origin: int) -> None:
    for number, event in enumerate(events, 1):
        file.write(f"{number}\n{_interval(event, origin, ',')}\n{event_text(event)}\n\n")


def _vtt(file: IO[str], events: Sequence[Event], origin: int) -> None:
    file.write("WEBVTT\n")
    for event in events:
        file.write(f"\n{_interval(event, origin, '.')}\n{html.escape(event_text(event), quote=False)}\n")


_WRITERS: dict[str, Callable[[IO[str], Sequence[Event], int], None]] = {
    ".csv": _csv,
    ".json": _json,
    ".srt": _srt,
    ".vtt": _vtt,
}


def event_row(event: Event) -> dict[str, float | str]:
    """Return what stands in CSV and JSON of an event; times in seconds."""
    start, end, said = (round(stamp / SECOND, 3) for stamp in (event.start, _end(event), event.said))
    return dict(zip(COLUMNS, (start, end, event.label, round(event.score, 4), event.person, said), strict=True))


def _end(event: Event) -> int:
    return max(event.end, event.start + SHORTEST)


def event_text(event: Event) -> str:
    """Return what is done, and by whom: the text of a subtitle."""
    number = event.person.rpartition("_")[2]
    return f"person {number}: {event.label}" if number else event.label


def _interval(event: Event, origin: int, point: str) -> str:
    """Return when a subtitle is shown: 00:00:12,400 --> 00:00:14,100."""
    return " --> ".join(_clock(stamp - origin, point) for stamp in (event.start, _end(event)))


def _clock(nanoseconds: int, point: str) -> str:
    seconds, thousandths = divmod(round(max(0, nanoseconds) / 1e6), 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{point}{thousandths:03}"
