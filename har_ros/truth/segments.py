"""What really happened: segments of time with labels, and how their names join the network's classes."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from har_ros.errors import ConfigurationError, one_line
from har_ros.files.schema import build, load_yaml, shown
from har_ros.files.text import CONTROL_CHARACTER, read_text, similar
from har_ros.frames.sampling import SECOND
from har_ros.recordings.recording import Announced
from har_ros.truth import via

ABSOLUTE = 1e8
"""Seconds from which on a time is a stamp, below it counts from the recording's start (1e8 s are three years)."""
ANY = "*"
MOST_SEGMENTS = 100_000
"""Of a file of truth."""
NONE = "none"
"""What a truth name is mapped to when it is no class of the network: nothing that counts happens."""
THE_NETWORK = "the network"
"""What messages call a network whose name is not known."""


@dataclass(frozen=True)
class Segment:
    """A label that holds from `start` to `end`, in seconds: from the recording's first image on, or stamps (absolute).

    camera: a topic; bag: the name of a recording; "*" for all.
    """

    start: float
    end: float
    label: str
    camera: str = ANY
    bag: str = ANY
    absolute: bool = False

    def speaks_of(self, bag: str) -> bool:
        """Return whether it speaks of this recording; its name may lack folder and suffix."""
        return self.bag in _names_of(bag)

    def concerns(self, bag: str, camera: str) -> bool:
        """Return whether it speaks of this camera in this recording."""
        return self.speaks_of(bag) and self.camera in (ANY, camera)

    def stamps(self, first: int) -> tuple[int, int]:
        """Return start and end in nanoseconds; first: stamp of the recording's first image."""
        origin = 0 if self.absolute else first
        return origin + _nanoseconds(self.start), origin + _nanoseconds(self.end)


@lru_cache(10_000)
def _names_of(bag: str) -> frozenset[str]:
    return frozenset((ANY, bag, Path(bag).name, Path(bag).stem))


def _nanoseconds(seconds: float) -> int:
    whole = int(seconds)  # apart, since a stamp has more digits than a float
    return whole * SECOND + round((seconds - whole) * SECOND)


@dataclass(frozen=True)
class _Row:
    start: float
    end: float
    label: str | tuple[str, ...]
    camera: str = ANY
    bag: str = ANY


def load_truth(path: Path) -> tuple[Segment, ...]:
    """Read segments from CSV (with a line of column names), YAML (a list of mappings), or VIA's CSV and JSON.

    Raises ConfigurationError, which names the line.
    """
    text, suffix = read_text(path), path.suffix.lower()
    rows: Iterable[tuple[str, Any]]
    if suffix == ".json":
        rows = via.json_rows(path, text)
    elif suffix == ".csv":
        rows = via.csv_rows(path, text) if via.is_via(text) else _csv_rows(path, text)
    else:
        rows = _yaml_rows(path, text)
    segments: list[Segment] = []
    for where, row in rows:
        segments += _segments(build(_Row, row, where), where)
        if len(segments) > MOST_SEGMENTS:
            raise ConfigurationError(f"{where}: that is segment {MOST_SEGMENTS + 1}; divide the file into several")
    return tuple(segments)


def _segments(row: _Row, where: str) -> list[Segment]:
    labels = (row.label,) if isinstance(row.label, str) else row.label
    if not labels or not all(label.strip() for label in labels):
        raise ConfigurationError(f"{where}: label is empty; give a name")
    for text in (*labels, row.camera or "", row.bag or ""):
        if CONTROL_CHARACTER.search("".join(text.split())):  # a line break in a cell is a space
            raise ConfigurationError(f"{where}: {shown(text)} has control characters; remove them")
    if not (math.isfinite(row.start) and math.isfinite(row.end)) or not 0 <= row.start < row.end < 1e10:
        raise ConfigurationError(f"{where} lasts from {row.start:g} to {row.end:g} s; let it end behind its start")
    where_it_is = row.camera or ANY, row.bag or ANY, row.start >= ABSOLUTE
    return [Segment(row.start, row.end, label.strip(), *where_it_is) for label in labels]


def _csv_rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    try:
        names = {name: "bag" if name == "video" else name for name in reader.fieldnames or ()}
        if missing := {"start", "end", "label"} - set(names.values()):
            raise ConfigurationError(
                f"{path} has no column {min(missing)}; its first line names bag or video, camera, {_NEEDED}"
            )
        for record in reader:
            where = f"{path} line {reader.line_num}"
            row = {names[k]: v for k, v in record.items() if names.get(k) in _COLUMNS and v is not None}
            yield where, {k: _number(v, where) if k in ("start", "end") else v for k, v in row.items()}
    except csv.Error as error:
        raise ConfigurationError(f"{path} is no CSV ({one_line(error)}); fix it") from None


_COLUMNS = tuple(_Row.__dataclass_fields__)
_NEEDED = "start, end, label"


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{where}: {shown(text)} is no time; give seconds") from None


