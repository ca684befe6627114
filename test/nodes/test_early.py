"""Windows that fill while the network is being loaded."""

import signal
import sys
from functools import partial

import pytest
from programs import LOADING_FOR_EVER, line, running
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import Image
from streamable_networks import continual_card
from waiting import WAIT, wait_until

from har_ros.errors import ModelError
from har_ros.nodes import actionnet
from har_ros.nodes import camera as camera_module
from har_ros.nodes.images import QUEUE
from har_ros.pipeline.recognizer import FoundNetwork

TOPIC = "/cam01/image_raw"
BRIGHTNESSES = [200, 90, 80, 70, 10, 10, 40, 20]
"""More than wait for the node; of the newest four, the third is the brightest."""


@pytest.fixture
def early(monkeypatch):
    """The cameras whose windows fill before the network is loaded; none before the node starts."""
    found, filling = [], actionnet.filling

    def spied(cameras):
        found.extend(cameras)
        return filling(cameras)

    monkeypatch.setattr(actionnet, "filling", spied)
    return found


def while_loading(monkeypatch, do):
    load = FoundNetwork.load

    def slow(found):
        do()
        return load(found)

    monkeypatch.setattr(FoundNetwork, "load", slow)


def shown_while_loading(monkeypatch, early, start):
    """Let a camera driver start while the network is loaded, and show BRIGHTNESSES; returns where it will be."""
    started = []

    def show():
        (inner,) = early
        started.append(camera := start())
        wait_until(camera.publisher.get_subscription_count)
        for number, brightness in enumerate(BRIGHTNESSES, 1):
            camera.show(brightness)
            wait_until(lambda: inner.frames, number)

    while_loading(monkeypatch, show)
    return started


@pytest.mark.parametrize("reliability", [QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT])
def test_the_first_window_is_full_when_the_network_is_loaded(robot, driver, early, monkeypatch, reliability):
    assert len(BRIGHTNESSES) > QUEUE
    cameras = shown_while_loading(
        monkeypatch, early, partial(driver, TOPIC, QoSProfile(depth=10, reliability=reliability))
    )
    robot = robot()
    (camera,) = cameras
    inner = robot.inner(camera)
    assert [inner] == early
    robot.ros.until(lambda: inner.windows, "the first window")
    assert (inner.prediction.accepted[0].label, inner.frames, inner.windows) == ("third", len(BRIGHTNESSES), 1)
    assert inner.stream.windows_dropped == 0  # though some were replaced
    camera.seconds += 1
    camera.show(250)  # the node's executor takes what comes from now on
    robot.ros.until(lambda: inner.windows == 2, "the next window")
    assert inner.prediction.accepted[0].label == "fourth"


def test_the_window_of_a_camera_that_fell_silent_meanwhile_is_left_out(robot, driver, early, monkeypatch):
    monkeypatch.setattr(camera_module, "UNSEEN", 0.0)
    cameras = shown_while_loading(monkeypatch, early, partial(driver, TOPIC))
    robot = robot()
    (camera,) = cameras
    inner = robot.inner(camera)
    assert not inner.stream.ready
    camera.show(250)
    robot.ros.until(lambda: inner.windows, "the first window")
    assert (inner.prediction.accepted[0].label, inner.windows) == ("fourth", 1)


def test_a_network_that_cannot_be_loaded_leaves_no_subscription(robot, early, monkeypatch):
    def fail():
        assert len(early) == 1
        raise ModelError("it is not what its card says")

    while_loading(monkeypatch, fail)
    with pytest.raises(ModelError, match="it is not what its card says"):
        robot()
    assert early[0].subscription._subscription is None


def test_where_frames_are_taken_one_by_one_none_come_before_the_network(robot, early, tmp_path):
    robot(model=str(continual_card(tmp_path)), continual=True)
    assert early == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_node_while_windows_fill(ros, tmp_path, brightness_card, number):
    camera = ros.node.create_publisher(Image, "/image_raw", 10)
    command = [sys.executable, "-c", LOADING_FOR_EVER, "--ros-args", "-p", f"model:={brightness_card}"]
    with running(command, tmp_path) as process:
        assert line(process) == "loading\n"
        wait_until(camera.get_subscription_count)
        process.send_signal(number)
        log = process.communicate(timeout=WAIT)[1]
    assert (process.returncode, [line for line in log.splitlines() if "[INFO]" not in line]) == (0, [])
