"""What the terminal shows of a taught network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from har_ros.errors import counted
from har_ros.files.console import cell, say
from har_ros.learning.model import REPORT
from har_ros.truth.segments import NONE

MOST_PAIRS = 5
"""Near-duplicates that are printed."""


def show(metrics: Mapping[str, Any], folder: Path) -> None:
    """Print the figures, and what to do next."""
    console = Console()
    console.print(_classes(metrics["figures"]))
    if any(row["label"] == NONE and not row["clips"] for row in metrics["figures"]["classes"]):
        say(console, f"{NONE}: no clip here is of it; it is said of what is unlike all taught clips")
    accuracy = _with_interval(metrics["figures"]["accuracy"])
    before = metrics["accuracy_before_rejection"]["value"]
    say(
        console,
        f"clips recognised: {accuracy}, {before:.3f} before any is rejected as none; {metrics['validation']}, groups: "
        f"{metrics['grouping']}",
    )
    if metrics["doubt"]:
        say(console, metrics["doubt"])
    for pair in metrics["duplicates"][:MOST_PAIRS]:
        say(console, pair["text"])
    if (more := len(metrics["duplicates"]) - MOST_PAIRS) > 0:
        say(console, f"pairs of near-duplicates: {more} more, see the report")
    for text in metrics["advice"]:
        say(console, f"would help: {text}")
    if metrics["test"]:
        _show_test(metrics["test"], console)
    say(console, f"report:  {folder / REPORT}")
    say(console, f"network: {folder}")
    if "person" in metrics["settings"]:  # of people's skeletons
        command = f"--persons --persons-model {folder} --model none"
        parameters = f"persons:=true persons_model:={folder} model:=none"
    else:
        command, parameters = f"--model {folder}", f"model:={folder}"
    say(console, f"run:     actionnet VIDEO {command}")
    say(console, f'on a robot: ros2 launch har_ros actionnet.launch.py {parameters} image_topics:="[/cam01/image_raw]"')


def _show_test(test: Mapping[str, Any], console: Console) -> None:
    """Print what a test set says."""
    console.print(_classes(test["figures"]))
    accuracy, loss = _with_interval(test["figures"]["accuracy"]), _with_interval(test["log_loss"])
    say(
        console,
        f"test set: of {counted(test['clips'], 'clip')} of {test['dataset']}, {accuracy} recognised; log loss {loss}, "
        f"guessing has {test['log_loss']['guessing']:.3f}",
    )
    for text in test["duplicates"][:MOST_PAIRS]:
        say(console, text)
    if (more := len(test["duplicates"]) - MOST_PAIRS) > 0:
        say(console, f"near-duplicates of taught clips: {more} more, see the report")


def _classes(figures: Mapping[str, Any]) -> Table:
    table = Table("class", "clips", "groups", "precision", "recall", "F1 (95 %)", box=None)
    for row in figures["classes"]:
        counts = (str(row["clips"]), str(row["groups"]))
        values = (_number(row[name]["value"]) for name in ("precision", "recall"))
        table.add_row(cell(row["label"]), *counts, *values, _with_interval(row["f1"]))
    return table


def _with_interval(figure: Mapping[str, float]) -> str:
    interval = f" ({figure['low']:.3f} … {figure['high']:.3f})" if math.isfinite(figure["low"]) else ""
    return f"{_number(figure['value'])}{interval}"


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"
