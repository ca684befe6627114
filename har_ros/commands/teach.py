"""Teach a network your own classes, from a folder of clips, or segments of videos and bags."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from har_ros.commands.shared.options import BACKEND, add_parameters, values_of
from har_ros.commands.shared.parser import Parser
from har_ros.commands.shared.program import as_program
from har_ros.commands.shared.summary import show
from har_ros.commands.shared.teaching_options import (
    add_dataset_options,
    add_people_options,
    add_teaching_options,
    dataset_of,
    model_of,
    people_settings,
)
from har_ros.commands.shared.workers import add_ray, workers_of
from har_ros.learning.embedders import Settings
from har_ros.pipeline.configuration import backend_settings
from har_ros.teach.teach import teach


def run(arguments: list[str]) -> int:
    """`actionnet teach`. Returns the exit status. Raises HarError."""
    parser = Parser(prog="actionnet teach", description=__doc__)
    add_dataset_options(parser)
    add_people_options(parser)
    add_teaching_options(parser)
    parser.add_argument(
        "--test", type=Path, metavar="DATASET", help="clips to test the network on, which are not used for fitting"
    )
    parser.add_argument(
        "--background",
        default="",
        metavar="world|FILE|off",
        help="further windows of none: world, those that come with har_ros, where it has some for the network; those "
        "of a background.npz; or off (world where the dataset has the class none, else off)",
    )
    parser.add_argument(
        "--nothing",
        type=Path,
        metavar="FOLDER",
        help="a folder of videos or bags in which there is none of the classes; the windows that would be taken for "
        "one are taught as none",
    )
    add_parameters(parser, BACKEND)
    add_ray(parser)
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    settings = Settings(
        model_of(options),
        options.frames,
        options.mirror,
        options.between,
        people_settings(options),
        options.background,
        options.nothing,
    )
    try:
        dataset = dataset_of(options, options.dataset)
        test = dataset_of(options, options.test) if options.test else None
        folder = options.output.expanduser().absolute()
        backend = backend_settings(values_of(options, max_batch=1))
        with workers_of(options) as workers:
            metrics = teach(dataset, folder, settings, backend, options.overwrite, console, test, workers=workers)
    except KeyboardInterrupt:
        console.print("interrupted; nothing was written, and the same command resumes from here")
        raise
    show(metrics, folder)
    return 0


def main() -> int:
    """`ros2 run har_ros teach`. Returns the exit status."""
    return as_program("teach", run)
