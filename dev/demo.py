"""`make demo`: videos as cameras, the actionnet node on them, and what it says, live.

Everything runs as on a robot: three processes, real DDS; this one is merely a subscriber.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np
import rclpy
from ament_index_python.packages import get_package_prefix
from numpy.typing import NDArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rich.console import Console
from rich.live import Live
from rich.table import Table
from sensor_msgs.msg import Image
from vision_msgs.msg import Classification

from har_ros.backends.triton.wheel import running
from har_ros.errors import HarError
from har_ros.msg import ActionWindow
from har_ros.nodes.middleware import shared_memory
from har_ros.recordings.video import default_topics
from har_ros.recordings.video_file import VideoFile

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from domains import keep_domain

RATE = 12.5  # images per second of each camera and
MAX_SIDE = 384  # pixels of their longer side: what two cores carry beside the network
SAMPLE_RATE = RATE  # a window of 64 frames then sees the videos' loop of 1.7 s three times
DEADLINE = 20.0  # seconds for a window on a server that shares two cores with the rest
START_LIMIT = 120.0  # seconds in which the first image, and then the first windows, must come
MODEL = "i3d-kinetics-400"
POSE_MODEL = "movenet-multipose"
PERSON_FRAMES = 16  # short windows leave more of the processor for finding people
PICTURES = MOSAIC, FILM = "actions.png", "actions.mp4"
RATE_WINDOWS = 16  # the newest windows of a camera, over which their rate is taken


class CameraView:
    """What the demo knows of one camera."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.namespace = topic.rpartition("/")[0]
        self.window: ActionWindow | None = None
        self.arrivals: deque[float] = deque(maxlen=RATE_WINDOWS)
        self.recognised = 0
        self.picture: NDArray[np.uint8] | None = None

    def row(self) -> tuple[str, str, str, str, str]:
        """Camera, action, score, windows per second, age."""
        if self.window is None:
            return self.namespace, "[dim]warming up[/]" if self.picture is not None else "[dim]waiting[/]", "", "", ""
        elapsed = self.arrivals[-1] - self.arrivals[0]
        rate = f"{(len(self.arrivals) - 1) / elapsed:.1f}" if elapsed else ""
        best = self.window.hypotheses[0]
        age = self.window.age.sec + self.window.age.nanosec / 1e9
        return self.namespace, best.class_id, f"{best.score:.2f}", rate, f"{age * 1e3:.0f} ms"


class Viewer(Node):
    """Subscribes to all that actionnet publishes; writes the annotated video as it goes."""

    def __init__(self, topics: list[str], video: Path) -> None:
        super().__init__("demo")
        self.cameras = [CameraView(topic) for topic in topics]
        self._by_frame_id = {camera.namespace.strip("/"): camera for camera in self.cameras}
        self._by_topic = {camera.topic: camera for camera in self.cameras}
        self._video = VideoFile(video, RATE)
        self.create_subscription(Classification, "actions", self._on_action, 10)
        self.create_subscription(ActionWindow, "actions/windows", self._on_window, 10)
        for camera in self.cameras:
            topic = f"{camera.namespace}/actions_image"
            self.create_subscription(Image, topic, self._picture_taker(camera), qos_profile_sensor_data)
        self.create_timer(1 / RATE, self._write_frame)

    @property
    def started(self) -> bool:
        """Whether every camera has sent an image."""
        return all(camera.picture is not None for camera in self.cameras)

    @property
    def answered(self) -> bool:
        """Whether every camera has had a window."""
        return all(camera.window is not None for camera in self.cameras)

    def table(self) -> Table:
        """Return the cameras as a table."""
        table = Table("camera", "action", "score", "windows/s", "age")
        for camera in self.cameras:
            table.add_row(*camera.row())
        return table

    def mosaic(self) -> NDArray[np.uint8]:
        """Return all annotated images side by side, BGR, in tiles of one size."""
        pictures = [camera.picture for camera in self.cameras if camera.picture is not None]
        height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
        columns = min(len(pictures), max(1, round((16 / 9 * len(pictures) * height / width) ** 0.5)))
        rows = -(-len(pictures) // columns)
        canvas = np.zeros((rows * height, columns * width, 3), np.uint8)
        for i, picture in enumerate(pictures):
            top, left = i // columns * height, i % columns * width
            canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        return canvas

    def close_video(self) -> None:
        """Finish the file. Raises VideoError."""
        self._video.close()

    def _on_action(self, message: Classification) -> None:
        camera = self._by_frame_id.get(message.header.frame_id)
        if camera is not None and message.results:
            camera.recognised += 1

    def _on_window(self, message: ActionWindow) -> None:
        if (camera := self._by_topic.get(message.image_topic)) is not None:
            camera.window = message
            camera.arrivals.append(time.monotonic())

    def _picture_taker(self, camera: CameraView) -> Callable[[Image], None]:
        def take(message: Image) -> None:
            rgb = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
            camera.picture = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)
            corner = (8, message.height - 10)
            cv2.putText(camera.picture, camera.namespace, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)

        return take

    def _write_frame(self) -> None:
        if not self.started:
            return
        self._video.show(self.mosaic())


