"""Who does the pieces of a command's work."""

from __future__ import annotations

import argparse
import re
import sys

from har_ros.commands.shared.options import at_least
from har_ros.workers.joining import ray_workers
from har_ros.workers.processes import Processes
from har_ros.workers.workers import Here, Workers

CLUSTER = "let a Ray cluster do it: auto, the one that this machine belongs to; HOST:PORT"
"""What --ray does."""
_ADDRESS = re.compile(r"auto|[1-9]\d{0,3}|[\w.-]+:\d{1,5}|\[[\da-fA-F:]+\]:\d{1,5}")


def add_ray(parser: argparse._ActionsContainer) -> None:
    """Add --ray."""
    parser.add_argument(
        "--ray",
        type=_address,
        metavar="ADDRESS",
        help=f"{CLUSTER}; or a number: so many workers on this machine, for this command alone",
    )


def cluster_address(text: str) -> str:
    """Read the address of a cluster that runs already."""
    if text.isdigit() or not _ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no cluster's address; give auto or HOST:PORT")
    return text


def add_workers(parser: argparse.ArgumentParser, jobs: str) -> None:
    """Add --jobs and --ray, one of which may be given. jobs: what the former says."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--jobs", type=at_least(1), default=1, help=jobs)
    add_ray(group)


def workers_of(options: argparse.Namespace, pieces: int = sys.maxsize) -> Workers:
    """Return who does so many pieces, at most. Raises ConfigurationError when Ray is not there."""
    if options.ray:
        return ray_workers(options.ray)
    jobs = min(getattr(options, "jobs", 1), pieces)
    return Processes(jobs) if jobs > 1 else Here()


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no cluster; give auto, HOST:PORT, or a number of workers")
    return text
