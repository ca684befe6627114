"""That images arrive, whatever reliability their publishers offer, and that it is said when they do not."""

import re
import subprocess
import sys

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, QoSReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from waiting import WAIT

from har_ros.nodes import images
from har_ros.nodes.diagnostics import Diagnostics, NetworkInfo
from har_ros.nodes.middleware import PROFILES, profiles, shared_memory

TOPIC = "/cam01/image_raw"
RELIABLE, BEST_EFFORT = QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT


@pytest.fixture
def camera(robot, monkeypatch):
    """A started node's only camera whose publishers come and go, none at first. `camera.hears(publisher)` waits."""
    monkeypatch.setattr(images, "LOOK_PERIOD", 0.02)

    class OnlyCamera:
        def __init__(self, **options):
            self.robot = robot(**options)
            self.ros, (self.driver,) = self.robot.ros, self.robot.cameras
            self.remove(self.driver.publisher)

        def remove(self, publisher):
            self.ros.node.destroy_publisher(publisher)
            self.ros.until(lambda: not self.ros.node.count_publishers(TOPIC), "the end of the publisher")

        def publish(self, reliability, depth=10):
            return self.ros.node.create_publisher(Image, TOPIC, QoSProfile(depth=depth, reliability=reliability))

        @property
        def inner(self):
            return self.robot.inner(self.driver)

        def hears(self, *publishers):
            """An image that waits while the node subscribes again is lost; then another one is sent."""
            for publisher in publishers:
                self.ros.until(publisher.get_subscription_count, "a subscription that hears the publisher")
                before = self.inner.frames
                while self.inner.frames == before:
                    reliability = self.inner.subscription.reliability
                    publisher.publish(self.driver.message(10))
                    done = lambda r=reliability: self.inner.frames > before or self.inner.subscription.reliability != r  # noqa: B023, E731
                    self.ros.until(done, "the arrival of an image")
            return self.inner.subscription.reliability

    return OnlyCamera


@pytest.mark.parametrize("reliability", [RELIABLE, BEST_EFFORT])
def test_a_publisher_may_appear_after_the_node(camera, reliability):
    camera = camera()
    assert camera.inner.subscription.reliability == RELIABLE
    assert camera.hears(camera.publish(reliability)) == reliability


def test_a_publisher_may_restart_with_another_reliability(camera):
    camera = camera()
    for reliability in (BEST_EFFORT, RELIABLE, BEST_EFFORT):
        publisher = camera.publish(reliability)
        camera.hears(publisher)
        camera.ros.until(lambda wanted=reliability: camera.inner.subscription.reliability == wanted, "the change")
        assert camera.hears(publisher) == reliability
        camera.remove(publisher)


def test_several_publishers_are_all_heard(camera):
    camera = camera()
    reliable, best_effort = camera.publish(RELIABLE), camera.publish(BEST_EFFORT)
    camera.ros.until(lambda: camera.inner.subscription.reliability == BEST_EFFORT, "the change")
    assert camera.hears(reliable, best_effort) == BEST_EFFORT
    camera.ros.node.destroy_publisher(best_effort)
    camera.ros.until(lambda: camera.inner.subscription.reliability == RELIABLE, "the change back")
    assert camera.hears(reliable) == RELIABLE


def test_what_the_publishers_offer_at_the_start_is_taken(ros, robot):
    qos = QoSProfile(depth=1, reliability=BEST_EFFORT)
    ros.node.create_publisher(Image, TOPIC, qos)
    ros.until(lambda: ros.node.count_publishers(TOPIC), "the discovery of the publisher")
    robot = robot(autostart=False)
    ros.until(lambda: len(robot.node.get_publishers_info_by_topic(TOPIC)) == 2, "the discovery by the node")
    assert robot.change("configure")[0]
    assert robot.change("activate")[0]
    assert robot.inner(robot.cameras[0]).subscription.reliability == BEST_EFFORT


@pytest.mark.parametrize("given", [RELIABLE, BEST_EFFORT])
def test_an_override_settles_it(camera, given):
    override = f"qos_overrides.{TOPIC}.subscription.reliability:={given.name.lower()}"
    camera = camera(cli_args=["--ros-args", "-p", override])
    publishers = [camera.publish(RELIABLE), camera.publish(BEST_EFFORT)]
    node = camera.robot.node
    camera.ros.until(lambda: len(node.get_publishers_info_by_topic(TOPIC)) == 2, "the discovery of both")
    camera.hears(publishers[0])
    (info,) = camera.ros.node.get_subscriptions_info_by_topic(TOPIC)
    assert info.qos_profile.reliability == given


