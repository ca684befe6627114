"""report.html: one file that opens anywhere, without network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from har_ros.evaluate import charts
from har_ros.evaluate.assess import Assessment
from har_ros.evaluate.compare import Change
from har_ros.evaluate.measured import Confusion
from har_ros.evaluate.mistakes import worst
from har_ros.evaluate.plan import Job
from har_ros.evaluate.window_figures import FIGURES
from har_ros.files.results_folder import atomic, finite
from har_ros.reports.drawing import OTHER_COLOUR
from har_ros.reports.page import drawing, environment

MOST_CLASSES = 40
"""For which the confusion is shown as a matrix; of more, so many pairs that are confused most often."""
MOST_TRACKS = 12
"""Timelines that are shown at once; the others unfold."""


def write_report(path: Path, assessment: Assessment, jobs: Sequence[Job], change: Change | None) -> None:
    """Write the report. change: since another evaluation, None without. Raises HarError."""
    with drawing(path):
        text = _rendered(assessment, jobs, change)
    with atomic(path) as file:
        file.write(text)


def _rendered(assessment: Assessment, jobs: Sequence[Job], change: Change | None) -> str:
    metrics = assessment.metrics
    last = max((_seconds(summary["cameras"].values()) for summary in assessment.header["recordings"]), default=0.0)
    classes = assessment.classes.names
    colours = charts.colours_of([row.windows for row in metrics.classes])
    tracks = [charts.ribbon(track, assessment.classes, colours, last) for track in assessment.judged]
    names = ", ".join(recording.name for recording in metrics.recordings[:3])
    more = len(metrics.recordings) - 3
    return (
        environment(Path(__file__).parent)
        .get_template("report.html")
        .render(
            title=f"{metrics.model} on {names}" + (f" and {more} more" if more > 0 else ""),
            m=finite(metrics.to_dict()),
            figures=FIGURES,
            names=dict(FIGURES),
            classes=classes,
            shades=list(zip(classes, colours, strict=True)),
            other=OTHER_COLOUR,
            more_classes=colours.count(OTHER_COLOUR),
            most_classes=MOST_CLASSES,
            most_tracks=MOST_TRACKS,
            confused=_confused(metrics.confusion),
            tracks=tracks,
            ticks=_ticks(last),
            curves=_curves(assessment, colours) if classes else {},
            mistakes=worst(assessment, jobs) if classes else [],
            change=finite(change.to_dict()) if change else None,
        )
    )


def _curves(assessment: Assessment, colours: Sequence[str]) -> dict[str, str]:
    """Return the report's drawings as SVG."""
    return {
        "precision_recall": charts.precision_recall(assessment, colours),
        "reliability": charts.reliability(assessment),
        "thresholds": charts.thresholds(assessment),
    }


def _seconds(cameras: Iterable[Mapping[str, Any]]) -> float:
    """Return the seconds from a recording's first image to its last; 0 without images."""
    there = [(counts["first"], counts["last"]) for counts in cameras if counts["first"] is not None]
    return (max(last for _, last in there) - min(first for first, _ in there)) / 1e9 if there else 0.0


def _confused(confusion: Confusion) -> list[dict[str, Any]]:
    """Return the pairs of different classes that are most frequent."""
    pairs: list[dict[str, Any]] = [
        {"true": true, "said": said, "windows": windows}
        for true, row in zip(confusion.rows, confusion.windows, strict=True)
        for said, windows in zip(confusion.columns, row, strict=True)
        if windows and true != said
    ]
    return sorted(pairs, key=lambda pair: -pair["windows"])[:MOST_CLASSES]


def _ticks(seconds: float) -> list[dict[str, Any]]:
    """Return round times along the ribbons."""
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800) if seconds / s <= 12), 3600)
    return [
        {"x": round(100 * number * step / seconds, 3), "text": f"{number * step:g} s"}
        for number in range(int(seconds / step) + 1 if seconds else 0)
    ]
