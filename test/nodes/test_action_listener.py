"""examples/action_listener.py, a process of its own, hears what an actionnet node could say."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from rcl_interfaces.msg import Log
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from std_msgs.msg import Header, String
from vision_msgs.msg import Classification, ObjectHypothesis
from waiting import WAIT

EXAMPLE = Path(__file__).parents[2] / "examples" / "action_listener.py"


@pytest.fixture
def listener(ros):
    """Start it with parameters; returns what publishes answers, and what it publishes and logs."""
    stack = ExitStack()

    def start(**parameters):
        publisher = ros.node.create_publisher(Classification, "/actions", 10)
        held = ros.inbox(String, "/action_held")
        log = ros.inbox(Log, "/rosout", QoSProfile(depth=100, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL))
        given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        process = stack.enter_context(subprocess.Popen([sys.executable, EXAMPLE, "--ros-args", *given]))
        stack.callback(end, process)
        ros.until(publisher.get_subscription_count, "its subscription")
        ros.until(lambda: ros.node.count_publishers("/action_held"), "its publisher")

        def say(second, label="", score=0.9, camera="cam01"):
            header = Header(frame_id=camera)
            header.stamp.sec = second
            results = [ObjectHypothesis(class_id=label, score=score)] if label else []
            publisher.publish(Classification(header=header, results=results))

        return say, held, log

    def end(process):
        process.terminate()
        try:
            assert process.wait(timeout=WAIT) == 0
        finally:
            process.kill()

    with stack:
        yield start


def test_it_acts_once_when_an_action_has_gone_on(ros, listener):
    """Never more than ten messages at once, which is what a subscription keeps."""
    say, held, _ = listener(action="waving", seconds=2.0)
    for second in (10, 11):
        say(second, "waving")
    say(12)  # nothing recognised: it ended before two seconds were over
    for second in (13, 14):
        say(second, "waving")
    say(15, "waving", score=0.4)  # too little
    for second in (16, 17, 18):
        say(second, "waving")
    assert ros.receive(held).data == "cam01: waving for 2.0 s"
    for second in (19, 20):
        say(second, "waving")  # it was said
        say(second + 100, "waving", camera="cam02")
    say(21, "clapping")
    for second in (22, 23, 24):
        say(second, "waving")
    assert ros.receive(held).data == "cam01: waving for 2.0 s"
    for second in (130, 132):  # behind a gap
        say(second, "waving", camera="cam02")
    assert ros.receive(held).data == "cam02: waving for 2.0 s"
    for second in (10, 11, 12):  # a bag that begins again
        say(second, "waving", camera="cam02")
    assert ros.receive(held).data == "cam02: waving for 2.0 s"
    assert held.empty()


def test_a_silent_camera_is_reported_and_nothing_recognised_is_not(ros, listener):
    say, held, log = listener(patience=0.1)
    say(10)
    said = ros.first(log, lambda one: "no answer" in one.msg, "its report")
    assert said.msg.startswith("cam01: no answer for ")
    assert held.empty()
