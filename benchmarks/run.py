"""`make bench`: what har_ros adds to the bare network, as ratios from one run.

Four cameras at 640x480 and 15 images per second, played by video_source in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import cv2
import numpy as np
import onnx
import rclpy
import yaml
from ament_index_python.packages import get_package_prefix
from onnx import TensorProto, helper, numpy_helper
from rclpy.parameter import Parameter
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import Image

from har_ros.models.locate import find_card
from har_ros.msg import ActionWindow
from har_ros.nodes import camera
from har_ros.nodes.actionnet import ActionNet
from har_ros.nodes.camera import Camera
from har_ros.nodes.conversions import camera_image, header, image_message, nanoseconds
from har_ros.nodes.video_source import default_topics
from har_ros.pixels import CameraImage
from har_ros.recognizer import Recognizer, Result, Stream, StreamSettings
from har_ros.window import Clip

CAMERAS, RATE, HEIGHT, WIDTH = 4, 15.0, 480, 640
MODEL = "i3d-kinetics-400"
TOPICS = default_topics(CAMERAS)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each throughput measurement")
    seconds = parser.parse_args().seconds
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    profile = Path(get_package_prefix("har_ros"), "share", "har_ros", "config", "fastdds.xml")
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(profile))
    with TemporaryDirectory() as folder:
        films = make_films(Path(folder))
        table = Table("figure", "measured", "aim", title=cpu())
        for row in (*host_time(), latency(films, seconds, Path(folder)), *throughput(films, seconds)):
            table.add_row(*row)
    Console().print(table)


def cpu() -> str:
    """Return the processor's name and the number of cores."""
    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    return f"{os.cpu_count()} cores of {names[0] if names else 'an unknown processor'}"


def make_films(folder: Path) -> list[str]:
    """Make the demo's videos landscape, 640x480, four seconds at the bench's rate."""
    spec = importlib.util.find_spec("Pose2Sim")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise SystemExit("the videos of pose2sim are missing; run: make clean bench")
    sources = sorted(Path(folders[0], "Demo_SinglePerson", "videos").glob("cam*.mp4"))
    return [make_film(source, folder / source.name) for source in sources[:CAMERAS]]


