"""Recording an action from running cameras, teaching it, and putting it to work, as one does on a robot."""

import signal
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import cv2
import pytest
import rclpy
from ament_index_python.packages import get_package_prefix
from clips import COLOURS, moving, write_video
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.clock import Clock
from rclpy.qos import qos_profile_sensor_data
from rclpy.time import Time
from sensor_msgs.msg import Image
from vision_msgs.msg import Classification
from waiting import WAIT

from har_ros.errors import ConfigurationError
from har_ros.learning.dataset import load_dataset
from har_ros.nodes import record_action
from har_ros.nodes.record_action import RecordAction

PERIOD = 50_000_000
"""Nanoseconds between two images."""


def installed(name):
    return str(Path(get_package_prefix("har_ros"), "lib", "har_ros", name))


@pytest.fixture
def sent():
    """How many images were published, by topic: time goes on with them, by 50 ms each, however busy the machine is."""
    return Counter()


@pytest.fixture
def recorder(ros, monkeypatch, tmp_path, sent):
    """The node in the test's own executor. `recorder.over`: whether it has ended its program."""
    nodes = []

    def paced(**options):
        clock = Clock(**options)
        clock.now = lambda: Time(nanoseconds=max(sent.values(), default=0) * PERIOD, clock_type=clock.clock_type)
        return clock

    monkeypatch.setattr(record_action, "Clock", paced)
    monkeypatch.setattr(record_action, "try_shutdown", lambda context: setattr(nodes[0], "over", True))

    def start(*topics, **parameters):
        values = {"label": "waving", "takes": 1, "countdown": 0, "seconds": 0.5, **parameters}
        values |= {"dataset": str(tmp_path / "actions"), "image_topics": list(topics)}
        overrides = [rclpy.Parameter(name, value=value) for name, value in values.items()]
        node = ros.add(RecordAction(parameter_overrides=overrides))
        node.over = False
        nodes.append(node)
        node.start()
        return node

    yield start
    for node in nodes:
        node.stop()
        node.destroy_node()


@pytest.fixture
def film(ros, sent):
    """Returns what publishes images on a topic, twenty a second, until the test ends."""
    timers = []

    def begin(topic, brightness=100, **fields):
        publisher = ros.node.create_publisher(Image, topic, qos_profile_sensor_data)

        def show():
            sent[topic] += 1
            stamp = Time(nanoseconds=sent[topic] * PERIOD).to_msg()
            message = Image(height=48, width=64, encoding="mono8", step=64, data=bytes([brightness] * 64 * 48))
            message.header.stamp = stamp
            for name, value in fields.items():
                setattr(message, name, value)
            publisher.publish(message)

        timers.append(ros.node.create_timer(PERIOD / 1e9, show))

    yield begin
    for timer in timers:
        timer.cancel()


def clips(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_each_take_has_a_clip_of_each_camera_and_is_a_group(ros, recorder, film, tmp_path):
    film("/left/image_raw", 60)
    film("/right/image_raw", 180)
    node = recorder("/left/image_raw", "/right/image_raw", takes=2)
    ros.until(lambda: node.over, "the end of the takes")
    found = list((tmp_path / "actions/waving").iterdir())
    assert len(found) == 2
    for take in found:
        assert clips(take) == ["left.mp4", "right.mp4"]
        for name, brightness in (("left", 60), ("right", 180)):
            video, count = cv2.VideoCapture(str(take / f"{name}.mp4")), 0
            while (picture := video.read()[1]) is not None:
                count += 1
                assert abs(float(picture.mean()) - brightness) < 8
            rate = video.get(cv2.CAP_PROP_FPS)  # as the node has measured it: a busy machine may lose images
            assert 5 <= count <= 0.5 * rate + 1
            assert count / rate == pytest.approx(0.5, abs=0.2)


def test_takes_of_people_that_show_nobody_are_left_out(ros, recorder, film, tmp_path, capfd, movenet):
    film("/left/image_raw")
    node = recorder("/left/image_raw", persons=True, pose_model=movenet, pose_size=64)
    ros.until(lambda: node.over, "the end of the take")
    assert "only 0 of 1 cameras saw a person" in capfd.readouterr().err
    assert clips(tmp_path) == []
    assert not (tmp_path / "actions" / "waving").exists()


def test_takes_of_a_group_are_in_its_folder_and_large_images_become_smaller(ros, recorder, film, tmp_path):
    film("/left/image_raw")
    node = recorder("/left/image_raw", group="alice", max_side=32)
    ros.until(lambda: node.over, "the end of the take")
    [name] = clips(tmp_path / "actions")
    assert name.startswith("waving/alice/")
    video = cv2.VideoCapture(str(tmp_path / "actions" / name))
    assert (video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (32, 24)


def test_the_countdown_begins_when_all_cameras_are_there(ros, recorder, film, tmp_path, capfd):
    film("/left/image_raw")
    node = recorder("/left/image_raw", "/right/image_raw", countdown=2)
    seen = ros.inbox(Image, "/left/image_raw", qos_profile_sensor_data)
    ros.until(lambda: seen.qsize() > 10, "half a second of the left camera")
    assert "waving in" not in capfd.readouterr().err
    film("/right/image_raw")
    ros.until(lambda: node.over, "the end of the take")
    said = capfd.readouterr().err
    places = [said.index(text) for text in ("waving in 2", "waving in 1", "NOW", "1 take; record 4 more")]
    assert places == sorted(places)


def test_broken_images_are_reported_and_left_out(ros, recorder, film, tmp_path, capfd):
    film("/left/image_raw")
    film("/left/image_raw", encoding="no such thing")
    node = recorder("/left/image_raw")
    ros.until(lambda: node.over, "the end of the take")
    assert len(clips(tmp_path / "actions")) == 1
    assert "no such thing" in capfd.readouterr().err


def test_a_take_that_is_cut_short_leaves_nothing(ros, recorder, film, tmp_path):
    film("/left/image_raw")
    node = recorder("/left/image_raw", seconds=30.0)
    ros.until(lambda: clips(tmp_path), "the first image of the take")
    node.stop()
    assert not (tmp_path / "actions").exists() or list((tmp_path / "actions").iterdir()) == []


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"label": ""}, "label is empty"),
        ({"label": "a/b"}, "'a/b'"),
        ({"label": "Waving"}, "'waving'"),
        ({"group": ".x"}, "'.x'"),
        ({"seconds": 0.1}, "seconds"),
    ],
)
def test_what_cannot_be_recorded_is_refused_at_start(recorder, tmp_path, parameters, part):
    (tmp_path / "actions/waving").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=part):
        recorder("/left/image_raw", **parameters)


