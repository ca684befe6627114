"""The evaluator's windows are the node's, when the same bag is played slowly enough that nothing is dropped."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_prefix
from bags import SECOND, T0, TOPIC, image, write_bag
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import Image

from har_ros.commands.main import main
from har_ros.evaluate.results import PREDICTIONS
from har_ros.nodes.conversions import nanoseconds
from har_ros.recordings.bag import RAW

OTHER = "/cam02/image_raw"


@pytest.fixture
def bag(tmp_path):
    """Two cameras with all that can happen to images: a gap, a clock that goes back, repeated, late and broken ones."""
    first = [0, 1, 2, 3, 4, 5, 6, 6, 7, 6.95, 8, 12, 13, 14, 15, 16, 2, 3, 4, 5, 6, 7]
    second = [0.5 * i for i in range(44)]
    items = []
    for n, stamp in enumerate(first):
        value, size = (n * 67) % 200 + 20, 8 if n % 5 else 16
        items.append((TOPIC, RAW, T0 + n * SECOND, image(value, stamp, "left", size)))
    for n, stamp in enumerate(second):
        items.append((OTHER, RAW, T0 + round((n / 2 + 0.1) * SECOND), image((n * 91) % 220 + 10, stamp, "right")))
    broken = image(50, 3.5, "left")
    broken.step = 1
    items.append((TOPIC, RAW, T0 + round(3.5 * SECOND), broken))
    return write_bag(tmp_path / "bag", items)


def idle(robot):
    """Whether no window waits and none runs."""
    waiting = any(camera.stream.ready for camera in robot.node.active.cameras)
    return not waiting and robot.node.active.worker.busy_since is None


def hear(robot, heard, count):
    """Receive until there are so many windows."""
    while sum(map(len, heard.values())) < count:
        message = robot.ros.receive(robot.windows, "a window")
        heard[message.image_topic].append(message)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"smoothing": 1.5, "hysteresis": 0.2, "top_k": 2},
        {"sample_rate": 1.5, "max_gap": 3.0, "allowed_labels": ["second", "fourth"]},
        {"skip_frames": 1},
    ],
)
def test_windows_are_those_of_the_node(robot, bag, brightness_card, tmp_path, settings):
    given = {"image_topics": [TOPIC, OTHER], "threshold": 0.0, "top_k": 4, "model": str(brightness_card), **settings}
    options = [text for name, value in given.items() for text in ("-p", f"{name}:={json.dumps(value)}")]
    assert main(["evaluate", str(bag), "-o", str(tmp_path / "results"), *options]) == 0
    lines = (tmp_path / "results" / PREDICTIONS).read_text().splitlines()
    expected = [json.loads(line) for line in lines[1:]]
    assert len(expected) > 10
    ours = {camera: [window for window in expected if window["camera"] == camera] for camera in (TOPIC, OTHER)}

    robot = robot(**given)
    cameras = {camera.topic: camera for camera in robot.cameras}
    heard = {camera: [] for camera in cameras}
    with Reader(bag) as reader:
        for connection, _, data in reader.messages():
            camera = cameras[connection.topic]
            before = robot.frames(camera)
            camera.publisher.publish(deserialize_message(bytes(data), Image))
            robot.ros.until(lambda c=camera, b=before: robot.frames(c) > b, "the arrival of a frame")
            robot.ros.until(lambda: idle(robot), "the end of the work")
            hear(robot, heard, robot.node.active.worker.windows)
    hear(robot, heard, len(expected))

    for camera, windows in heard.items():
        assert len(windows) == len(ours[camera])
        for message, window in zip(windows, ours[camera], strict=True):
            assert message.image_topic == window["camera"]
            assert message.header.frame_id == window["frame_id"]
            assert nanoseconds(message.window_start) == window["start"]
            assert nanoseconds(message.window_end) == window["end"]
            assert message.frames == window["frames"]
            assert message.windows_dropped == 0
            said = [(hypothesis.class_id, hypothesis.score) for hypothesis in message.hypotheses]
            assert said == [tuple(pair) for pair in window["hypotheses"]][: given["top_k"]]
    assert robot.windows.empty()


def test_the_installed_executables_take_ros_arguments_and_several_jobs(bag, brightness_card, tmp_path):
    """The one with ROS arguments and one job, the other with two jobs: both say the same."""
    other = shutil.copytree(bag, tmp_path / "other")
    found = []
    for program, before, jobs in (
        (["lib/har_ros/evaluate"], ["--ros-args"], "1"),
        (["bin/actionnet", "evaluate"], [], "2"),
    ):
        executable, *subcommand = program
        command = [Path(get_package_prefix("har_ros"), executable), *subcommand, bag, other]
        command += ["-o", tmp_path / jobs, "--jobs", jobs, *before, "-p", f"model:={brightness_card}"]
        subprocess.run(command, check=True, text=True)
        found.append((tmp_path / jobs / PREDICTIONS).read_bytes())
    assert found[0] == found[1]
    assert found[0].count(b"\n") > 20
