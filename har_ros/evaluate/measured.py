"""What an evaluation measured: the content of metrics.json.

What is measured of windows, of events, of people's events and of the likeness to what was taught is in a module for
each: X_figures. A new figure is a field there, beside what computes it; one of another kind is a module and a field of
Metrics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from har_ros.evaluate.event_figures import EventFigures
from har_ros.evaluate.likeness_figures import LikenessFigures
from har_ros.evaluate.person_figures import PersonEventFigures
from har_ros.evaluate.replay import Counts
from har_ros.evaluate.window_figures import ClassFigures, Figures, SweepRow

FORMAT = "har_ros metrics 1"


@dataclass(frozen=True)
class RecordingState:
    """A recording that was evaluated. sha256: of its files. error: why it was not read to its end, or empty."""

    name: str
    sha256: str
    error: str


@dataclass(frozen=True)
class TotalCounts:
    """What became of the images and windows of some cameras, added up. See replay.Counts."""

    windows_expected: int
    cameras_too_short: int
    frames: int
    frames_broken: int
    frames_overtaken: int
    frames_repeated: int
    frames_unstamped: int
    gaps: int
    clock_jumps: int
    size_changes: int
    windows: int
    windows_dropped_busy: int
    windows_dropped_restart: int
    windows_failed: int

    @classmethod
    def of(cls, cameras: Sequence[Counts]) -> TotalCounts:
        """Add up."""
        names = [name for name in cls.__dataclass_fields__ if name != "cameras_too_short"]
        sums = {name: sum(getattr(counts, name) for counts in cameras) for name in names}
        return cls(cameras_too_short=sum(counts.too_short for counts in cameras), **sums)


@dataclass(frozen=True)
class Summary:
    """The figures of some cameras: of all, of a recording, or of one camera. bag, camera: which, empty for all."""

    figures: Figures
    counts: TotalCounts
    bag: str = ""
    camera: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return names, figures and counts as they stand in metrics.json."""
        names = {name: value for name, value in (("bag", self.bag), ("camera", self.camera)) if value}
        return {**names, **asdict(self.figures), "counts": asdict(self.counts)}


@dataclass(frozen=True)
class Confusion:
    """windows: the weight of each pair of a true class (row) and what was said (column)."""

    rows: list[str]
    columns: list[str]
    windows: list[list[float]]


@dataclass(frozen=True)
class CalibrationBin:
    """Windows whose first answers have about the same confidence: how many, its mean, and the share that is right."""

    windows: int
    confidence: float
    right: float


@dataclass(frozen=True)
class SegmentFigures:
    """How a segment was recognised. See judge.JudgedSegment; windows: how many it has."""

    bag: str
    sha256: str
    camera: str
    start: int
    end: int
    label: str
    windows: int
    right: float
    vote: bool
    delay: float


@dataclass(frozen=True)
class Metrics:
    """All that is in metrics.json. The first seven say what was evaluated, and how."""

    model: str
    backend: str
    versions: Mapping[str, str]
    parameters: Mapping[str, Any]
    inference_time: float
    realtime_factor: float
    coverage: float
    recordings: list[RecordingState]
    overall: Summary
    per_bag: list[Summary]
    per_camera: list[Summary]
    classes: list[ClassFigures]
    confusion: Confusion
    calibration: list[CalibrationBin]
    sweep: list[SweepRow]
    segments: list[SegmentFigures]
    events: EventFigures
    windows_as_events: EventFigures
    person_events: PersonEventFigures | None  # None where people are not followed
    likeness: LikenessFigures | None  # None where the network was not taught, or has no limit
    person_likeness: LikenessFigures | None

    def to_dict(self) -> dict[str, Any]:
        """Return what is written as JSON; figures may be NaN."""
        optional = ("person_events", "likeness", "person_likeness")
        content = {name: value for name, value in asdict(self).items() if name not in optional or value is not None}
        return {
            "format": FORMAT,
            **content,
            "overall": self.overall.to_dict(),
            "per_bag": [summary.to_dict() for summary in self.per_bag],
            "per_camera": [summary.to_dict() for summary in self.per_camera],
        }