def _yaml_rows(path: Path, text: str) -> list[tuple[str, Any]]:
    content = load_yaml(text, str(path))
    if isinstance(content, Mapping):
        content = content.get("segments")
    if not isinstance(content, list):
        raise ConfigurationError(f"{path} holds {shown(content)}; give a list of segments, each with {_NEEDED}")
    return [(f"{path} segment {number}", row) for number, row in enumerate(content, 1)]


def segments_of_topic(announced: Iterable[Announced], bag: str, frame_ids: Mapping[str, str]) -> list[Segment]:
    """Return the segments that a topic of Classification gives: each message holds until the next of its frame_id.

    frame_ids: camera → frame_id of its images. A message speaks of all cameras that have its frame_id; with an empty
    one, or one of no camera, of all cameras.
    """
    open_since: dict[str, tuple[int, tuple[str, ...]]] = {}
    last: dict[str, int] = {}
    segments: list[Segment] = []

    def close(frame_id: str, end: int) -> None:
        start, labels = open_since[frame_id]
        if end <= start:
            return
        cameras = [camera for camera, its in frame_ids.items() if frame_id and its == frame_id] or [ANY]
        for label in labels:
            segments.extend(Segment(start / SECOND, end / SECOND, label, camera, bag, True) for camera in cameras)

    for message in announced:
        frame_id = message.frame_id
        last[frame_id] = message.stamp
        if frame_id in open_since:
            if open_since[frame_id][1] == message.labels:
                continue
            close(frame_id, message.stamp)
        open_since[frame_id] = (message.stamp, message.labels)
    for frame_id in open_since:
        close(frame_id, last[frame_id])
    return segments


@dataclass(frozen=True)
class Classes:
    """The classes that are judged: those of the truth.

    names: of each. of_label: truth name → class, None for "none". of_output: the network's class → class; what is
    missing there is another class.
    """

    names: tuple[str, ...]
    of_label: Mapping[str, int | None]
    of_output: Mapping[str, int]


def join(
    truth: Iterable[str],
    labels: Sequence[str],
    label_map: Mapping[str, object] | None = None,
    others: Sequence[str] = (),
    network: str = THE_NETWORK,
) -> Classes:
    """Join the truth's names with the network's classes.

    others: classes of another network, which the names may mean, too; for this one they are none.

    network: its name, for messages.

    label_map: truth name → a class of the network, a list of these, or "none"; a name that it lacks is a class itself.
    Names that are mapped to the same classes are one. Raises ConfigurationError for unknown and contradicting ones.
    """
    outputs_of: dict[str, tuple[str, ...]] = {}
    for name in dict.fromkeys([*truth, *(label_map or {})]):
        known = meant(name, (*labels, *others), label_map or {}, network)
        outputs_of[name] = tuple(output for output in known if output in labels)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(truth):
        if outputs_of[name]:
            groups.setdefault(outputs_of[name], []).append(name)
    taken: dict[str, str] = {}
    names = []
    of_label: dict[str, int | None] = {name: None for name, outputs in outputs_of.items() if not outputs}
    of_output: dict[str, int] = {}
    for index, (outputs, members) in enumerate(groups.items()):
        names.append(outputs[0] if len(outputs) == 1 else " / ".join(members))
        of_label.update(dict.fromkeys(members, index))
        for output in outputs:
            if output in taken:
                raise ConfigurationError(
                    f"the label map gives {output!r} to {taken[output]!r} and, with others, to {members[0]!r}; give "
                    "both the same classes, or different ones"
                )
            taken[output] = members[0]
            of_output[output] = index
    return Classes(tuple(names), of_label, of_output)


def meant(
    name: str, labels: Sequence[str], label_map: Mapping[str, object], network: str = THE_NETWORK
) -> tuple[str, ...]:
    """Return the network's classes that a truth name stands for, none for "none". Raises ConfigurationError.

    network: its name, for messages.
    """
    value = label_map.get(name, NONE if name == NONE else name)
    if value is None or value == NONE:
        return ()
    outputs = value if isinstance(value, list) else [value]
    for output in outputs:
        if output not in labels:
            remedy = "map it to a class, or to none" if name not in label_map else "fix the label map"
            raise ConfigurationError(
                f"truth name {name!r}: {shown(output)} is no class of {network}; {remedy}, or name the network that "
                f"has it (-p model:=NAME){similar(str(output), labels)}"
            )
    if not outputs:
        raise ConfigurationError(f"the label map gives no class to {name!r}; give one, or none")
    return tuple(sorted(map(str, dict.fromkeys(outputs))))


def load_label_map(path: Path | None) -> dict[str, object]:
    """Read truth name → class, list of classes, or none, from YAML; None: no map. Raises ConfigurationError."""
    if path is None:
        return {}
    content = load_yaml(read_text(path), str(path))
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        raise ConfigurationError(f"{path} holds {shown(content)}; give a mapping from truth names to classes or none")
    for name, value in content.items():
        items = value if isinstance(value, list) else [value]
        if not all(item is None or isinstance(item, str) for item in items) or (None in items and len(items) > 1):
            raise ConfigurationError(f"{path}: {name} is {shown(value)}; give a class, a list of classes, or none")
    return dict(content)