def test_a_publisher_that_an_override_shuts_out_is_named(camera):
    camera = camera(cli_args=["--ros-args", "-p", f"qos_overrides.{TOPIC}.subscription.reliability:=reliable"])
    assert camera.inner.subscription.hindrance() == f"nobody publishes {TOPIC}"
    camera.publish(BEST_EFFORT)
    camera.ros.until(lambda: camera.robot.node.count_publishers(TOPIC), "the discovery of the publisher")
    assert camera.inner.subscription.hindrance() == (
        f"{TOPIC} has a publisher whose QoS does not fit (Best effort publisher and reliable subscription); "
        "check qos_overrides"
    )


def test_a_similar_topic_that_others_publish_and_the_node_does_not_use_is_named(camera):
    camera = camera()
    ros, node, hindrance = camera.ros, camera.robot.node, camera.inner.subscription.hindrance

    def publish(topic, publisher=ros.node, message_type=Image):
        publisher.create_publisher(message_type, topic, 1)
        ros.until(lambda: node.count_publishers(topic), "the discovery of the publisher")

    publish("/cam02/image_raw", message_type=CompressedImage)
    publish("/cam03/image_raw", node)
    publish("/depth/image_raw")
    assert hindrance() == f"nobody publishes {TOPIC}"
    publish("/cam1/image_raw")
    assert hindrance() == f"nobody publishes {TOPIC}; did you mean /cam1/image_raw?"
    node.create_subscription(Image, "/cam1/image_raw", print, 1)
    ros.until(lambda: node.count_subscribers("/cam1/image_raw"), "the discovery of the subscription")
    assert hindrance() == f"nobody publishes {TOPIC}"


@pytest.mark.parametrize(
    ("reliability", "remedy"),
    [(RELIABLE, "this machine or the network is too slow: send fewer"), (BEST_EFFORT, "make their publisher reliable")],
)
def test_images_that_are_lost_are_reported_with_the_remedy(camera, reliability, remedy, capfd):
    """The node is kept from taking images while twenty are sent: the oldest fifteen make room for the newest five."""
    camera = camera()
    publisher = camera.publish(reliability, depth=30)
    camera.hears(publisher)
    maker = Diagnostics(camera.robot.node)
    status = lambda: maker.message(NetworkInfo("", "", ""), camera.robot.node.active.worker, [camera.inner]).status[1]  # noqa: E731
    assert status().level == DiagnosticStatus.OK
    for _ in range(20):
        publisher.publish(camera.driver.message(10))
    camera.ros.until(lambda: camera.inner.frames == 1 + images.QUEUE, "the newest images")
    found = status()
    assert found.level == DiagnosticStatus.WARN
    arrived, sent = re.match(rf"losing images: ([\d.]+) of ([\d.]+) images/s arrive; {remedy}", found.message).groups()
    assert float(arrived) < float(sent)
    assert {value.key: value.value for value in found.values}["frames lost on the way"] == str(20 - images.QUEUE)
    assert f"losing images ({arrived} of {sent} images/s arrive; {remedy}" in capfd.readouterr().err


OLD, NEW = PROFILES
SAYS_ITS_ENVIRONMENT = f"""
import os
from har_ros.nodes.run import Program, run
class Says(Program):
    def start(self):
        print([os.environ.get(name) for name in {list(PROFILES)}])
        raise KeyboardInterrupt
raise SystemExit(run(lambda: Says("says")))
"""


@pytest.fixture
def environment(monkeypatch):
    for name in (*PROFILES, "FASTDDS_BUILTIN_TRANSPORTS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_programs_use_shared_memory(domain, environment, tmp_path):
    command = [sys.executable, "-c", SAYS_ITS_ENVIRONMENT]
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=WAIT).stdout.splitlines()[-1]
    assert said.count("config/fastdds.xml") == 1


@pytest.mark.parametrize(("name", "value"), [(OLD, "/a.xml"), (NEW, "/a.xml"), ("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")])
def test_the_environment_may_say_otherwise(environment, name, value):
    assert shared_memory("profile.xml") == profiles("profile.xml") != {}
    environment(name, value)
    assert shared_memory("profile.xml") == {}


@pytest.mark.parametrize(
    ("library", "names"),
    [("libfastrtps.so.2.14", [OLD]), ("libfastdds.so.3.2", [NEW]), ("libddsc.so", [OLD, NEW])],
)
def test_the_variable_is_that_of_the_middleware_that_is_installed(environment, tmp_path, library, names):
    (tmp_path / library).touch()
    environment("LD_LIBRARY_PATH", f"/nowhere:{tmp_path}:")
    assert list(profiles("profile.xml")) == names
