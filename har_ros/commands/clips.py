"""Cut clips out of long recordings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from har_ros.commands.shared.options import between
from har_ros.commands.shared.parser import Parser
from har_ros.commands.shared.workers import add_ray, workers_of
from har_ros.errors import HarError, counted
from har_ros.files.console import say
from har_ros.learning.cutting import Cutting, cut_all
from har_ros.learning.dataset import classed
from har_ros.recordings.remote import Place, place
from har_ros.truth.segments import load_label_map, load_truth


def run(arguments: list[str]) -> int:
    """`actionnet clips`. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet clips", description="Cut videos and bags into a dataset of clips.")
    parser.add_argument(
        "recordings",
        nargs="+",
        type=place,
        metavar="VIDEO|BAG",
        help="the recordings that the segments are of: paths or addresses",
    )
    parser.add_argument("--truth", type=Path, required=True, help="segments with labels: CSV, YAML, VIA's CSV or JSON")
    parser.add_argument("--label-map", type=Path, help="YAML: name in the segments → class, or none")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DATASET", help="folder for the clips")
    parser.add_argument(
        "--least",
        type=between(0, 600),
        default=2.6,
        metavar="SECONDS",
        help="length of a clip, at least: shorter segments are widened on both sides (2.6, I3D's window)",
    )
    parser.add_argument(
        "--no-background", dest="background", action="store_false", help="no clips of what lies between the segments"
    )
    add_ray(parser)
    options = parser.parse_args(arguments)
    label_map = load_label_map(options.label_map)
    segments = classed(load_truth(options.truth), label_map)
    stems: dict[str, Place] = {}
    for path in options.recordings:
        if (other := stems.setdefault(path.stem, path)) is not path:
            raise HarError(f"{other} and {path} are both called {path.stem}, as their clips' folder is; rename one")
    pieces = [
        (path.absolute(), tuple(one for one in segments if one.speaks_of(path.name))) for path in options.recordings
    ]
    for path, own in pieces:
        if not own:
            raise HarError(
                f"{options.truth} has no segments of {path.name}; correct the name in it, or leave the recording out"
            )
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar, workers_of(options) as workers:
        task = bar.add_task("cutting", total=len(pieces))
        work = Cutting(options.output, options.least, options.background)
        clips = cut_all(work, pieces, workers, lambda: bar.advance(task))
    for label, count in sorted(Counter(path.parts[0] for path in clips).items()):
        say(Console(), f"{label}: {counted(count, 'clip')}")
    say(Console(), f"dataset: {options.output}; next: actionnet dataset check {options.output}")
    return 0
