"""The commands that go with an evaluation: actionnet compare, truth check and record."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from har_ros.errors import ConfigurationError, HarError
from har_ros.evaluate import results
from har_ros.evaluate.bag import open_recording
from har_ros.evaluate.batch import PLAIN
from har_ros.evaluate.check import problems, span_of
from har_ros.evaluate.compare import compare, load_metrics
from har_ros.evaluate.figures import FIGURES
from har_ros.evaluate.plan import Job
from har_ros.evaluate.record import record
from har_ros.evaluate.settings import node_parameters
from har_ros.evaluate.truth import load_label_map, load_truth
from har_ros.options import at_least, between
from har_ros.parameters import named_model

MOST_PROBLEMS = 100
"""That `truth check` prints."""


def run_compare(arguments: list[str]) -> int:
    """`actionnet compare`. Returns the exit status. Raises HarError."""
    parser = argparse.ArgumentParser(prog="actionnet compare", description="Say what changed between two evaluations.")
    parser.add_argument("before", type=Path, help="a folder of results, or its metrics.json")
    parser.add_argument("after", type=Path, help="another of the same recordings and truth")
    options = parser.parse_args(arguments)
    change = compare(load_metrics(options.before), load_metrics(options.after))
    console = Console()
    table = Table("figure", "before", "after", "", box=None)
    for row in change["figures"]:
        values = [f"{row[name]['value']:.3f}" if row[name]["value"] is not None else "" for name in ("before", "after")]
        verdict = {True: "better", False: "worse", None: ""}[row["better"]]
        table.add_row(dict(FIGURES)[row["name"]], *values, verdict)
    console.print(table)
    console.print(changes_table(change))
    return 0


def run_truth(arguments: list[str]) -> int:
    """`actionnet truth check`. Returns the exit status: 1 when something does not fit. Raises HarError."""
    parser = argparse.ArgumentParser(prog="actionnet truth", description="Work with the truth of recordings.")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check", help="report what does not fit recordings and network")
    checking.add_argument("truth", type=Path, help="segments with labels, CSV or YAML")
    checking.add_argument("recordings", nargs="+", type=Path, metavar="BAG", help="a bag's folder or file, or a video")
    checking.add_argument("--label-map", type=Path, help="YAML: truth name → class of the network, several, or none")
    add_parameters(checking)
    options = parser.parse_args(arguments)
    values = node_parameters(options.params_file, options.param)
    label_map = load_label_map(options.label_map) if options.label_map else {}
    segments = load_truth(options.truth)
    jobs = jobs_of(options.recordings, values)
    spans = [span_of(job.name, open_recording(job.path, job.topics, job.transport)) for job in jobs]
    found = list(islice(problems(segments, spans, named_model(values).labels(), label_map), MOST_PROBLEMS + 1))
    console = Console()
    for text in found[:MOST_PROBLEMS]:
        console.print(text, **PLAIN)
    if len(found) > MOST_PROBLEMS:
        console.print(f"and more; these are the first {MOST_PROBLEMS}", **PLAIN)
    if not found:
        names = len({segment.label for segment in segments})
        console.print(f"{len(segments)} segments with {names} labels fit {len(spans)} recordings")
    return 1 if found else 0


def run_record(arguments: list[str]) -> int:
    """`actionnet record`. Returns the exit status. Raises HarError."""
    parser = argparse.ArgumentParser(prog="actionnet record", description="Make a rosbag2 bag (mcap) of videos.")
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="a video file; each becomes a camera")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="BAG", help="the bag's folder")
    parser.add_argument("--topic", action="append", default=[], help="of each video in turn (/cam01/image_raw, …)")
    parser.add_argument("--raw", action="store_true", help="sensor_msgs/Image, in place of JPEG in CompressedImage")
    parser.add_argument(
        "--seconds", type=between(0, 1e6), default=0.0, help="play the videos in a loop for so long (once)"
    )
    parser.add_argument("--max-side", type=at_least(0), default=0, help="scale down to so many pixels (as they are)")
    options = parser.parse_args(arguments)
    record(
        options.videos,
        options.output,
        options.topic,
        raw=options.raw,
        seconds=options.seconds,
        max_side=options.max_side,
        console=Console(stderr=True),
    )
    Console().print(f"bag: {options.output}", **PLAIN)
    return 0


def as_program(name: str, run: Callable[[list[str]], int]) -> int:
    """Run a command as an executable of the package, also with --ros-args. Returns the exit status."""
    try:
        return run([argument for argument in sys.argv[1:] if argument != "--ros-args"])
    except HarError as error:
        Console(stderr=True).print(f"{name}: {error}", **PLAIN)
        return 1
    except KeyboardInterrupt:
        return 130


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add what settings.node_parameters takes."""
    parser.add_argument("--params-file", default="", help="a parameter file of the node, such as config/actionnet.yaml")
    parser.add_argument(
        "-p", "--param", action="append", default=[], metavar="NAME:=VALUE", help="a parameter of the node"
    )


def jobs_of(paths: Sequence[Path], values: dict[str, Any]) -> list[Job]:
    """Give each recording a name of its own: its file's, with as many folders before it as that needs."""
    resolved = [path.expanduser().absolute() for path in paths]
    if len(set(resolved)) < len(resolved):
        raise ConfigurationError("a recording is named more than once; name it once")
    depth = 1
    while len({path.parts[-depth:] for path in resolved}) < len(resolved):
        depth += 1
    topics, transport = tuple(values["image_topics"]), values["image_transport"]
    counts = [open_recording(path, topics, transport).count for path in resolved]
    names = ["/".join(path.parts[-depth:]) for path in resolved]
    return [Job(name, path, topics, transport, n) for name, path, n in zip(names, resolved, counts, strict=True)]


def changes_table(change: dict[str, Any]) -> Table:
    """Return what compare.compare found for each class as a table."""
    table = Table("label", "segments", "before", "after", "difference (95 %)", "p", "", box=None, title="right windows")
    for row in (change["overall"], *change["classes"]):
        row = results.finite(row)
        difference = row["difference"]
        interval = f" ({difference['low']:+.3f} … {difference['high']:+.3f})" if difference["low"] is not None else ""
        said = "significant" if row["significant"] else ""
        values = [f"{row[name]:.3f}" if row[name] is not None else "" for name in ("before", "after")]
        value = f"{difference['value']:+.3f}{interval}" if difference["value"] is not None else ""
        p = row.get("p_corrected", row["p"])
        table.add_row(escape(row["label"]), str(row["segments"]), *values, value, f"{p:.3f}", said)
    return table
