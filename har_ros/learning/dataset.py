"""What is taught with: recordings, what happens in them, and which of them belong together."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from har_ros.errors import ConfigurationError, counted
from har_ros.files.cache import digest
from har_ros.files.text import natural, read_text
from har_ros.learning.class_folders import VIDEOS, class_folders, of_one_class, videos_in, without_number
from har_ros.models.labels import wrong_labels
from har_ros.truth.segments import ANY, NONE, Segment, load_truth

logger = logging.getLogger(__name__)

SOURCES = "sources.csv"
"""In a folder of class folders: columns clip (its path there) and source, which is its group."""
SEGMENT_FILES = (".csv", ".yaml", ".yml", ".json")
LARGEST_BLOCK = 10
"""Neighbours by name that are one group where nothing else says so, at most."""
FEWEST_GROUPS = 5
"""Groups that such blocks leave to a class, at least, where it has so many clips."""


@dataclass(frozen=True)
class Material:
    """A recording: a video file, or a bag.

    name: its path in the dataset. label: what happens in all of it; None where segments say it.
    group: what belongs together (a source video, a person): either taught with or tested with, never both.
    """

    name: str
    path: Path
    group: str
    label: str | None = None
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """path: as it was given. grouping: how the groups came about, in words. materials: in the order of their names.

    empty: a sentence for each class folder without videos.
    """

    path: Path
    grouping: str
    materials: tuple[Material, ...]
    empty: tuple[str, ...] = ()


def load_dataset(
    path: Path,
    pattern: str = "",
    column: str = "",
    label_map: Mapping[str, object] | None = None,
    with_empty: bool = False,
) -> Dataset:
    """Find the recordings of a folder of class folders, or of a file of segments, whose folder they lie in.

    pattern: a regular expression on a recording's name; what its first group matches, or all of it, is the group.
    column: of a CSV file, which names the group. label_map: name → class, or "none". with_empty: let class folders be
    that have no videos, while others have some. Raises ConfigurationError.
    """
    if path.is_dir():
        if column:
            raise ConfigurationError(f"{path} is a folder, which has no column {column!r}; use --group-pattern")
        found, empty = _of_folder(path, with_empty)
        found, grouping = _grouped(path, found)
    elif path.suffix.lower() in SEGMENT_FILES and path.is_file():
        empty = []
        found, grouping = _of_segments(path, column)
    else:
        wrong = "is no dataset" if path.exists() else "does not exist"
        raise ConfigurationError(
            f"{path} {wrong}; give a folder that has a folder of videos for each class, or a file of segments "
            f"({', '.join(SEGMENT_FILES)}) beside its recordings"
        )
    if pattern:
        found = [replace(material, group=group_of(pattern, material.name)) for material in found]
        grouping = f"the pattern {pattern}"
    mapped = [_mapped(material, label_map or {}) for material in found]
    _refuse_names(mapped)
    _refuse_same_files(mapped)
    return Dataset(path, grouping, tuple(sorted(mapped, key=lambda material: natural(material.name))), tuple(empty))


def _of_folder(folder: Path, with_empty: bool) -> tuple[list[Material], list[str]]:
    """Return the clips of class folders, and a sentence for each folder without any. Raises ConfigurationError."""
    found, empty = [], []
    places = class_folders(folder)
    for place in places:
        files = videos_in(place)
        found += [Material(path.relative_to(folder).as_posix(), path, "", place.name) for path in files]
        if not files:
            empty.append(f"{place} has no videos ({', '.join(VIDEOS)}); add some, or remove it")
    if empty and not (with_empty and found):
        raise ConfigurationError(empty[0])
    if len(places) < 2:
        raise ConfigurationError(
            f"{folder} has {counted(len(places), 'class folder')}; give at least two, such as waving and {NONE} "
            "(everything else)"
        )
    if doubt := of_one_class(folder):
        logger.warning("%s", doubt)
    return found, empty


def _grouped(folder: Path, found: list[Material]) -> tuple[list[Material], str]:
    """Return the clips of class folders with their groups, and how these came about, in words."""
    if (folder / SOURCES).is_file():
        return _by_source(folder / SOURCES, found), f"the sources in {SOURCES}"
    inner = [len(Path(material.name).parts) > 2 for material in found]
    if all(inner):
        return [replace(m, group=Path(m.name).parts[1]) for m in found], "the folders below those of the classes"
    if any(inner):
        flat = found[inner.index(False)].name
        raise ConfigurationError(
            f"some clips lie in a folder of their group, but {flat} does not; move it to one, or use --group-pattern"
        )
    stems = {m.name: without_number(Path(m.name).stem) for m in found}
    if all(len({stems[m.name] for m in of_class}) > 1 and all(stems.values()) for of_class in by_class(found)):
        return [replace(m, group=stems[m.name]) for m in found], "the files' names without their last number"
    grouped = [material for of_class in by_class(found) for material in neighbours(of_class)]
    return grouped, f"neighbours by name, up to {LARGEST_BLOCK} at a time"


def _by_source(path: Path, materials: Sequence[Material]) -> list[Material]:
    """Give clips of the same source the same group. Raises ConfigurationError."""
    sources = _column(path, "source")
    for material in materials:
        if material.name not in sources:
            raise ConfigurationError(f"{path} has no source of {material.name}; add a row: its clip and its source")
    return [replace(material, group=sources[material.name]) for material in materials]


def neighbours(materials: Sequence[Material]) -> list[Material]:
    """Give neighbours the same group: blocks of the same number of all classes belong together."""
    size = max(1, min(LARGEST_BLOCK, len(materials) // FEWEST_GROUPS))
    return [replace(material, group=f"block {number // size + 1}") for number, material in enumerate(materials)]


def _of_segments(path: Path, column: str) -> tuple[list[Material], str]:
    segments = load_truth(path)
    of_bag: dict[str, list[Segment]] = defaultdict(list)
    for segment in segments:
        if segment.bag == ANY:
            raise ConfigurationError(
                f"{path}: segment {segment.label!r} names no recording; name it in a column bag or video"
            )
        of_bag[segment.bag].append(segment)
    groups = _column(path, column) if column else {}
    found: dict[Path, Material] = {}
    for bag, own in of_bag.items():
        recording = _beside(path, bag)
        if column and bag not in groups:
            raise ConfigurationError(f"{path}: {bag} has nothing in the column {column}; fill it in")
        known = found.get(recording)  # under another name, with or without its suffix
        segments = (*(known.segments if known else ()), *own)
        found[recording] = Material(bag, recording, groups.get(bag, bag), None, segments)
    if not found:
        raise ConfigurationError(f"{path} has no segments; add some")
    return list(found.values()), f"the column {column}" if column else "the recordings"


def _beside(path: Path, bag: str) -> Path:
    recording = path.parent / Path(bag).expanduser()
    if recording.exists():
        return recording
    similar = sorted(path.parent.glob(f"{bag}.*")) if bag and "/" not in bag else []
    if len(similar) != 1:
        raise ConfigurationError(f"{path} names {bag}, which is not in {path.parent}; put it there")
    return similar[0]


def _column(path: Path, column: str) -> dict[str, str]:
    """Return each recording's entry in a column of a CSV file. Raises ConfigurationError."""
    rows = csv.DictReader(io.StringIO(read_text(path)), skipinitialspace=True)
    names = rows.fieldnames or ()
    if path.suffix.lower() != ".csv" or column not in names:
        raise ConfigurationError(f"{path} has no column {column!r}; it has {', '.join(names) or 'none'}")
    groups: dict[str, str] = {}
    for row in rows:
        bag, group = row.get("bag") or row.get("video") or row.get("clip") or "", row[column] or ""
        if group and groups.setdefault(bag, group) != group:
            raise ConfigurationError(
                f"{path}: the column {column} gives {bag} to both {groups[bag]} and {group}; give it one group"
            )
    return groups


