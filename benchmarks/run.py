"""`make bench`: what har_ros adds to the bare network, as ratios from one run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from ament_index_python.packages import get_package_prefix
from rich.console import Console
from rich.table import Table

from inputs import make_films
from with_ros import latency, throughput
from without_ros import backends, command, embeddings, host_time


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each throughput measurement")
    seconds = parser.parse_args().seconds
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    profile = Path(get_package_prefix("har_ros"), "share", "har_ros", "config", "fastdds.xml")
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(profile))
    table = Table("figure", "measured", "aim", title=cpu())
    with TemporaryDirectory() as name:
        folder = Path(name)
        films = make_films(folder)
        rows = [*host_time(), *backends(), *embeddings(folder), *command(folder, seconds)]
        for row in (*rows, latency(films, seconds, folder), *throughput(films, seconds)):
            table.add_row(*row)
    Console().print(table)


def cpu() -> str:
    """Return the processor's name and the number of cores."""
    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    return f"{os.cpu_count()} cores of {names[0] if names else 'an unknown processor'}"


if __name__ == "__main__":
    main()
