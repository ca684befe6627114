"""Class names, unique within a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from har_ros.errors import ConfigurationError
from har_ros.files.schema import shown
from har_ros.files.text import CONTROL_CHARACTER, read_text


def unique_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels with a suffix on repeated ones ("run", "run (2)"), so that each names one class."""
    taken = set(labels)
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    unique = []
    for label in labels:
        name = label
        while name in seen or (name != label and name in taken):
            numbers[label] = numbers.get(label, 1) + 1
            name = f"{label} ({numbers[label]})"
        seen.add(name)
        unique.append(name)
    return tuple(unique)


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the class names of a text file, one per line; blank lines do not count. Raises ConfigurationError."""
    names = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
    if not names:
        raise ConfigurationError(f"{path} has no labels; give one per line and class")
    for wrong in wrong_labels(names):
        raise ConfigurationError(f"{path}: {wrong}")
    return names


def wrong_labels(labels: Iterable[str]) -> Iterator[str]:
    """Say which labels cannot be shown, and why."""
    for label in labels:
        if CONTROL_CHARACTER.search(label):
            yield f"the label {shown(label)} has control characters, which a terminal obeys; remove them"
