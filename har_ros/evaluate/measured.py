"""What an evaluation measured: the content of metrics.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from har_ros.evaluate.likeness_figures import LikenessFigures
from har_ros.evaluate.replay import Counts
from har_ros.stats.intervals import Figure

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
class WindowCounts:
    """How many windows ran, and how many of them are judged. padded: of clips that were played again to fill them."""

    run: int
    labelled: int
    background: int
    edge_or_without_truth: int
    padded: int


@dataclass(frozen=True)
class Figures:
    """What sums up some cameras. See figures.FIGURES for those with an interval."""

    top1: Figure
    top5: Figure
    macro_precision: Figure
    macro_recall: Figure
    macro_f1: Figure
    map: Figure
    segment_accuracy: Figure
    delay: Figure
    never_right: Figure
    false_alarms_per_hour: Figure
    time_below_threshold: Figure
    calibration_error: Figure
    windows: WindowCounts
    segments: int
    segments_without_window: int
    false_alarms: int
    background_hours: float


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
class ClassFigures:
    """The figures of a class. windows: the weight of those that show it."""

    label: str
    windows: float
    segments: int
    precision: Figure
    recall: Figure
    f1: Figure
    average_precision: Figure


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
class SweepRow:
    """What another threshold would give."""

    threshold: float
    answered: float  # share of the windows with a label
    right_of_answered: float
    right_of_all: float
    macro_f1: float
    false_alarms_per_hour: float


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
class Spread:
    """Seconds of some cases: their median, and what nine in ten do not exceed; NaN where there are none."""

    median: float
    most: float


@dataclass(frozen=True)
class EventFigures:
    """How well it is said when actions happen: by events, or by the windows' first answers.

    said, segments: how many, of classes of the truth. f1: segmental F1 by overlap. edit: edit score, mean of cameras.
    start_error, end_error: of those that share 0.1 with their segment, how far their start and end are from its;
    start_delay, end_delay: until it was said that they began and ended. false_alarms: those that share nothing with a
    segment of their class.
    """

    said: int
    segments: int
    f1: Mapping[str, float]
    edit: float
    start_error: Spread
    end_error: Spread
    start_delay: Spread
    end_delay: Spread
    false_alarms: int
    false_alarms_per_hour: Figure
    label_changes_per_minute: float


@dataclass(frozen=True)
class PersonEventFigures:
    """How well events of people say when actions happen; the truth does not say who acts.

    said, segments: how many, of classes of the truth. found: segments that share 0.1 with an event of their class, of
    anybody; recall: their part. start_delay: until the first of these was said to have started. false_alarms: events
    that share nothing with a segment of their class; an hour of each camera, however many people there are.
    """

    said: int
    segments: int
    found: int
    recall: Figure
    start_delay: Spread
    false_alarms: int
    false_alarms_per_hour: Figure


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
