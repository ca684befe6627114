"""Two evaluations of the same recordings: what got better or worse, and whether that can be chance.

Segments are compared in pairs: the share of a segment's windows that is right, before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from har_ros.errors import ConfigurationError
from har_ros.evaluate.window_figures import FIGURES, LESS_IS_BETTER
from har_ros.files.results_folder import METRICS, read_json
from har_ros.stats.comparison import holm, mean_interval, sign_flip_p
from har_ros.stats.intervals import Figure

SIGNIFICANT = 0.05
DIGITS = 3
"""To which figures are shown: what differs beyond them is the same."""


def load_metrics(path: Path) -> dict[str, Any]:
    """Read metrics.json, or that of a folder of results. Raises ConfigurationError."""
    path = path / METRICS if path.is_dir() else path
    content = read_json(path)
    if not isinstance(content, dict) or not {"overall", "segments"} <= content.keys():
        raise ConfigurationError(f"{path} holds no figures; give a folder of results or its {METRICS}")
    return content


@dataclass(frozen=True)
class FigureChange:
    """A figure of both evaluations, NaN where it has none. better: None where it is the same as shown, or unknown."""

    name: str
    before: Figure
    after: Figure
    better: bool | None


@dataclass(frozen=True)
class SegmentsChange:
    """The segments of a label. before, after: mean share of right windows. p: of the difference, see compare."""

    label: str
    segments: int
    before: float
    after: float
    difference: Figure
    p: float

    @property
    def significant(self) -> bool:
        """Whether the difference is more than chance."""
        return self.p < SIGNIFICANT

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON has it; numbers may be NaN."""
        return {**asdict(self), "significant": self.significant}


@dataclass(frozen=True)
class Change:
    """What changed between two evaluations. overall: all segments, under the label "all"."""

    figures: list[FigureChange]
    overall: SegmentsChange
    classes: list[SegmentsChange]

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON has it; numbers may be NaN."""
        return {
            "figures": [asdict(row) for row in self.figures],
            "overall": self.overall.to_dict(),
            "classes": [row.to_dict() for row in self.classes],
        }


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    """Return what changed; the p-values of the classes are corrected for their number by Holm's method.

    before, after: as load_metrics returns them. Raises ConfigurationError when the two have no segment in common, or
    are damaged.
    """
    try:
        pairs = _pairs(before["segments"], after["segments"])
        figures = [_figure_change(name, before["overall"][name], after["overall"][name]) for name, _ in FIGURES]
    except (KeyError, TypeError):
        raise ConfigurationError("one of the two metrics.json is damaged; evaluate again") from None
    if not pairs and (before["segments"] or after["segments"]):
        raise ConfigurationError(
            "the two evaluations have no segment in common; compare evaluations of the same recordings and truth"
        )
    classes = [_tested(label, of_label) for label, of_label in sorted(pairs.items())]
    corrected = holm([row.p for row in classes])
    return Change(
        figures,
        _tested("all", [pair for of_label in pairs.values() for pair in of_label]),
        [replace(row, p=p) for row, p in zip(classes, corrected, strict=True)],
    )


def _figure_change(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> FigureChange:
    return FigureChange(name, _figure(before), _figure(after), _better(name, before["value"], after["value"]))


def _figure(row: Mapping[str, Any]) -> Figure:
    value, low, high = (np.nan if row[name] is None else row[name] for name in ("value", "low", "high"))
    return Figure(value, low, high)


def _better(name: str, before: float | None, after: float | None) -> bool | None:
    if before is None or after is None or round(before, DIGITS) == round(after, DIGITS):
        return None
    return (after < before) == (name in LESS_IS_BETTER)


def _pairs(before: Sequence[Any], after: Sequence[Any]) -> dict[str, list[tuple[float, float]]]:
    """Return the shares of right windows of segments that both have, by label; without windows none is right."""
    known = {_key(segment): segment["right"] or 0.0 for segment in before}
    pairs: dict[str, list[tuple[float, float]]] = {}
    for segment in after:
        if (share := known.get(_key(segment))) is not None:
            pairs.setdefault(segment["label"], []).append((share, segment["right"] or 0.0))
    return pairs


def _key(segment: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(segment[name] for name in ("sha256", "camera", "start", "end", "label"))


def _tested(label: str, pairs: Sequence[tuple[float, float]]) -> SegmentsChange:
    values = np.array(pairs, np.float64).reshape(-1, 2)
    differences = values[:, 1] - values[:, 0]
    before, after = values.mean(axis=0).tolist() if len(values) else (np.nan, np.nan)
    low, high = np.clip(mean_interval(differences), -1, 1).tolist()  # differences of shares
    difference = Figure(after - before, low, high)
    return SegmentsChange(label, len(values), before, after, difference, sign_flip_p(differences))
