"""How long the first answer takes."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import rclpy
from ament_index_python.packages import get_package_prefix
from rclpy.signals import SignalHandlerOptions
from vision_msgs.msg import Classification

from figures import Figure, once
from har_ros.errors import HarError
from measure import program, serve
from part import Bench, Figures
from without_ros import ACTIONNET, MODEL, failure

PROGRAMS = Path(get_package_prefix("har_ros"), "lib", "har_ros")
PATIENCE = 120.0
"""Seconds."""


def first_action(bench: Bench) -> Figures:
    """Time from the start of node and command to their first answer, the window's own length within."""
    models = {"I3D": (MODEL, "a window of 2.5 s"), "small network": (bench.small, "a window of 0.6 s")}
    video = bench.folder / "first.mp4"
    for model, _ in models.values():
        first_line(bench.film, model, video)  # what is cached is there from now on
    while True:
        found: list[Figure] = []
        for name, (model, window) in models.items():
            line, message = first_line(bench.film, model, video), first_message(bench.film, model)
            found += [
                once(f"from the start of actionnet VIDEO to its first line, {name}", line, "s"),
                once(
                    f"from the start of the node to its first message on /actions, {name}", message, "s", detail=window
                ),
            ]
        yield found


def first_message(film: Path, model: str) -> float:
    """Return the seconds from the start of the node to its first message on /actions; a camera is running already."""
    camera = [str(PROGRAMS / "video_source"), "--ros-args", "-p", f"videos:=['{film}']"]
    parameters = ["-p", "image_topics:=[/cam01/image_raw]", "-p", f"model:={model}"]
    node = [str(PROGRAMS / "actionnet"), "--ros-args", *parameters]
    came: list[Classification] = []
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    listener = rclpy.create_node("first_action")
    try:
        listener.create_subscription(Classification, "/actions", came.append, 10)
        with program(camera, dict(os.environ)):
            serve(listener, lambda: bool(listener.count_publishers("/cam01/image_raw")), PATIENCE)
            start = time.monotonic()
            with program(node, dict(os.environ)):
                serve(listener, lambda: bool(came), PATIENCE)
                took = time.monotonic() - start
    finally:
        listener.destroy_node()
        rclpy.shutdown()
    if not came:
        raise HarError(f"nothing came on /actions within {PATIENCE:g} s of the node's start; see what it says")
    return took


def first_line(film: Path, model: str, output: Path) -> float:
    """Return the seconds from the start of the command to its first line. Raises HarError."""
    start = time.monotonic()
    command = [ACTIONNET, str(film), str(output), "--model", model, "--threshold", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line, took = process.stdout.readline(), time.monotonic() - start
        process.kill()
    if not line:
        raise failure(command, process.returncode)
    return took