def group_of(pattern: str, name: str) -> str:
    """Return the part of a recording's name that a pattern's first group matches, or all of it.

    Raises ConfigurationError.
    """
    try:
        match = re.search(pattern, name)
    except re.error as error:
        raise ConfigurationError(f"group pattern {pattern!r} is no regular expression ({error}); fix it") from None
    if match is None:
        raise ConfigurationError(f"the group pattern {pattern!r} does not match {name}; fix it")
    return str(match.group(1 if match.re.groups else 0) or "")


def _mapped(material: Material, label_map: Mapping[str, object]) -> Material:
    label = None if material.label is None else class_of(material.label, label_map)
    return replace(material, label=label, segments=classed(material.segments, label_map))


def classed(segments: Iterable[Segment], label_map: Mapping[str, object]) -> tuple[Segment, ...]:
    """Return the segments with the classes that a map gives them. Raises ConfigurationError."""
    return tuple(replace(segment, label=class_of(segment.label, label_map)) for segment in segments)


def class_of(label: str, label_map: Mapping[str, object]) -> str:
    """Return the class that a map gives a name, the name itself where it gives none. Raises ConfigurationError."""
    value = label_map.get(label, label)
    if isinstance(value, list):
        raise ConfigurationError(f"the label map gives {label!r} several classes; give one, or {NONE}")
    return NONE if value is None else " ".join(str(value).split())  # one line of the label file


def labels_of(materials: Iterable[Material]) -> list[str]:
    """Return the class names that occur, in alphabetical order, the background last."""
    names = {material.label for material in materials if material.label}
    names |= {segment.label for material in materials for segment in material.segments}
    return sorted(names - {NONE}) + ([NONE] if NONE in names else [])


def by_class(materials: Iterable[Material]) -> list[list[Material]]:
    """Return the clips of each class."""
    classes: dict[str | None, list[Material]] = defaultdict(list)
    for material in materials:
        classes[material.label].append(material)
    return list(classes.values())


def _refuse_names(materials: Sequence[Material]) -> None:
    """Refuse classes whose names are similar, or that no label file can have."""
    names = labels_of(materials)
    for wrong in wrong_labels(names):
        raise ConfigurationError(wrong)
    similar = Counter(name.casefold().strip() for name in names)
    for name in names:
        others = [other for other in names if other != name and other.casefold().strip() == name.casefold().strip()]
        if similar[name.casefold().strip()] > 1:
            raise ConfigurationError(f"the classes {name!r} and {others[0]!r} differ by case only; give them one name")


def _refuse_same_files(materials: Sequence[Material]) -> None:
    """Refuse the same clip in two classes; equal sizes are looked at only."""
    sizes = Counter(material.path.stat().st_size for material in materials if material.path.is_file())
    seen: dict[str, Material] = {}
    for material in materials:
        if material.label is None or not material.path.is_file() or sizes[material.path.stat().st_size] < 2:
            continue
        other = seen.setdefault(digest(material.path, "sha256"), material)
        if other.label != material.label:
            raise ConfigurationError(
                f"{other.name} and {material.name} are the same clip in two classes; remove it from one of them"
            )
