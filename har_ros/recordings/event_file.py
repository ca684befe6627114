"""Files of events: CSV, which is also a file of truth, JSON, and subtitles (SubRip and WebVTT)."""

from __future__ import annotations

import csv
import html
import io
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from har_ros.errors import ConfigurationError, HarError
from har_ros.files.results_folder import atomic
from har_ros.frames.sampling import SECOND
from har_ros.pipeline.events import Event

COLUMNS = ("start", "end", "label", "score", "person", "said")
FORMAT = "har_ros events 1"
SHORTEST = 2_000_000
"""Nanoseconds of an event in a file, at least: rounded to thousandths of a second its end is behind its start, too.

With event_min_duration 0 it may begin and end with one window; a segment of truth and a subtitle have a length.
"""


def check_suffix(path: Path) -> None:
    """Raise ConfigurationError when a file of events cannot have this name."""
    if path.suffix.lower() not in _KINDS:
        raise ConfigurationError(f"{path} is no file of events; give it a name that ends in {', '.join(_KINDS)}")


def write_events(path: Path, events: Sequence[Event], origin: int = 0) -> None:
    """Write events that have ended, in the order of their starts, atomically. Raises HarError.

    origin: stamp from which subtitles count, in nanoseconds; CSV and JSON have the stamps in seconds.
    """
    kind = _kind(path)
    ordered = sorted(events, key=lambda event: (event.start, event.end, event.person, event.id))
    with atomic(path) as file:
        file.write(kind.head)
        file.writelines(kind.item(event, number, origin) for number, event in enumerate(ordered, 1))
        file.write(kind.tail)


class GrowingEventFile:
    """A new file that has each event as soon as it ended, and is complete after each: also when the power is lost."""

    def __init__(self, path: Path) -> None:
        """Raises HarError, also where the file exists."""
        self._path, self._kind, self._count = path, _kind(path), 0
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise self._failed(error) from None
        self._end = 0  # of what stays, in bytes: the tail is written over
        try:
            self._add(self._kind.head)
        except HarError:  # what is left of it would be in the way of the next start
            os.close(self._file)
            path.unlink(missing_ok=True)
            raise

    def append(self, events: Sequence[Event], origin: int = 0) -> None:
        """Write events that have ended behind the others. origin: see write_events.

        Raises HarError; the file then has those before.
        """
        if events:
            numbered = enumerate(events, self._count + 1)
            self._add("".join(self._kind.item(event, number, origin) for number, event in numbered))
            self._count += len(events)

    def close(self) -> None:
        """Close the file, which is complete."""
        os.close(self._file)

    def _add(self, text: str) -> None:
        content, tail = text.encode(), self._kind.tail.encode()
        try:
            self._write(content + tail)
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._end)
                self._write(tail)
            raise self._failed(error) from None
        self._end += len(content)

    def _write(self, content: bytes) -> None:
        """Write behind what stays. Raises OSError."""
        done = 0
        while done < len(content):  # a disk that is nearly full takes a part
            done += os.pwrite(self._file, content[done:], self._end + done)

    def _failed(self, error: OSError) -> HarError:
        return HarError(f"cannot write {self._path} ({os.strerror(error.errno or 0)}); check folder and disk")


@dataclass(frozen=True)
class _Kind:
    """How events become text. item: of an event, its number from 1 on, and the origin; see write_events."""

    head: str
    item: Callable[[Event, int, int], str]
    tail: str = ""


def _kind(path: Path) -> _Kind:
    check_suffix(path)
    return _KINDS[path.suffix.lower()]


def _csv(event: Event, number: int, origin: int) -> str:
    line, row = io.StringIO(), event_row(event)
    csv.writer(line, lineterminator="\n").writerow([row[name] for name in COLUMNS])
    return line.getvalue()


def _json(event: Event, number: int, origin: int) -> str:
    row = json.dumps(event_row(event), ensure_ascii=False)
    return f"{',' if number > 1 else ''}\n  {row}"


def _srt(event: Event, number: int, origin: int) -> str:
    return f"{number}\n{_interval(event, origin, ',')}\n{event_text(event)}\n\n"


def _vtt(event: Event, number: int, origin: int) -> str:
    return f"\n{_interval(event, origin, '.')}\n{html.escape(event_text(event), quote=False)}\n"


_KINDS = {
    ".csv": _Kind(",".join(COLUMNS) + "\n", _csv),
    ".json": _Kind(f'{{\n "format": "{FORMAT}",\n "events": [', _json, "\n ]\n}\n"),
    ".srt": _Kind("", _srt),
    ".vtt": _Kind("WEBVTT\n", _vtt),
}


def event_row(event: Event) -> dict[str, float | str]:
    """Return what stands in CSV and JSON of an event; times in seconds."""
    start, end, said = (round(stamp / SECOND, 3) for stamp in (event.start, _end(event), event.said))
    return dict(zip(COLUMNS, (start, end, event.label, round(event.score, 4), event.person, said), strict=True))


def event_line(event: Event) -> dict[str, float | str]:
    """Return what is said of an event as it happens: its id, unique over people, and its state; then as event_row."""
    return {"id": f"{event.person}_{event.id}", "state": event.state.name.lower(), **event_row(event)}


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
