"""How long the first result takes: from the start of the node to the first message, from the command to its first line.

python benchmarks/startup.py [--model MODEL] [--times 5]. To compare two versions, run it in both checkouts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import rclpy
from ament_index_python.packages import get_package_prefix
from rclpy.executors import SingleThreadedExecutor
from rich.console import Console
from rich.table import Table
from vision_msgs.msg import Classification

from inputs import COMMAND_FILM, make_films

PROGRAMS = Path(get_package_prefix("har_ros"), "lib", "har_ros")
COMMAND = Path(sys.executable).with_name("actionnet")


def first_message(film: Path, model: str) -> float:
    """Return the seconds from the start of the node to its first message on /actions; a camera is running already."""
    films = [str(PROGRAMS / "video_source"), "--ros-args", "-p", f"videos:=['{film}']"]
    node = [
        str(PROGRAMS / "actionnet"),
        "--ros-args",
        "-p",
        "image_topics:=[/cam01/image_raw]",
        "-p",
        f"model:={model}",
    ]
    rclpy.init()
    listener = rclpy.create_node("startup")
    came: list[Classification] = []
    executor = SingleThreadedExecutor()
    executor.add_node(listener)
    listener.create_subscription(Classification, "/actions", came.append, 10)
    with subprocess.Popen(films, stderr=subprocess.DEVNULL) as camera:
        deadline = time.monotonic() + 30
        while not listener.count_publishers("/cam01/image_raw") and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
        start = time.monotonic()
        with subprocess.Popen(node, stderr=subprocess.DEVNULL) as recognizer:
            while not came and time.monotonic() < start + 120:
                executor.spin_once(timeout_sec=0.1)
            took = time.monotonic() - start
            recognizer.terminate()
        camera.terminate()
    executor.shutdown()
    listener.destroy_node()
    rclpy.shutdown()
    return took


def first_line(film: Path, model: str, output: Path) -> float:
    """Return the seconds from the start of the command to its first line."""
    start = time.monotonic()
    command = [str(COMMAND), str(film), str(output), "--model", model, "--threshold", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        took = time.monotonic() - start
        process.kill()
    return took


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="i3d-kinetics-400", help="a card's name or path")
    parser.add_argument("--times", type=int, default=5, help="runs of each")
    options = parser.parse_args()
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    table = Table("figure", "seconds (median)", "of")
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_films(folder)
        film = folder / COMMAND_FILM
        first_line(film, options.model, folder / "out.mp4")  # what is cached is there from now on
        lines = [first_line(film, options.model, folder / "out.mp4") for _ in range(options.times)]
        messages = [first_message(film, options.model) for _ in range(options.times)]
    for what, found in (("actionnet VIDEO: first line", lines), ("node: first message on /actions", messages)):
        table.add_row(what, f"{statistics.median(found):.2f}", ", ".join(f"{one:.2f}" for one in found))
    Console().print(table)


if __name__ == "__main__":
    main()
