"""What the node costs: over topics, the cameras in a process of their own."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
import rclpy
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from figures import Figure, once, ratio
from har_ros.errors import counted
from har_ros.frames.pixels import CameraImage
from har_ros.nodes import images
from har_ros.nodes.actionnet import ActionNet
from har_ros.nodes.camera import Camera
from har_ros.nodes.conversions import camera_image
from har_ros.nodes.image_messages import Taken, take_image
from har_ros.nodes.worker import Worker
from har_ros.pipeline.recognizer import Result
from har_ros.recordings.video import default_topics
from inputs import HEIGHT, RATE, WIDTH
from measure import CAMERAS, Measured, Setting, bare_subscriptions, measure, program, serve
from part import Bench, Figures
from without_ros import MODEL, bare

NUMBERS = (1, 2, 4, 8, 16)
AIMS = dict(zip(NUMBERS, ("0.97", "0.96", "0.95", "0.92", "0.85"), strict=True))
"""Windows per second over the bare network's, with so many cameras."""
STREAMS = (1, 2, 4, 6, 8)


def many_cameras(bench: Bench) -> Figures:
    """One node with 1 to 16 cameras, with a network that costs next to nothing and with I3D."""
    light, heavy = {}, {}
    for number in NUMBERS:
        light[number] = found = measure(Setting(number, bench.small), bench.seconds)
        yield [once(cpu_per_image(number), found.cpu * 1e3, "ms", detail=_images(number, found))]
    yield [
        ratio("small network: CPU per image, 16 cameras / 1", light[16].cpu, light[1].cpu, "ms", times=1e3, aim="1.1"),
        ratio(
            "small network: main thread's CPU per image / a subscription's that does nothing, 16 cameras",
            light[16].main_thread,
            bare_subscriptions(16, bench.seconds),
            "ms",
            times=1e3,
            aim="0.72",
        ),
        _memory_per_camera("small network", light),
    ]
    for number in NUMBERS:
        before = bare(bench.seconds / 3)
        heavy[number] = found = measure(Setting(number, MODEL), bench.seconds)
        network = (before + bare(bench.seconds / 3)) / 2
        yield [
            ratio(over_bare(number), found.windows, network, "windows/s", aim=AIMS[number]),
            once(memory_of(number), found.memory, "MB", detail=_images(number, found)),
        ]
    yield [_memory_per_camera("I3D", heavy)]


def cpu_per_image(number: int) -> str:
    """Return the figure's name."""
    return f"small network: CPU per image, {counted(number, 'camera')}"


def over_bare(number: int) -> str:
    """Return the figure's name."""
    return f"I3D: windows per second / bare network, {counted(number, 'camera')}"


def memory_of(number: int) -> str:
    """Return the figure's name."""
    return f"I3D: memory, {counted(number, 'camera')}"


def _images(number: int, measured: Measured) -> str:
    return f"{measured.frames:.0f} of {number * RATE:.0f} images/s"


def _memory_per_camera(name: str, measured: dict[int, Measured]) -> Figure:
    first, last = min(measured), max(measured)
    added = (measured[last].memory - measured[first].memory) / (last - first)
    return once(f"{name}: memory of each added camera", added, "MB")


