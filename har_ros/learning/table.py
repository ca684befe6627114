"""clips.csv: what was said of each clip that was tested, for spreadsheets."""

from __future__ import annotations

import csv
from pathlib import Path

from har_ros.learning.samples import Samples
from har_ros.stats.metrics import Floats

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""With what a spreadsheet takes a text to be a formula (OWASP, CSV Injection)."""


def write_clips(path: Path, samples: Samples, probabilities: Floats) -> None:
    """Write a row for each clip. probabilities: m×C. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "group", "label", "said", *map(harmless, samples.labels)])
        for example, row in zip(samples.examples, probabilities, strict=True):
            names = (example.name, example.group, samples.labels[example.label], samples.labels[int(row.argmax())])
            writer.writerow([*map(harmless, names), *(f"{value:.4f}" for value in row)])


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe comes before what would be one."""
    return f"'{text}" if text.startswith(FORMULA) else text
