"""`make bench`: what har_ros adds to the bare network, as ratios from one run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from har_ros.nodes.middleware import shared_memory
from inputs import make_films, small_network
from measure import PROFILE
from persons import people, people_of_cameras
from plot import draw
from with_ros import continual_cameras, latency, many_cameras, process_per_camera, transports
from without_ros import backends, command, continual, embeddings, evaluation, host_time


def main() -> None:
    """Print the table, and draw its figures of many cameras."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each measurement")
    parser.add_argument("--plot", type=Path, help="picture of one node with 1 to 16 cameras")
    options = parser.parse_args()
    seconds: float = options.seconds
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    os.environ.update(shared_memory(PROFILE))
    table = Table("figure", "measured", "aim", title=cpu())
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_films(folder)
        small = small_network(folder)
        rows = [
            *host_time(),
            *backends(),
            *continual(),
            *embeddings(folder),
            *command(folder, seconds),
            *evaluation(folder, seconds),
            latency(small, seconds),
            *people(seconds),
        ]
        many, figures = many_cameras(small, seconds)
        rows += [*many, *process_per_camera(small, figures, seconds), *transports(small, seconds)]
        rows += [*continual_cameras(seconds), *people_of_cameras(small, folder, seconds)]
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    if options.plot:
        draw(figures, options.plot)


def cpu() -> str:
    """Return the processor's name and the number of cores."""
    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    return f"{os.cpu_count()} cores of {names[0] if names else 'an unknown processor'}"


if __name__ == "__main__":
    main()