def threads(bench: Bench) -> Figures:
    """I3D with 4 and 16 cameras by the number of OpenVINO's threads: all cores, one less, and half of them."""
    cores = len(os.sched_getaffinity(0))
    for number in (4, 16):
        for count in sorted({cores, cores - 1, cores // 2} - {0}, reverse=True):
            before = bare(bench.seconds / 3)
            found = measure(Setting(number, MODEL, threads=count), bench.seconds)
            network = (before + bare(bench.seconds / 3)) / 2
            what = f"{over_bare(number)}, {counted(count, 'thread')}"
            yield [ratio(what, found.windows, network, "windows/s")]


def process_per_camera(bench: Bench) -> Figures:
    """Four cameras in four processes, as the peers do it, over one node."""
    for name, model in (("small network", bench.small), ("I3D", MODEL)):
        one, apart = (measure(Setting(4, model, processes=number), bench.seconds) for number in (1, 4))
        what = f"{name}, 4 cameras, a process each / one node"
        yield [
            ratio(f"{what}: CPU per image", apart.cpu, one.cpu, "ms", times=1e3, aim="5"),
            ratio(f"{what}: memory", apart.memory, one.memory, "MB"),
            ratio(f"{what}: windows per second", apart.windows, one.windows, "windows/s"),
        ]


def continual_cameras(bench: Bench) -> Figures:
    """I3D with 1 to 8 cameras of 25 images per second, 64-frame windows beside continual inference."""
    memories = {}
    for number in STREAMS:
        for continual, name in ((False, "windows"), (True, "continual")):
            found = measure(Setting(number, MODEL, 25.0, continual=continual), bench.seconds)
            text = f"{found.cpu * found.frames:.2f} cores"
            if continual:
                text += f", {found.dropped / max(1e-9, found.windows + found.dropped):.0%} of the steps lost"
            yield [
                once(
                    f"I3D {name}: answers of each camera, {counted(number, 'camera')}",
                    found.windows / number,
                    "answers/s",
                    detail=text,
                )
            ]
            if continual:
                memories[number] = found
    yield [_memory_per_camera("I3D continual", memories)]


def transports(bench: Bench) -> Figures:
    """Images at 30 per second as ROS is installed, with malloc that keeps memory, and with shared memory as well."""
    for height, width in ((480, 640), (1080, 1920)):
        for name, reliable, as_installed, shared in (
            ("best effort, as installed", False, True, False),
            ("reliable, as installed", True, True, False),
            ("reliable, + malloc that keeps memory", True, False, False),
            ("reliable, + shared memory", True, False, True),
            ("best effort, + shared memory", False, False, True),
        ):
            setting = Setting(1, bench.small, 30.0, height, width, 1, reliable, as_installed, shared)
            found = measure(setting, bench.seconds)
            text = f"{found.cpu * 1e3:.1f} ms CPU, {found.frames:.1f} of 30 images/s"
            what = f"{width}×{height}, {name}: image to /actions without inference"
            yield [once(what, found.latency, "ms", detail=text)]


def latency(bench: Bench) -> Figures:
    """Time from the image callback to the publication on /actions, less the inference, of a network that keeps up."""
    began: dict[int, float] = {}
    took: list[float] = []
    publish = Worker.publish

    def noted(message: Taken) -> CameraImage:  # the callback's first act
        start = time.perf_counter()
        image = camera_image(message)
        began[image.stamp] = start
        return image

    def measured(worker: Worker, source: Camera, result: Result) -> None:
        publish(worker, source, result)
        took.append(time.perf_counter() - began[result.end] - result.inference_time)

    command = [*CAMERAS, "1", str(RATE), str(HEIGHT), str(WIDTH)]
    values = {"image_topics": default_topics(1), "model": bench.small}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    raw = {"raw": (Image, "", take_image, noted)}
    with patch.dict(images.TRANSPORTS, raw), patch.object(Worker, "publish", measured), ExitStack() as begun:
        quiet = ["--ros-args", "--log-level", "warn"]
        rclpy.init(args=quiet, signal_handler_options=SignalHandlerOptions.NO)
        begun.callback(rclpy.shutdown)
        node = ActionNet(parameter_overrides=overrides)
        begun.callback(node.destroy_node)
        begun.callback(node.stop)
        with program(command, dict(os.environ)):
            node.start()
            serve(node, lambda: bool(took), 30)
            serve(node, lambda: False, bench.seconds)
    median, tail = np.percentile(np.array(took) * 1e3, [50, 95]).tolist()
    what = "image callback to /actions without inference"
    yield [once(f"{what}, median", median, "ms"), once(f"{what}, 95 %", tail, "ms", aim="2 ms")]
