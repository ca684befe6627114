"""Teach a network classes of your own: from a folder of clips, or segments of videos and bags."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from har_ros.errors import HarError
from har_ros.evaluate.batch import PLAIN
from har_ros.options import add_backend_options, backend_settings
from har_ros.teach.lesson import Settings, teach
from har_ros.teach.model import REPORT
from har_ros.teach.options import add_dataset_options, add_teaching_options, dataset_of
from har_ros.teach.tools import run_clips, run_dataset

MOST_PAIRS = 5
"""Near-duplicates that are printed."""


def run_teach(arguments: list[str]) -> int:
    """`actionnet teach`. Returns the exit status. Raises HarError."""
    parser = argparse.ArgumentParser(prog="actionnet teach", description=__doc__)
    add_dataset_options(parser)
    add_teaching_options(parser)
    add_backend_options(parser)
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, interrupt)
    settings = Settings(options.model, options.frames, options.mirror, options.background)
    try:
        dataset = dataset_of(options)
        folder = options.output.expanduser().absolute()
        metrics = teach(dataset, folder, settings, backend_settings(options), options.overwrite, console)
    except KeyboardInterrupt:
        console.print("interrupted; nothing was written, and the same command goes on from here")
        raise
    show(metrics, folder)
    return 0


def interrupt(*_: object) -> None:
    """Let SIGTERM do what Ctrl-C does."""
    raise KeyboardInterrupt


def show(metrics: Mapping[str, Any], folder: Path) -> None:
    """Print the figures, and what to do next."""
    console = Console()
    figures = metrics["figures"]
    table = Table("class", "clips", "groups", "precision", "recall", "F1 (95 %)", box=None)
    for row in figures["classes"]:
        f1 = row["f1"]
        counts = (str(row["clips"]), str(row["groups"]))
        values = (f"{row['precision']['value']:.3f}", f"{row['recall']['value']:.3f}")
        table.add_row(row["label"], *counts, *values, f"{f1['value']:.3f} ({f1['low']:.3f} … {f1['high']:.3f})")
    console.print(table)
    accuracy = figures["accuracy"]
    console.print(
        f"clips recognised: {accuracy['value']:.3f} ({accuracy['low']:.3f} … {accuracy['high']:.3f}), "
        f"{metrics['folds']}-fold, grouped by {metrics['grouping']}",
        **PLAIN,
    )
    for pair in metrics["duplicates"][:MOST_PAIRS]:
        console.print(pair["text"], **PLAIN)
    if (more := len(metrics["duplicates"]) - MOST_PAIRS) > 0:
        console.print(f"{more} more pairs of near-duplicates are in the report", **PLAIN)
    for text in metrics["advice"]:
        console.print(f"would help: {text}", **PLAIN)
    console.print(f"report:  {folder / REPORT}", **PLAIN)
    console.print(f"network: {folder}; run: ros2 launch har_ros actionnet.launch.py model:={folder}", **PLAIN)


COMMANDS = {"teach": run_teach, "clips": run_clips, "dataset": run_dataset}
"""The words behind `actionnet` that are handled here."""


def main() -> int:
    """`ros2 run har_ros teach`, also with --ros-args. Returns the exit status."""
    console = Console(stderr=True)
    try:
        return run_teach([argument for argument in sys.argv[1:] if argument != "--ros-args"])
    except HarError as error:
        console.print(f"teach: {error}", **PLAIN)
        return 1
    except KeyboardInterrupt:
        return 130