def call(ros, kind, name, request):
    """Call a service of the node actionnet, which runs in a process of its own."""
    client = ros.node.create_client(kind, f"/actionnet/{name}")
    ros.until(client.service_is_ready, f"the service {name}")
    future = client.call_async(request)
    ros.until(future.done, f"the answer of {name}")
    ros.node.destroy_client(client)
    return future.result()


def of_taught(action, camera):
    labels = {result.class_id for result in action.results}
    return action.header.frame_id == camera and labels and labels <= {"stretching", "none"}


def started(stack, name, *arguments):
    """Run an executable of the package until the test ends."""
    process = stack.enter_context(subprocess.Popen([installed(name), *arguments]))
    stack.callback(process.send_signal, signal.SIGINT)


def test_record_teach_and_put_to_work(ros, brightness_card, teachable_card, tmp_path):
    """Four cameras are recorded as two actions; what is taught with them then runs in the node."""
    scenes = [moving(COLOURS[name], frames=60, seed=seed) for seed, name in enumerate(("red", "red", "none", "none"))]
    videos = [str(write_video(tmp_path / f"{n}.mp4", scene, rate=15.0)) for n, scene in enumerate(scenes)]
    topics = [f"/cam0{number}/image_raw" for number in (1, 2, 3, 4)]
    dataset, taught = tmp_path / "actions", tmp_path / "mine"
    actions = ros.inbox(Classification, "/actions")
    with ExitStack() as stack:
        played = ["-p", f"videos:=[{', '.join(videos)}]"]
        started(stack, "video_source", "--ros-args", *played)
        watched = ["-p", f"image_topics:=[{topics[0]}, {topics[2]}]", "-p", f"model:={brightness_card}"]
        started(stack, "actionnet", "--ros-args", *watched)
        for topic, label in zip(topics, ("stretching", "stretching", "none", "none"), strict=True):
            command = [installed("record_action"), "--label", label, "--dataset", str(dataset)]
            command += ["--image-topics", topic, "--takes", "1", "--seconds", "1.5", "--countdown", "0"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT)
            assert done.returncode == 0, done.stderr
        assert "none: 2 takes; record 3 more" in done.stderr
        assert len(load_dataset(dataset).materials) == 4
        command = [installed("teach"), str(dataset), "-o", str(taught), "--model", str(teachable_card)]
        command += ["--backend", "openvino"]
        done = subprocess.run([*command, "--ros-args"], capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        assert f"model:={taught}" in done.stdout.replace("\n", "")
        for label in ("deactivate", "cleanup", "", "configure", "activate"):
            if label:
                request = ChangeState.Request()
                request.transition.label = label
                assert call(ros, ChangeState, "change_state", request).success
            else:
                request = SetParametersAtomically.Request()
                request.parameters = [rclpy.Parameter("model", value=str(taught)).to_parameter_msg()]
                assert call(ros, SetParametersAtomically, "set_parameters_atomically", request).result.reason == ""
        for camera in ("cam01", "cam03"):
            ros.first(actions, lambda one, camera=camera: of_taught(one, camera), f"a taught action of {camera}")
