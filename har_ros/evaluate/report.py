"""report.html: one file that opens anywhere, without network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from har_ros.errors import HarError, told
from har_ros.evaluate import charts, results
from har_ros.evaluate.assess import Assessment
from har_ros.evaluate.figures import FIGURES
from har_ros.evaluate.mistakes import worst
from har_ros.evaluate.plan import Job
from har_ros.files.results_folder import atomic, finite

MOST_CLASSES = 40
"""For which the confusion is shown as a matrix; of more, so many pairs that are confused most often."""
MOST_TRACKS = 12
"""Timelines that are shown at once; the others unfold."""
TEMPLATES = Path(__file__).parent


def write_report(path: Path, assessment: Assessment, jobs: Sequence[Job], change: Mapping[str, Any] | None) -> None:
    """Write the report. change: what compare.compare returned, None without. Raises HarError."""
    with drawing(path):
        text = _rendered(assessment, jobs, change)
    with atomic(path) as file:
        file.write(text)


@contextmanager
def drawing(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a report is drawn into one sentence, and leave no older report in its place.

    Raises HarError.
    """
    try:
        yield
    except Exception as error:  # matplotlib's and Jinja's: a report must not cost the figures
        path.unlink(missing_ok=True)
        raise HarError(f"{path.name} cannot be drawn ({told(error)}); the figures are in {results.METRICS}") from error


def _rendered(assessment: Assessment, jobs: Sequence[Job], change: Mapping[str, Any] | None) -> str:
    measured = finite(assessment.metrics)
    last = max((_seconds(summary["cameras"].values()) for summary in assessment.header["recordings"]), default=0.0)
    classes = assessment.classes.names
    colours = charts.colours_of([row["windows"] for row in measured["classes"]])
    tracks = [charts.ribbon(track, assessment.classes, colours, last) for track in assessment.judged]
    names = ", ".join(recording["name"] for recording in measured["recordings"][:3])
    more = len(measured["recordings"]) - 3
    return (
        environment()
        .get_template("report.html")
        .render(
            title=f"{measured['model']} on {names}" + (f" and {more} more" if more > 0 else ""),
            m=measured,
            figures=FIGURES,
            names=dict(FIGURES),
            classes=classes,
            shades=list(zip(classes, colours, strict=True)),
            other=charts.OTHER_COLOUR,
            more_classes=colours.count(charts.OTHER_COLOUR),
            most_classes=MOST_CLASSES,
            most_tracks=MOST_TRACKS,
            confused=_confused(measured["confusion"]),
            tracks=tracks,
            ticks=_ticks(last),
            curves=_curves(assessment, colours) if classes else {},
            mistakes=worst(assessment, jobs) if classes else [],
            change=finite(change) if change else None,
        )
    )


def _curves(assessment: Assessment, colours: Sequence[str]) -> dict[str, str]:
    """Return the report's drawings as SVG."""
    return {
        "precision_recall": charts.precision_recall(assessment, colours),
        "reliability": charts.reliability(assessment),
        "thresholds": charts.thresholds(assessment),
    }


def environment(*folders: Path) -> Environment:
    """Return what renders templates: of these folders, of which the first comes first, and of this one."""
    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, count=_count, short=_short, policy=_policy)
    return environment


def _policy(css: str) -> str:
    """Return the Content-Security-Policy of a page with this style sheet: nothing is loaded, and no script runs.

    Attributes may have styles (bars, the drawings by matplotlib). Browsers that do not know style-src-elem and
    style-src-attr (before 2022) take style-src in their place.
    """
    sheet = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; style-src-elem 'sha256-{sheet}'; "
        "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits if abs(value) < 100 else 0}f}"


def _count(value: float) -> str:
    return "" if not value else f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: max(1, length - 1)] + "…"


def _seconds(cameras: Iterable[Mapping[str, Any]]) -> float:
    """Return the seconds from a recording's first image to its last; 0 without images."""
    there = [(counts["first"], counts["last"]) for counts in cameras if counts["first"] is not None]
    return (max(last for _, last in there) - min(first for first, _ in there)) / 1e9 if there else 0.0


def _confused(confusion: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pairs of different classes that are most frequent."""
    pairs = [
        {"true": true, "said": said, "windows": windows}
        for true, row in zip(confusion["rows"], confusion["windows"], strict=True)
        for said, windows in zip(confusion["columns"], row, strict=True)
        if windows and true != said and (true, said) != ("none", "nothing")
    ]
    return sorted(pairs, key=lambda pair: -pair["windows"])[:MOST_CLASSES]


def _ticks(seconds: float) -> list[dict[str, Any]]:
    """Return round times along the ribbons."""
    step = next((s for s in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800) if seconds / s <= 12), 3600)
    return [
        {"x": round(100 * number * step / seconds, 3), "text": f"{number * step:g} s"}
        for number in range(int(seconds / step) + 1 if seconds else 0)
    ]
