"""What goes wrong around a node that an operator leaves running."""

import time
from array import array

import cv2
import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from hypothesis import given
from hypothesis import strategies as st
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from vision_msgs.msg import LabelInfo, VisionInfo
from waiting import WAIT

from har_ros.frames.pixels import ENCODINGS
from har_ros.nodes import diagnostics, topics
from har_ros.nodes.actionnet import ActionNet
from har_ros.nodes.diagnostics import Diagnostics, NetworkInfo

ONE, TWO = "/cam01/image_raw", "/cam02/image_raw"

SIZES = st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1))
IMAGES = st.builds(
    Image,
    height=SIZES,
    width=SIZES,
    encoding=st.one_of(st.sampled_from([*ENCODINGS, "32FC1", "8UC3", ""]), st.text(max_size=12)),
    is_bigendian=st.integers(0, 255),
    step=SIZES,
    data=st.binary(max_size=4000).map(lambda data: array("B", data)),
)
STAMPS = st.builds(Time, sec=st.integers(-(2**31), 2**31 - 1), nanosec=st.integers(0, 2**32 - 1))


@pytest.fixture(scope="module")
def node(brightness_card, module_domain):
    """A node that gets its images by hand, not over DDS: many at a time."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=module_domain)
    values = {"image_topics": [ONE, TWO], "model": str(brightness_card)}
    overrides = [rclpy.Parameter(name, value=value) for name, value in values.items()]
    node = ActionNet(parameter_overrides=overrides, context=context)
    node.start()
    yield node
    node.stop()
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture(scope="module", params=[False, True], ids=["unwatched", "watched"])
def victim(node, request):
    """Its first camera, whose annotated images somebody watches or nobody does."""
    camera = node.active.cameras[ONE]
    if request.param:
        executor, watched = SingleThreadedExecutor(context=node.context), []
        viewer = rclpy.create_node("viewer", context=node.context)
        executor.add_node(viewer)
        viewer.create_subscription(Image, "/cam01/actions_image", watched.append, 1)
        deadline = time.monotonic() + WAIT
        while not watched:
            assert time.monotonic() < deadline
            camera.take([serialize_message(healthy_image(1000 + camera.frames))])
            executor.spin_once(timeout_sec=0.1)
        yield camera
        executor.shutdown()
        viewer.destroy_node()
    else:
        yield camera


def healthy_image(second):
    image = Image(height=8, width=8, encoding="mono8", step=8, data=array("B", [9] * 64))
    image.header.stamp = Time(sec=second)
    return image


@given(image=IMAGES, stamp=STAMPS)
def test_no_image_gets_an_exception_out_of_the_callback_or_costs_another_camera_a_frame(node, victim, image, stamp):
    other = node.active.cameras[TWO]
    image.header.stamp = stamp
    before, fill = other.frames, other.stream.fill
    count = victim.frames + victim.frames_broken
    victim.take([serialize_message(image)])
    assert victim.frames + victim.frames_broken == count + 1
    other.take([serialize_message(healthy_image(1000 + before))])
    assert (other.frames, other.frames_broken) == (before + 1, 0)
    assert other.stream.fill == min(4, fill + 1)


@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_compressed_images_give_what_raw_ones_do_and_truncated_ones_are_counted(robot, extension):
    robot = robot(image_transport="compressed")
    (camera,) = robot.cameras
    publisher = robot.ros.node.create_publisher(CompressedImage, camera.topic + "/compressed", 10)
    robot.ros.until(publisher.get_subscription_count, "the subscription to compressed images")

    def show(value, cut=None):
        before = robot.frames(camera)
        header = camera.message(0).header
        data = cv2.imencode(extension, np.full((64, 64, 3), value, np.uint8))[1].tobytes()[:cut]
        publisher.publish(CompressedImage(header=header, format="jpeg", data=array("B", data)))
        robot.ros.until(lambda: robot.frames(camera) > before, "the arrival of a frame")

    for value in (10, 40, 20):
        show(value)
    for cut in (0, 3, 20, -9):
        show(250, cut)
    assert robot.inner(camera).frames_broken == 4
    assert robot.set(max_gap=10.0) == ""
    show(30)
    window = robot.ros.receive(robot.windows)
    assert [h.class_id for h in window.hypotheses] == ["second", "fourth", "third", "first"]
    assert (window.header.frame_id, window.frames_dropped) == ("cam01_image_raw", 4)
    assert (window.window_start.sec, window.window_end.sec) == (101, 108)


def test_size_and_encoding_may_change_in_mid_stream(robot):
    robot = robot()
    (camera,) = robot.cameras
    robot.show(camera, 10, 20)
    large = {"height": 48, "width": 64, "encoding": "rgb8", "step": 200, "data": array("B", [200] * 200 * 48)}
    camera.show(0, **large)
    robot.ros.until(lambda: robot.frames(camera) == 3, "the large image")
    (window,) = robot.show(camera, 40)
    assert [h.class_id for h in window.hypotheses] == ["third", "fourth", "second", "first"]


def stamped(sec):
    return {"header": Header(stamp=Time(sec=sec), frame_id="odd")}


def test_stamps_that_are_equal_or_go_back_or_lie_years_ahead(robot):
    robot = robot()
    (camera,) = robot.cameras
    inner, stream = robot.inner(camera), robot.inner(camera).stream

    def show(*stamps):
        for stamp in stamps:
            robot.push(camera, 1, **stamped(stamp))

    show(100, 101, 101, 101, 102)
    assert (stream.fill, stream.frames_repeated) == (3, 2)
    show(2_000_000_000)
    assert (stream.fill, stream.gaps) == (1, 1)
    show(103, 104, 105)
    assert (stream.fill, stream.clock_jumps) == (3, 1)
    show(-5, -4)
    assert (stream.fill, stream.clock_jumps) == (2, 2)
    show(106, 107, 108, 109)
    assert (robot.ros.receive(robot.windows).window_start.sec, stream.gaps) == (106, 2)
    _, status = Diagnostics(robot.node).message(NetworkInfo("", "", ""), robot.node.active.worker, [inner]).status
    said = {value.key: value.value for value in status.values}
    assert [said[key] for key in ("restarts (gap)", "restarts (clock went back)", "frames repeated")] == ["2", "2", "2"]


def test_images_without_a_stamp_get_the_time_of_arrival(robot):
    robot = robot()
    (camera,) = robot.cameras
    start = robot.node.get_clock().now().nanoseconds
    for _ in range(4):
        robot.push(camera, 1, **stamped(0))
    window = robot.ros.receive(robot.windows)
    assert start <= window.window_start.sec * 10**9 + window.window_start.nanosec
    assert (window.age.sec, robot.inner(camera).frames_unstamped) == (0, 4)


def network_status(robot):
    status, *_ = Diagnostics(robot.node).message(NetworkInfo("", "", ""), robot.node.active.worker, []).status
    return status.message


def test_a_network_that_raises_or_gives_nonsense_is_reported_and_recovers(robot, monkeypatch):
    robot = robot()
    (camera,) = robot.cameras
    network, faults = robot.node.recognizer.network, ["nan", "raise"]
    run = network.run

    def faulty(*arguments):
        answers, fault = run(*arguments), faults.pop() if faults else ""
        if fault == "raise":
            raise RuntimeError("out of memory")
        answers[0].probabilities[:] *= np.nan if fault == "nan" else 1
        return answers

    monkeypatch.setattr(network, "run", faulty)
    for count, said, values in (
        (1, "RuntimeError: out of memory", (10, 20, 30, 40)),
        (2, "the network's output is not finite", (50,)),
    ):
        for value in values:
            camera.show(value)
        robot.ros.until(lambda n=count: robot.inner(camera).windows_failed == n, "the failure")
        assert network_status(robot).startswith(f"failing: {said}")
        assert said in robot.inner(camera).last_error
        assert robot.node.active.worker.busy_since is None
    assert robot.windows.empty()
    (window,) = robot.show(camera, 60)
    assert window.hypotheses[0].class_id == "fourth"
    assert not network_status(robot).startswith("failing")


def test_a_network_that_hangs_is_reported_and_recovers_with_the_newest_window(robot, monkeypatch, held):
    robot = robot()
    (camera,) = robot.cameras
    network = held(robot)
    monkeypatch.setattr(diagnostics, "HANGS_AFTER", 0.0)
    for value in (10, 20, 30, 40):
        camera.show(value)
    network.until_entered()
    for value in (50, 60, 70, 80):
        camera.show(value)
    robot.ros.until(lambda: robot.frames(camera) == 8, "the arrival of all frames")
    assert network_status(robot).startswith("failing: no answer for")
    network.let_go(2)
    ends = [robot.ros.receive(robot.windows).window_end.sec for _ in range(2)]
    assert ends == [104, 108]


def test_a_second_node_on_the_same_topics_disturbs_nobody(robot):
    first, second = robot(), robot()
    (camera,) = first.cameras
    for value in (10, 20, 30, 40):
        camera.show(value)
    for one in (first, second):
        found = [one.ros.receive(one.windows) for _ in range(2)]  # each hears both
        assert [window.hypotheses[0].class_id for window in found] == ["fourth", "fourth"]
    assert (first.frames(camera), second.frames(second.cameras[0])) == (4, 4)


def test_a_topic_may_appear_late_and_vanish(robot):
    robot = robot()
    (camera,) = robot.cameras
    robot.ros.node.destroy_publisher(camera.publisher)
    robot.ros.until(lambda: not robot.ros.node.count_publishers(ONE), "the end of the publisher")
    revived = type(camera)(robot.ros, ONE).connected()
    assert len(robot.show(revived, 10, 20, 30, 40)) == 1


def test_labels_and_network_reach_those_who_come_late(robot):
    robot = robot(threshold=0.25)
    labels = robot.ros.receive(robot.ros.inbox(LabelInfo, "/actions/label_info", topics.LATCHED))
    assert [(c.class_id, c.class_name) for c in labels.class_map] == list(
        enumerate(["first", "second", "third", "fourth"])
    )
    assert labels.threshold == 0.25
    vision = robot.ros.receive(robot.ros.inbox(VisionInfo, "/actions/vision_info", topics.LATCHED))
    assert (vision.method, vision.database_location) == ("brightness", "/actions/label_info")
    assert robot.set(threshold=0.5) == ""
    labels = robot.ros.receive(robot.ros.inbox(LabelInfo, "/actions/label_info", topics.LATCHED))
    assert labels.threshold == 0.5


def test_simulated_time_may_stand_still_and_go_back(robot):
    """A bag that loops: /clock and the images' stamps go back together."""
    robot = robot(use_sim_time=True)
    (camera,) = robot.cameras
    diagnostics = robot.ros.inbox(DiagnosticArray, "/diagnostics")
    clock = robot.ros.node.create_publisher(Clock, "/clock", 10)
    robot.ros.until(clock.get_subscription_count, "the subscription to /clock")
    for restarts in range(2):
        clock.publish(Clock(clock=Time(sec=110)))
        robot.ros.until(lambda: robot.node.get_clock().now().nanoseconds == 110 * 10**9, "the simulated time")
        camera.seconds = 100
        (window,) = robot.show(camera, 10, 20, 30, 40)
        assert (window.window_start.sec, window.age.sec + round(window.age.nanosec / 1e9, 3)) == (101, 6.0)
        assert robot.inner(camera).stream.clock_jumps == restarts
        clock.publish(Clock(clock=Time(sec=150)))
        robot.ros.until(lambda: robot.node.get_clock().now().nanoseconds == 150 * 10**9, "the simulated time")
    clock.publish(Clock(clock=Time(sec=160)))
    robot.ros.until(
        lambda: not diagnostics.empty() and diagnostics.get().header.stamp.sec == 160,
        "diagnostics, though the clock stands still",
    )


def test_whatever_an_image_provokes_is_counted(node, monkeypatch):
    camera = node.active.cameras[ONE]
    before = camera.frames_broken
    monkeypatch.setattr(camera.stream, "push", lambda image: 1 / 0)
    camera.take([serialize_message(Image(height=1, width=1, encoding="mono8", step=1, data=array("B", [0])))])
    assert camera.frames_broken == before + 1
    assert camera.last_error.endswith("the last: ZeroDivisionError: division by zero")
