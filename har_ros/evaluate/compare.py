"""Two evaluations of the same recordings: what got better or worse, and whether that can be chance.

Segments are compared in pairs: the share of a segment's windows that is right, before and after. The p-value is that of
a sign-flip permutation test (Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005), corrected for the
number of classes by Holm's method (Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from har_ros.errors import ConfigurationError
from har_ros.evaluate.figures import FIGURES, LESS_IS_BETTER
from har_ros.files.results_folder import METRICS, read_json
from har_ros.stats.metrics import Floats

FLIPS = 10_000
EXACT = 13
"""Pairs up to which all sign flips are tried."""
CHUNK = 1_000_000
"""Values that are drawn at a time, at most."""
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
    _correct(classes)
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
    low, high = np.nan, np.nan
    if len(differences) > 1:
        rng, sizes = np.random.default_rng(0), _chunks(FLIPS // 10, len(differences))
        means = np.concatenate([rng.choice(differences, size).mean(axis=1) for size in sizes])
        low, high = np.percentile(means, (2.5, 97.5)).tolist()
    before, after = values.mean(axis=0).tolist() if len(values) else (np.nan, np.nan)
    return {
        "label": label,
        "segments": len(values),
        "before": before,
        "after": after,
        "difference": {"value": after - before, "low": low, "high": high},
        "p": sign_flip_p(differences),
    }


def sign_flip_p(differences: Floats) -> float:
    """Return how likely so large a mean difference is when the sign of each is chance: two-sided, 1 without any."""
    differences = differences[differences != 0]
    n = len(differences)
    if not n:
        return 1.0
    if n <= EXACT:
        flipped = (np.arange(2**n)[:, None] >> np.arange(n) & 1) @ differences
        drawn = 0
    else:
        rng = np.random.default_rng(0)
        flipped = np.concatenate([rng.integers(0, 2, size, np.uint8) @ differences for size in _chunks(FLIPS, n)])
        drawn = 1  # the differences as they are count as one of the samples
    sums = np.abs(differences.sum() - 2 * flipped)
    extreme = int((sums >= abs(differences.sum()) - 1e-12).sum())
    return (extreme + drawn) / (len(sums) + drawn)


def _chunks(rows: int, n: int) -> list[tuple[int, int]]:
    """Return shapes of n columns that have so many rows together, and CHUNK values each where a row has no more."""
    each = max(1, CHUNK // n)
    return [(min(each, rows - done), n) for done in range(0, rows, each)]


def _correct(classes: list[dict[str, Any]]) -> None:
    """Add Holm's corrected p and whether it is significant."""
    least = 0.0
    for rank, row in enumerate(sorted(classes, key=lambda row: row["p"])):
        least = max(least, min(1.0, row["p"] * (len(classes) - rank)))
        row["p_corrected"] = least
        row["significant"] = least < SIGNIFICANT
