"""Two evaluations of the same recordings: what got better or worse, and whether that can be chance.

Segments are compared in pairs: the share of a segment's windows that is right, before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har_ros.errors import ConfigurationError
from har_ros.evaluate.figures import FIGURES, LESS_IS_BETTER
from har_ros.files.results_folder import METRICS, read_json
from har_ros.stats.comparison import holm, mean_interval, sign_flip_p

SIGNIFICANT = 0.05


def load_metrics(path: Path) -> dict[str, Any]:
    """Read metrics.json, or that of a folder of results. Raises ConfigurationError."""
    path = path / METRICS if path.is_dir() else path
    content = read_json(path)
    if not isinstance(content, dict) or not {"overall", "segments"} <= content.keys():
        raise ConfigurationError(f"{path} holds no figures; give a folder of results or its {METRICS}")
    return content


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what changed. Raises ConfigurationError when the two have no segment in common, or are damaged."""
    try:
        pairs = _pairs(before["segments"], after["segments"])
        figures = [
            {
                "name": name,
                "before": before["overall"][name],
                "after": after["overall"][name],
                "better": _better(name, before["overall"][name]["value"], after["overall"][name]["value"]),
            }
            for name, _ in FIGURES
        ]
    except (KeyError, TypeError):
        raise ConfigurationError("one of the two metrics.json is damaged; evaluate again") from None
    if not pairs and (before["segments"] or after["segments"]):
        raise ConfigurationError(
            "the two evaluations have no segment in common; compare evaluations of the same recordings and truth"
        )
    everything = [pair for of_label in pairs.values() for pair in of_label]
    classes = [_tested(label, of_label) for label, of_label in sorted(pairs.items())]
    for row, corrected in zip(classes, holm([row["p"] for row in classes]), strict=True):
        row["p_corrected"] = corrected
        row["significant"] = corrected < SIGNIFICANT
    overall = _tested("all", everything)
    overall["significant"] = overall["p"] < SIGNIFICANT
    return {"figures": figures, "overall": overall, "classes": classes}


def _better(name: str, before: float | None, after: float | None) -> bool | None:
    if before is None or after is None or before == after:
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


def _tested(label: str, pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    values = np.array(pairs, np.float64).reshape(-1, 2)
    differences = values[:, 1] - values[:, 0]
    low, high = mean_interval(differences)
    before, after = values.mean(axis=0).tolist() if len(values) else (np.nan, np.nan)
    return {
        "label": label,
        "segments": len(values),
        "before": before,
        "after": after,
        "difference": {"value": after - before, "low": low, "high": high},
        "p": sign_flip_p(differences),
    }
