"""Check a truth file against recordings and a network."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from rich.console import Console

from har_ros.commands.shared.jobs import add_recordings, jobs_of
from har_ros.commands.shared.parameter_file import add_parameter_file, node_parameters
from har_ros.commands.shared.parser import Parser
from har_ros.errors import counted
from har_ros.files.console import say
from har_ros.pipeline.configuration import all_labels, network_names
from har_ros.truth.check import problems, span_of
from har_ros.truth.segments import load_label_map, load_truth

MOST_PROBLEMS = 100
"""That `truth check` prints."""


def run(arguments: list[str]) -> int:
    """`actionnet truth check`. Returns the exit status: 1 when something does not fit. Raises HarError."""
    parser = Parser(prog="actionnet truth", description="Check the ground truth of recordings.")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check", help="report what does not match the recordings and the network")
    checking.add_argument("truth", type=Path, help="segments with labels: CSV, YAML, VIA's CSV or JSON")
    add_recordings(checking)
    checking.add_argument("--label-map", type=Path, help="YAML: truth name → class of the network, several, or none")
    add_parameter_file(checking)
    options = parser.parse_args(arguments)
    values = node_parameters(options.params_file, options.param)
    label_map = load_label_map(options.label_map)
    segments = load_truth(options.truth)
    jobs = jobs_of(options.recordings, values)
    spans = []
    for job in jobs:
        with job.opened() as recording:
            spans.append(span_of(job.name, recording))
    every = problems(segments, spans, all_labels(values), label_map, network_names(values))
    found = list(islice(every, MOST_PROBLEMS + 1))
    console = Console()
    for text in found[:MOST_PROBLEMS]:
        say(console, text)
    if len(found) > MOST_PROBLEMS:
        say(console, f"and more; these are the first {MOST_PROBLEMS}")
    if not found:
        names = len({segment.label for segment in segments})
        console.print(
            f"no problem found: {counted(len(segments), 'segment')} with {counted(names, 'label')}, "
            f"{counted(len(spans), 'recording')}"
        )
    return 1 if found else 0
