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
from har_ros.evaluate.truth import load_label_map
from har_ros.options import add_backend_options, at_least, backend_settings
from har_ros.teach.dataset import Dataset, load_dataset
from har_ros.teach.lesson import Settings, teach
from har_ros.teach.model import REPORT


def run_teach(arguments: list[str]) -> int:
    """`actionnet teach`. Returns the exit status. Raises HarError."""
    parser = argparse.ArgumentParser(prog="actionnet teach", description=__doc__)
    add_dataset_options(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="for the taught network")
    parser.add_argument("--overwrite", action="store_true", help="replace the network that is there")
    parser.add_argument(
        "--model",
        default=Settings.model,
        help="the network whose embeddings are used: a card's name or path (i3d-kinetics-400)",
    )
    parser.add_argument("--frames", type=at_least(1), default=0, help="frames in a window (what the card says)")
    parser.add_argument(
        "--no-mirror", dest="mirror", action="store_false", help="left and right matter: leave out mirror images"
    )
    parser.add_argument(
        "--no-background",
        dest="background",
        action="store_false",
        help="what lies between segments is not known to be nothing: leave it out, in place of the class none",
    )
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


def add_dataset_options(parser: argparse.ArgumentParser) -> None:
    """Add what load_dataset takes."""
    parser.add_argument(
        "dataset",
        type=Path,
        metavar="DATASET",
        help="a folder with a folder of videos for each class, or segments (CSV, YAML, VIA) beside their recordings",
    )
    parser.add_argument("--group-pattern", default="", metavar="REGEX", help="what of a clip's name tells its group")
    parser.add_argument("--group-column", default="", metavar="NAME", help="the column of a CSV that tells the group")
    parser.add_argument("--label-map", type=Path, help="YAML: name in the dataset → class, or none")


def dataset_of(options: argparse.Namespace) -> Dataset:
    """Return the dataset that the options name. Raises HarError."""
    label_map = load_label_map(options.label_map) if options.label_map else {}
    return load_dataset(options.dataset.expanduser(), options.group_pattern, options.group_column, label_map)


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
    across = [pair for pair in metrics["duplicates"] if pair["across_groups"]]
    if across:
        console.print(
            f"{len(across)} pairs of near-duplicates were in different groups, which were joined, such as "
            f"{across[0]['one']} and {across[0]['other']}",
            **PLAIN,
        )
    for pair in metrics["duplicates"]:
        if pair["classes"]:
            names = " and ".join(pair["classes"])
            console.print(f"{pair['one']} and {pair['other']} are near-duplicates in {names}; check them", **PLAIN)
    for text in metrics["advice"]:
        console.print(f"would help: {text}", **PLAIN)
    console.print(f"report:  {folder / REPORT}", **PLAIN)
    console.print(f"network: {folder}; run: ros2 launch har_ros actionnet.launch.py model:={folder}", **PLAIN)


COMMANDS = {"teach": run_teach}
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
