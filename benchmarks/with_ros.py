"""What the node costs: over topics, the cameras in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import rclpy
from ament_index_python.packages import get_package_prefix
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from har_ros.msg import ActionWindow
from har_ros.nodes import camera
from har_ros.nodes.actionnet import ActionNet
from har_ros.nodes.camera import Camera
from har_ros.nodes.conversions import camera_image, nanoseconds
from har_ros.nodes.output import Output
from har_ros.nodes.video_source import default_topics
from har_ros.pixels import CameraImage
from har_ros.recognizer import Result
from inputs import HEIGHT, RATE, WIDTH
from without_ros import MODEL, Row, bare

NUMBERS = (1, 2, 4, 8, 16)
PROFILE = Path(get_package_prefix("har_ros"), "share", "har_ros", "config", "fastdds.xml")
CAMERAS = (sys.executable, str(Path(__file__).with_name("cameras.py")))
HERE_LAST = "import sys; sys.path.remove(''); "  # the checkout's har_ros has no messages
RUN = "from har_ros.nodes.actionnet import main; raise SystemExit(main())"
NODE = HERE_LAST + RUN
NODE_AS_INSTALLED = HERE_LAST + "from har_ros.nodes import run; run.keep_freed_memory = lambda: None; " + RUN


@dataclass(frozen=True)
class Setting:
    """What is measured. processes: among how many nodes the cameras are divided."""

    cameras: int
    model: str
    rate: float = RATE
    height: int = HEIGHT
    width: int = WIDTH
    processes: int = 1
    reliable: bool = False
    as_installed: bool = False
    shared_memory: bool = True


@dataclass(frozen=True)
class Measured:
    """All nodes together: images and windows per second, CPU seconds per image, resident MB, ms to publication."""

    frames: float
    windows: float
    cpu: float
    memory: float
    latency: float
    windows_over_bare: float = 0.0


Figures = dict[str, dict[int, Measured]]
"""Network → number of cameras → what was measured."""


def measure(setting: Setting, seconds: float) -> Measured:
    """Run nodes and cameras, and count once every camera had a window."""
    topics = default_topics(setting.cameras)
    environment = {name: value for name, value in os.environ.items() if name != "FASTRTPS_DEFAULT_PROFILES_FILE"}
    if setting.shared_memory:
        environment["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(PROFILE)
    flags = ["--as-installed"] * setting.as_installed + ["--reliable"] * setting.reliable
    sizes = [str(value) for value in (setting.cameras, setting.rate, setting.height, setting.width)]
    code = NODE_AS_INSTALLED if setting.as_installed else NODE
    with ExitStack() as stack:
        nodes = []
        for i in range(setting.processes):
            parameters = [f"image_topics:={topics[i :: setting.processes]}", f"model:={setting.model}"]
            if setting.reliable:
                parameters += [f"qos_overrides.{topic}.subscription.reliability:=reliable" for topic in topics]
            options = [option for parameter in parameters for option in ("-p", parameter)]
            remaps = ["-r", f"__node:=actionnet{i}"]
            command = [sys.executable, "-c", code, "--ros-args", *remaps, *options]
            nodes.append(stack.enter_context(program(command, environment)))
        counter = stack.enter_context(Counter.listening(topics))
        stack.enter_context(program([*CAMERAS, *sizes, *flags], environment))
        return counter.count([node.pid for node in nodes], seconds)


@contextmanager
def program(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of its own; stop it with SIGTERM."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


class Counter:
    """Hears what the nodes say of themselves."""

    def __init__(self, node: Node, topics: list[str]) -> None:
        self._node = node
        self._seen = dict.fromkeys(topics, False)
        self._latencies: list[float] = []
        self._frames: dict[str, tuple[float, int, int]] = {}
        node.create_subscription(ActionWindow, "actions/windows", self._on_window, 100)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 100)

    @classmethod
    @contextmanager
    def listening(cls, topics: list[str]) -> Iterator[Counter]:
        """Open a node for as long as the block lasts."""
        rclpy.init()
        node = rclpy.create_node("bench")
        try:
            yield cls(node, topics)
        finally:
            node.destroy_node()
            rclpy.shutdown()

    def _on_window(self, message: ActionWindow) -> None:
        self._seen[message.image_topic] = True
        age = message.age.sec + message.age.nanosec / 1e9
        self._latencies.append(age - message.inference_time.sec - message.inference_time.nanosec / 1e9)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        at = nanoseconds(message.header.stamp) / 1e9
        for status in message.status[1:]:
            values = {pair.key: pair.value for pair in status.values}
            self._frames[status.hardware_id] = at, int(values["frames"]), int(values["windows"])

    def count(self, nodes: list[int], seconds: float) -> Measured:
        """Count for so many seconds once every camera had a window."""
        serve(self._node, lambda: all(self._seen.values()), 15)  # where images are lost, windows may be, too
        serve(self._node, lambda: False, 3.0)
        self._latencies.clear()
        before, cpu, start = dict(self._frames), cpu_time(nodes), time.perf_counter()
        serve(self._node, lambda: False, seconds)
        used, elapsed = cpu_time(nodes) - cpu, time.perf_counter() - start
        rates = [
            ((frames - frames_before) / (at - at_before), (windows - windows_before) / (at - at_before))
            for topic, (at, frames, windows) in self._frames.items()
            for at_before, frames_before, windows_before in [before[topic]]
        ]
        frames = sum(rate for rate, _ in rates)
        latency = float(np.median(self._latencies or [np.nan])) * 1e3
        return Measured(frames, sum(rate for _, rate in rates), used / elapsed / frames, memory(nodes), latency)


def serve(node: Node, condition: Callable[[], bool], seconds: float) -> None:
    """Serve callbacks until the condition holds or the time is over."""
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:
        rclpy.spin_once(node, timeout_sec=0.1)


def cpu_time(processes: list[int]) -> float:
    """Return the seconds of CPU that the processes have used, all threads (proc(5), utime and stime)."""
    fields = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in processes]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


def memory(processes: list[int]) -> float:
    """Return the processes' resident memory in MB, shared pages counted once for each."""
    pages = sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in processes)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


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
    publish = Output.publish

    def noted(message: Image) -> CameraImage:  # the callback's first act
        start = time.perf_counter()
        image = camera_image(message)
        began[image.stamp] = start
        return image

    def measured(output: Output, source: Camera, result: Result) -> None:
        publish(output, source, result)
        took.append(time.perf_counter() - began[result.end] - result.inference_time)

    command = [*CAMERAS, "1", str(RATE), str(HEIGHT), str(WIDTH)]
    values = {"image_topics": default_topics(1), "model": str(small)}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    raw = {"raw": (Image, "", noted)}
    with patch.dict(camera.TRANSPORTS, raw), patch.object(Output, "publish", measured):
        rclpy.init()
        node = ActionNet(parameter_overrides=overrides)
        with program(command, dict(os.environ)):
            node.start()
            serve(node, lambda: False, seconds)
        node.stop()
        node.destroy_node()
        rclpy.shutdown()
    median, tail = np.percentile(np.array(took) * 1e3, [50, 95])
    return ("callback to /actions without inference, 95 %", f"{tail:.2f} ms (median {median:.2f})", "2 ms")
