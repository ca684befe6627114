"""What the node costs: over topics, the cameras in a process of their own."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import rclpy
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from har_ros.frames.pixels import CameraImage
from har_ros.nodes import images
from har_ros.nodes.actionnet import ActionNet
from har_ros.nodes.camera import Camera
from har_ros.nodes.conversions import camera_image
from har_ros.nodes.worker import Worker
from har_ros.pipeline.recognizer import Result
from har_ros.recordings.video import default_topics
from inputs import HEIGHT, RATE, WIDTH
from measure import CAMERAS, Measured, Setting, measure, program, serve
from without_ros import MODEL, Row, bare

NUMBERS = (1, 2, 4, 8, 16)
STREAMS = (1, 2, 4, 6, 8)

Figures = dict[str, dict[int, Measured]]
"""Network → number of cameras → what was measured."""


def many_cameras(small: Path, seconds: float) -> tuple[list[Row], Figures]:
    """Measure 1 to 16 cameras, with a network that costs next to nothing and with I3D; return the figures, too."""
    rows: list[Row] = []
    light, heavy = {}, {}
    for number in NUMBERS:
        light[number] = found = measure(Setting(number, str(small)), seconds)
        text = f"{found.cpu * 1e3:.2f} ms"
        rows.append((f"small network, {_images(number, found)}: CPU per image", text, ""))
    rows.append(("the same with 16 cameras / with 1", f"{light[16].cpu / light[1].cpu:.2f}", "1.1"))
    rows.append(("memory per added camera, small network", _memory_per_camera(light), ""))
    for number in NUMBERS:
        before = bare(seconds / 3)
        found = measure(Setting(number, MODEL), seconds)
        network = (before + bare(seconds / 3)) / 2
        heavy[number] = replace(found, windows_over_bare=found.windows / network)
        text = f"{found.windows / network:.2f} ({found.windows:.2f} / {network:.2f})"
        rows.append((f"I3D, {_images(number, found)}: windows per second / bare network", text, "0.95"))
    rows.append(("memory per added camera, I3D", _memory_per_camera(heavy), ""))
    return rows, {"small": light, "I3D": heavy}


def _images(number: int, measured: Measured) -> str:
    return f"{number} cameras ({measured.frames:.0f} of {number * RATE:.0f} images/s)"


def _memory_per_camera(measured: dict[int, Measured]) -> str:
    return f"{(measured[16].memory - measured[1].memory) / 15:.1f} MB"


def process_per_camera(small: Path, together: Figures, seconds: float) -> list[Row]:
    """Four cameras in four processes, as the peers do it, over one node."""
    rows = []
    for name, model in (("small", str(small)), ("I3D", MODEL)):
        apart, one = measure(Setting(4, model, processes=4), seconds), together[name][4]
        cpu = f"{apart.cpu / one.cpu:.2f} ({apart.cpu * 1e3:.1f} / {one.cpu * 1e3:.1f} ms)"
        memory = f"{apart.memory / one.memory:.2f} ({apart.memory:.0f} / {one.memory:.0f} MB)"
        windows = f"{apart.windows / one.windows:.2f} ({apart.windows:.2f} / {one.windows:.2f})"
        what = f"4 cameras, {name}: a process each / one node"
        rows += [
            (f"{what}, CPU per image", cpu, "5"),
            (f"{what}, memory", memory, ""),
            (f"{what}, windows per second", windows, ""),
        ]
    return rows


def continual_cameras(seconds: float) -> list[Row]:
    """I3D with cameras of 25 images per second, 64-frame windows beside continual inference."""
    rows, memories = [], {}
    for number in STREAMS:
        for continual, name in ((False, "windows"), (True, "continual")):
            found = measure(Setting(number, MODEL, 25.0, continual=continual), seconds)
            lost = found.dropped / (found.windows + found.dropped)
            text = f"{found.windows / number:.2f} answers/s, {found.cpu * found.frames:.2f} cores"
            text += f", {lost:.0%} of the steps lost" if continual else ""
            rows.append((f"{number} cameras at 25 images/s, I3D {name}: each camera", text, ""))
            memories[number, continual] = found.memory
    added = (memories[STREAMS[-1], True] - memories[STREAMS[0], True]) / (STREAMS[-1] - STREAMS[0])
    rows.append(("memory per added camera, I3D continual", f"{added:.1f} MB", ""))
    return rows


def transports(small: Path, seconds: float) -> list[Row]:
    """Images at 30 per second as ROS is installed, with malloc that keeps memory, and with shared memory as well."""
    rows = []
    for height, width in ((480, 640), (1080, 1920)):
        for name, reliable, as_installed, shared in (
            ("best effort, as installed", False, True, False),
            ("reliable, as installed", True, True, False),
            ("reliable, + malloc that keeps memory", True, False, False),
            ("reliable, + shared memory", True, False, True),
            ("best effort, + shared memory", False, False, True),
        ):
            setting = Setting(1, str(small), 30.0, height, width, 1, reliable, as_installed, shared)
            found = measure(setting, seconds)
            text = f"{found.latency:.1f} ms, {found.cpu * 1e3:.1f} ms CPU, {found.frames:.1f} of 30 images/s"
            rows.append((f"{width}x{height}, {name}: image to /actions without inference", text, ""))
    return rows


def latency(small: Path, seconds: float) -> Row:
    """Time from the image callback to the publication on /actions, less the inference, of a network that keeps up."""
    began: dict[int, float] = {}
    took: list[float] = []
    publish = Worker.publish

    def noted(message: bytes) -> CameraImage:  # the callback's first act
        start = time.perf_counter()
        image = camera_image(message)
        began[image.stamp] = start
        return image

    def measured(worker: Worker, source: Camera, result: Result) -> None:
        publish(worker, source, result)
        took.append(time.perf_counter() - began[result.end] - result.inference_time)

    command = [*CAMERAS, "1", str(RATE), str(HEIGHT), str(WIDTH)]
    values = {"image_topics": default_topics(1), "model": str(small)}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    raw = {"raw": (Image, "", noted)}
    with patch.dict(images.TRANSPORTS, raw), patch.object(Worker, "publish", measured):
        rclpy.init()
        node = ActionNet(parameter_overrides=overrides)
        with program(command, dict(os.environ)):
            node.start()
            serve(node, lambda: bool(took), 30)
            serve(node, lambda: False, seconds)
        node.stop()
        node.destroy_node()
        rclpy.shutdown()
    median, tail = np.percentile(np.array(took) * 1e3, [50, 95])
    return ("callback to /actions without inference, 95 %", f"{tail:.2f} ms (median {median:.2f})", "2 ms")