def make_film(source: Path, film: Path) -> str:
    """Take every fourth frame's middle."""
    capture = cv2.VideoCapture(str(source))
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (WIDTH, HEIGHT))
    index = 0
    while (frame := capture.read()[1]) is not None:
        if index % 4 == 0:
            writer.write(cv2.resize(frame[500:1310], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
        index += 1
    writer.release()
    return str(film)


@contextmanager
def program(executable: str, **parameters: object) -> Iterator[None]:
    """Run one of har_ros's executables as a process of its own."""
    command = [str(Path(get_package_prefix("har_ros"), "lib", "har_ros", executable)), "--ros-args"]
    for name, value in parameters.items():
        command += ["-p", f"{name}:={value}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def throughput(films: list[str], seconds: float) -> list[tuple[str, str, str]]:
    """Windows per second: the bare network, through topics, the bare network again."""
    before = bare(seconds / 2)
    through_topics, frame_rate = through_ros(films, seconds)
    after = bare(seconds / 2)
    network = (before + after) / 2
    return [
        ("windows per second, bare network", f"{network:.2f}", ""),
        ("windows per second, through ROS topics", f"{through_topics:.2f}", ""),
        ("images per second that arrived", f"{frame_rate:.1f} of {CAMERAS * RATE:.0f}", ""),
        ("through ROS topics / bare network", f"{through_topics / network:.2f}", "0.95"),
    ]


def bare(seconds: float) -> float:
    """Return the windows per second of the network alone, on one clip."""
    with Recognizer.open(MODEL) as recognizer:
        stream = Stream(recognizer.card, StreamSettings())
        image = CameraImage(np.zeros(HEIGHT * WIDTH * 3, np.uint8), HEIGHT, WIDTH, "bgr8", WIDTH * 3)
        while not stream.push(image):
            pass
        with stream.window() as clip:
            assert clip is not None
            recognizer.recognize(clip, 5, 0.01)
            return rate_of(lambda: recognizer.recognize(clip, 5, 0.01), seconds)


def rate_of(action: Callable[[], object], seconds: float) -> float:
    """Return how often the action ends per second."""
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        action()
        count += 1
    return count / elapsed


def through_ros(films: list[str], seconds: float) -> tuple[float, float]:
    """Return windows and images per second of the actionnet node, all cameras together."""
    windows: list[tuple[float, ActionWindow]] = []
    rclpy.init()
    node = rclpy.create_node("bench")
    node.create_subscription(
        ActionWindow, "actions/windows", lambda message: windows.append((time.perf_counter(), message)), 100
    )
    with program("actionnet", image_topics=TOPICS), program("video_source", videos=films):
        serve(node, lambda: len({message.image_topic for _, message in windows}) == CAMERAS, 120)
        windows.clear()
        serve(node, lambda: False, seconds)
    node.destroy_node()
    rclpy.shutdown()
    arrivals = [arrival for arrival, _ in windows]
    spans = [nanoseconds(message.window_end) - nanoseconds(message.window_start) for _, message in windows]
    frame_rate = (windows[0][1].frames - 1) / statistics.mean(spans) * 1e9
    return (len(windows) - 1) / (arrivals[-1] - arrivals[0]), CAMERAS * frame_rate


def serve(node: rclpy.node.Node, condition: Callable[[], bool], seconds: float) -> None:
    """Serve callbacks until the condition holds or the time is over."""
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:
        rclpy.spin_once(node, timeout_sec=0.1)


def latency(films: list[str], seconds: float, folder: Path) -> tuple[str, str, str]:
    """Time from the image callback to the publication on /actions, less the inference, of a network that keeps up."""
    began: dict[int, float] = {}
    took: list[float] = []

    def noted(message: Image) -> CameraImage:  # the callback's first act
        start = time.perf_counter()
        image = camera_image(message)
        began[image.stamp] = start
        return image

    class Measured(ActionNet):
        def _publish(self, source: Camera, clip: Clip, result: Result) -> None:
            super()._publish(source, clip, result)
            took.append(time.perf_counter() - began[clip.end] - result.inference_time)

    rclpy.init()
    values = {"image_topics": TOPICS[:1], "model": str(small_network(folder))}
    node = Measured(parameter_overrides=[Parameter(name, value=value) for name, value in values.items()])
    with patch.object(camera, "camera_image", noted), program("video_source", videos=films[:1]):
        node.start()
        serve(node, lambda: False, seconds)
    node.stop()
    node.destroy_node()
    rclpy.shutdown()
    median, tail = np.percentile(np.array(took) * 1e3, [50, 95])
    return ("callback to /actions without inference, 95 %", f"{tail:.2f} ms (median {median:.2f})", "2 ms")


def small_network(folder: Path) -> Path:
    """Make a network that costs next to nothing, and its card: the mean of each colour in 16 frames."""
    nodes = [
        helper.make_node("Cast", ["frames"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["logits"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["clips", "time", 224, 224, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["clips", 3])],
        [numpy_helper.from_array(np.array([1, 2, 3]), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    onnx.save(model, folder / "colours.onnx")
    card = {
        "name": "colours",
        "description": "for benchmarks",
        "licence": "Apache-2.0",
        "network": "colours.onnx",
        "labels": ["red", "green", "blue"],
        "clip": {
            **{"frames": 16, "minimum_frames": 16, "multiple_of": 1, "height": 224, "width": 224, "skip_frames": 0},
            "resize": {"shorter_side": 256, "interpolation": "linear"},
        },
    }
    path = folder / "colours.yaml"
    path.write_text(yaml.safe_dump(card))
    return path


def host_time() -> list[tuple[str, str, str]]:
    """Time of all that happens to one frame on the host, over that of one cv2.resize of it to the same size."""
    frame = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    slot = np.empty((224, 224, 3), np.uint8)
    resize = median_time(lambda: cv2.resize(frame, (224, 224), dst=slot))
    rows = []
    for encoding in ("rgb8", "bgr8"):
        message = image_message(frame, encoding, header(0, "camera"))
        stream = Stream(find_card(MODEL), StreamSettings())
        took = median_time(lambda message=message, stream=stream: stream.push(camera_image(message)))  # type: ignore[misc]
        ratio = f"{took / resize:.2f} ({took * 1e6:.0f} us / {resize * 1e6:.0f} us)"
        rows.append((f"host time per {encoding} frame / one cv2.resize of it", ratio, "1.3"))
    return rows


def median_time(action: Callable[[], object], repetitions: int = 1000) -> float:
    """Return the median duration of the action in seconds."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
