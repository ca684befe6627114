"""What the terminal shows of a taught network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from har_ros.files.console import PLAIN, cell
from har_ros.learning.model import REPORT

MOST_PAIRS = 5
"""Near-duplicates that are printed."""


def show(metrics: Mapping[str, Any], folder: Path) -> None:
    """Print the figures, and what to do next."""
    console = Console()
    console.print(_classes(metrics["figures"]))
    accuracy = _with_interval(metrics["figures"]["accuracy"])
    console.print(
        f"clips recognised: {accuracy}, {metrics['validation']}, groups: {metrics['grouping']}",
        **PLAIN,
    )
    if metrics["doubt"]:
        console.print(metrics["doubt"], **PLAIN)
    for pair in metrics["duplicates"][:MOST_PAIRS]:
        console.print(pair["text"], **PLAIN)
    if (more := len(metrics["duplicates"]) - MOST_PAIRS) > 0:
        console.print(f"{more} more pairs of near-duplicates are in the report", **PLAIN)
    for text in metrics["advice"]:
        console.print(f"would help: {text}", **PLAIN)
    if metrics["test"]:
        _show_test(metrics["test"], console)
    console.print(f"report:  {folder / REPORT}", **PLAIN)
    console.print(f"network: {folder}; run: ros2 launch har_ros actionnet.launch.py model:={folder}", **PLAIN)


def _show_test(test: Mapping[str, Any], console: Console) -> None:
    """Print what a test set says."""
    console.print(_classes(test["figures"]))
    accuracy, loss = _with_interval(test["figures"]["accuracy"]), _with_interval(test["log_loss"])
    console.print(
        f"test set: of {test['clips']} clips of {test['dataset']}, {accuracy} recognised; log loss {loss}, guessing "
        f"has {test['log_loss']['guessing']:.3f}",
        **PLAIN,
    )
    for text in test["duplicates"][:MOST_PAIRS]:
        console.print(text, **PLAIN)
    if (more := len(test["duplicates"]) - MOST_PAIRS) > 0:
        console.print(f"{more} more near-duplicates of taught clips are in the report", **PLAIN)


def _classes(figures: Mapping[str, Any]) -> Table:
    table = Table("class", "clips", "groups", "precision", "recall", "F1 (95 %)", box=None)
    for row in figures["classes"]:
        counts = (str(row["clips"]), str(row["groups"]))
        values = (f"{row['precision']['value']:.3f}", f"{row['recall']['value']:.3f}")
        table.add_row(cell(row["label"]), *counts, *values, _with_interval(row["f1"]))
    return table


def _with_interval(figure: Mapping[str, float]) -> str:
    interval = f" ({figure['low']:.3f} … {figure['high']:.3f})" if math.isfinite(figure["low"]) else ""
    return f"{figure['value']:.3f}{interval}"
