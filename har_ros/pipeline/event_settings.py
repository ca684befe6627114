"""What makes an event: limits for all classes, and those of single classes, from a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from har_ros.errors import ConfigurationError
from har_ros.files.schema import Check, Checks, build, load_yaml, rule, shown
from har_ros.files.text import read_text, similar


@dataclass(frozen=True)
class ClassLimits:
    """What a file says of a class; None: as for all classes. See EventSettings."""

    start: float | None = None
    end: float | None = None
    min_duration: float | None = None
    max_gap: float | None = None


class Limits(NamedTuple):
    """The limits that hold for a class: start and end are evidence, the others seconds."""

    start: float
    end: float
    min_duration: float
    max_gap: float


@dataclass(frozen=True)
class EventSettings:
    """What makes an event.

    event_start, event_end: evidence from which on one starts, and below which it ends. event_min_duration: seconds that
    it lasts, at least. event_max_gap: seconds between two events of a class, at most, which are then one.
    event_overlap: whether each class can have an event at a time, or only the one with the most evidence.
    classes: limits of single classes, by label, in place of those.
    """

    event_start: float = 0.5
    event_end: float = 0.3
    event_min_duration: float = 1.0
    event_max_gap: float = 1.0
    event_overlap: bool = False
    classes: Mapping[str, ClassLimits] = field(default_factory=dict)

    def of(self, label: str) -> Limits:
        """Return the limits of a class."""
        own = self.classes.get(label, ClassLimits())
        return Limits(
            self.event_start if own.start is None else own.start,
            self.event_end if own.end is None else own.end,
            self.event_min_duration if own.min_duration is None else own.min_duration,
            self.event_max_gap if own.max_gap is None else own.max_gap,
        )

    def check(self) -> None:
        """Raise ConfigurationError when the limits contradict each other."""
        if self.event_end > self.event_start:
            raise ConfigurationError(
                f"event_end is {self.event_end:g}, above event_start ({self.event_start:g}); set it to that or less"
            )
        for label in self.classes:
            limits = self.of(label)
            if limits.end > limits.start:
                usual = "" if self.classes[label].end else ", that of event_end"
                raise ConfigurationError(
                    f"event_limits: the end of {label!r} is {limits.end:g}{usual}, above its start ({limits.start:g}); "
                    "give it an end of that or less"
                )

    def check_labels(self, labels: Collection[str]) -> None:
        """Raise ConfigurationError when limits are given for what is none of the networks' labels."""
        for label in self.classes:
            if label not in labels:
                alike = similar(label, labels)
                raise ConfigurationError(f"event_limits: {label!r} is no class of the network; name one that is{alike}")


def load_limits(path: Path) -> dict[str, ClassLimits]:
    """Read limits from YAML: label → start, end, min_duration and max_gap, as far as they are given.

    Raises ConfigurationError.
    """
    content = load_yaml(read_text(path), str(path))
    if not isinstance(content, Mapping):
        holds = "is empty" if content is None else f"holds {shown(content)}"
        raise ConfigurationError(f"{path} {holds}; give a mapping from classes to their limits")
    for name in content:
        if not isinstance(name, str):
            raise ConfigurationError(f"{path}: {shown(name)} is no text; put the name of the class in quotes")
    return {name: build(ClassLimits, value, f"{path}: {name}", _CHECKS) for name, value in content.items()}


def _within(name: str, low: float, high: float) -> Check:
    return rule(name, lambda value: value is None or low <= value <= high, f"give a number from {low:g} to {high:g}")


_CHECKS: Checks = {
    ClassLimits: [
        *(_within(name, 0.01, 1) for name in ("start", "end")),
        *(_within(name, 0, 3600) for name in ("min_duration", "max_gap")),
    ]
}
"""The ranges that the parameters have."""
