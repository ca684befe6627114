"""Measure without truth how stable a network's answers are on bags and videos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from har_ros.commands.shared.jobs import add_recordings, jobs_of
from har_ros.commands.shared.parameter_file import add_parameter_file, node_parameters
from har_ros.commands.shared.parser import Parser
from har_ros.errors import HarError, counted
from har_ros.evaluate.plan import Job
from har_ros.evaluate.stability import WAYS, Stability, Stable
from har_ros.files.console import cell, say
from har_ros.files.results_folder import write_json
from har_ros.pipeline.configuration import stream_settings
from har_ros.pipeline.opening import open_recognizer
from har_ros.stats.intervals import Figure

FORMAT = "har_ros stability 1"
ROWS = (
    ("label_changes", "changes of the first answer, a minute"),
    ("event_changes", "starts and ends of events, a minute"),
    ("cameras", "cameras of a recording say the same, share of time"),
    ("kappa", "the same beyond chance (Cohen's kappa)"),
    ("lost", "as with all images, when a tenth are lost"),
    ("half", "as with all images, with every second one"),
)
MOST_PAIRS = 20
"""Of cameras, in the terminal."""


def run(arguments: list[str]) -> int:
    """`actionnet stability`. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet stability", description=__doc__)
    add_recordings(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("stability.json"), help="file for the figures")
    add_parameter_file(parser)
    options = parser.parse_args(arguments)
    values = node_parameters(options.params_file, options.param)
    stability = _measured(jobs_of(options.recordings, values), values)
    if not stability.minutes:
        raise HarError("no recording is long enough for a window; set frames, sample_rate or skip_frames")
    write_json(options.output, {"format": FORMAT, "parameters": values, **asdict(stability)})
    console = Console()
    console.print(_table(stability))
    if stability.pairs:
        console.print(_pairs(stability))
    say(console, f"figures: {options.output}")
    return 0


def _measured(jobs: Sequence[Job], values: dict[str, Any]) -> Stability:
    """Play all recordings. Raises HarError."""
    console = Console(stderr=True)
    with open_recognizer(values) as recognizer:
        stable = Stable(recognizer, values)
        how = recognizer.summary(stream_settings(values))
        say(console, f"{counted(len(jobs), 'recording')}, played {len(WAYS)} times: {how}")
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("images", total=sum(job.images for job in jobs) * len(WAYS) or None)
            for job in jobs:
                stable.take(job, lambda: progress.advance(task))
        return stable.stability()


def _table(stability: Stability) -> Table:
    table = Table("figure", "value", "95 % interval", box=None)
    for name, what in ROWS:
        figure: Figure = getattr(stability, name)
        if math.isfinite(figure.value):
            interval = f"{figure.low:.3f} … {figure.high:.3f}" if math.isfinite(figure.low) else ""
            table.add_row(f"{what} [dim]{name}[/]", f"{figure.value:.3f}", interval)
    return table


def _pairs(stability: Stability) -> Table:
    """Return the pairs of cameras that agree least."""
    table = Table("recording", "camera", "camera", "agreement", "kappa", box=None)
    for pair in sorted(stability.pairs, key=lambda pair: pair.agreement)[:MOST_PAIRS]:
        table.add_row(*map(cell, (pair.bag, *pair.cameras)), f"{pair.agreement:.3f}", f"{pair.kappa:.3f}")
    return table