@contextmanager
def program(executable: str, log: Path, **parameters: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of har_ros's executables with these parameters, its output in a log; stop it with SIGINT."""
    command = [str(Path(get_package_prefix("har_ros"), "lib", "har_ros", executable)), "--ros-args"]
    for name, value in parameters.items():
        command += ["-p", f"{name}:={json.dumps(value)}"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def demo_videos() -> list[str]:
    """Return the four synchronised videos in the package pose2sim, which is not imported."""
    spec = importlib.util.find_spec("Pose2Sim")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the demo's videos are missing; run: make clean demo")
    folder = Path(spec.submodule_search_locations[0], "Demo_SinglePerson", "videos")
    return [str(path) for path in sorted(folder.glob("cam*.mp4"))]


def exported(options: argparse.Namespace, repository: Path) -> Path:
    """Write a model repository with the networks that the node asks for."""
    frames = ["--frames", str(PERSON_FRAMES)] if options.persons else []
    networks = [[MODEL, *frames]]
    if options.continual:
        networks.append([MODEL, *frames, "--continual"])
    if options.persons:
        networks.append([POSE_MODEL])
    shutil.rmtree(repository, ignore_errors=True)
    for network in networks:
        command = ["actionnet", "triton", "export", *network, "--runner", "python", "-o", str(repository)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return repository


def watch(viewer: Viewer, processes: list[subprocess.Popen[bytes]], duration: float, console: Console) -> bool:
    """Show the table for `duration` seconds from the first images on, or until every camera has had a window.

    Returns False when a process ends early.
    """
    deadline = time.monotonic() + START_LIMIT
    end: float | None = None
    with Live(console=console, get_renderable=viewer.table, transient=True):
        while (now := time.monotonic()) < deadline and not (end is not None and now >= end and viewer.answered):
            if any(process.poll() is not None for process in processes):
                return False
            try:
                rclpy.spin_once(viewer, timeout_sec=0.1)
            except (KeyboardInterrupt, ExternalShutdownException):
                return True
            if viewer.started and end is None:
                end = time.monotonic() + duration
                deadline = end + START_LIMIT
    return True


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", nargs="*", help="video files; the package pose2sim's four cameras when none is given")
    parser.add_argument("--duration", type=float, default=30.0, help="seconds to run")
    parser.add_argument(
        "--continual", action="store_true", help="compute each frame once (docs/explanation/continual-inference.md)"
    )
    parser.add_argument("--persons", action="store_true", help="follow people as well (docs/how-to/persons.md)")
    parser.add_argument(
        "--triton", action="store_true", help="let a Triton server run the networks (docs/how-to/triton.md)"
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for pictures and logs")
    return parser.parse_args()


def main() -> int:
    """Run the demo; the exit status is 0 when every camera gave actions."""
    options, console = arguments(), Console()
    videos = options.videos or demo_videos()
    topics = default_topics(len(videos))
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        (output / name).unlink(missing_ok=True)
    keep_domain()
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    profile = Path(get_package_prefix("har_ros"), "share", "har_ros", "config", "fastdds.xml")
    os.environ.update(shared_memory(profile))
    console.print(f"cameras: {len(videos)}; ROS_DOMAIN_ID: {os.environ['ROS_DOMAIN_ID']}; logs: {output}/")

    rclpy.init()
    viewer = Viewer(topics, output / FILM)
    with ExitStack() as stack:
        logs = [output / "actionnet.log", output / "video_source.log"]
        parameters: dict[str, object] = {"image_topics": topics, "model": MODEL, "sample_rate": SAMPLE_RATE}
        parameters["continual"] = options.continual
        if options.persons:
            subprocess.run(["actionnet", "models", "fetch", POSE_MODEL], check=True)
            parameters |= {"persons": True, "frames": PERSON_FRAMES}
        if options.triton:
            server = stack.enter_context(running(exported(options, output / "repository")))
            console.print(f"Triton runs the networks at {server.address}")
            parameters |= {"backend": "triton", "server": str(server.address), "deadline": DEADLINE}
        processes = [
            stack.enter_context(program("actionnet", logs[0], **parameters)),
            stack.enter_context(program("video_source", logs[1], videos=videos, rate=RATE, max_side=MAX_SIDE)),
        ]
        alive = watch(viewer, processes, options.duration, console)
    viewer.close_video()
    if not alive:
        ended = [log for log, process in zip(logs, processes, strict=True) if process.returncode]
        console.print("\n".join(log.read_text().strip() for log in ended), markup=False, soft_wrap=True)
        return 1
    return report(viewer, output, console)


def report(viewer: Viewer, output: Path, console: Console) -> int:
    """Write the mosaic, say where everything is and which cameras gave nothing. Returns the exit status."""
    silent = [camera.namespace for camera in viewer.cameras if not camera.recognised]
    console.print(viewer.table())
    if viewer.started:
        cv2.imwrite(str(output / MOSAIC), viewer.mosaic())
        console.print(f"annotated frames: {output / MOSAIC}\nannotated video:  {output / FILM}")
    if silent:
        console.print(
            f"no actions from {', '.join(silent)}; see {output / 'actionnet.log'}, or give more DURATION",
            soft_wrap=True,
        )
    return 1 if silent else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HarError as error:
        sys.exit(str(error))
