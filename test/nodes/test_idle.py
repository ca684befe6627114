"""A camera in whose picture nothing moves; one image per second, windows of four."""

import time
from array import array

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from har_ros.nodes.images import ImageSubscription

STILL = {"data": array("B", [100, 160] * 32)}


def moved(count):
    """A dark thing, in another place each time."""
    pixels = STILL["data"][:]
    for row in range(3):
        pixels[8 * (row + count % 4) : 8 * (row + count % 4) + 4] = array("B", [10] * 4)
    return {"data": pixels}


def ends(robot, camera, pictures):
    """Show pictures; return the stamps at which a window ended that the network got, and these windows' `idle`."""
    found = {}
    inner = robot.inner(camera)
    for picture in pictures:
        left_out = inner.stream.windows_idle
        robot.push(camera, 0, **picture)
        if inner.stream.fill == inner.stream.length and inner.stream.windows_idle == left_out:
            window = robot.ros.receive(robot.windows, "a window")
            found[window.window_end.sec] = window.idle
    assert robot.windows.empty()
    return found


def test_an_idle_camera_has_few_windows_until_something_moves(robot):
    robot = robot(idle="auto", max_gap=60.0)
    (camera,) = robot.cameras
    health = robot.ros.inbox(DiagnosticArray, "/diagnostics")
    assert ends(robot, camera, [STILL] * 10) == {104: False, 106: True, 108: True, 110: True}
    said = "running: idle, nothing has moved for 9 s"
    robot.ros.first(health, lambda one: one.status[1].message == said, "an idle camera")
    assert ends(robot, camera, [moved(i) for i in range(3)]) == {111: False, 112: False, 113: False}
    robot.ros.first(health, lambda one: one.status[1].message == "running", "a camera that is not idle")
    assert ends(robot, camera, [STILL] * 2) == {114: False, 115: False}


def test_idle_is_switched_on_and_off_while_the_node_runs(robot):
    robot = robot(max_gap=60.0)
    (camera,) = robot.cameras
    assert len(ends(robot, camera, [STILL] * 8)) == 5
    assert robot.set(idle="auto") == ""
    assert list(ends(robot, camera, [STILL] * 9)) == [109, 110, 111, 112, 114, 116]
    assert "give one of off, auto" in robot.set(idle="yes")
    assert robot.set(idle=False) == ""  # what YAML makes of off
    assert len(ends(robot, camera, [STILL] * 4)) == 4


@pytest.fixture
def idle(robot, monkeypatch):
    """An idle camera, the node's side of it, and how often that has let images wait since."""
    robot = robot(idle="auto", max_gap=60.0)
    (camera,) = robot.cameras
    ends(robot, camera, [STILL] * 9)
    rests, rest = [], ImageSubscription.rest
    monkeypatch.setattr(ImageSubscription, "rest", lambda subscription: rests.append(None) or rest(subscription))
    return robot, camera, robot.inner(camera), rests


def waiting(camera, *pictures):
    return [serialize_message(camera.message(0, **picture)) for picture in pictures]


def test_of_images_that_wait_for_an_idle_camera_the_newest_is_enough(idle):
    robot, camera, inner, rests = idle
    inner.take(waiting(camera, STILL, STILL, STILL))
    assert (inner.frames, inner.frames_dropped) == (12, 0)
    window = robot.ros.receive(robot.windows, "a window")
    assert (window.idle, window.window_start.sec, window.window_end.sec) == (True, 109, 112)
    assert len(rests) == 1


def test_all_images_that_waited_enter_once_something_moves_in_the_newest(idle):
    robot, camera, inner, rests = idle
    inner.take(waiting(camera, STILL, STILL, moved(0)))
    assert (inner.frames, inner.frames_dropped) == (12, 0)
    window = robot.ros.first(robot.windows, lambda one: one.window_end.sec == 112, "the newest window")
    assert (window.idle, window.window_start.sec) == (False, 109)
    assert not rests


def test_a_broken_image_hides_none_of_those_before_it(idle):
    robot, camera, inner, _ = idle
    inner.take([*waiting(camera, STILL, moved(0)), b"broken"])
    assert (inner.frames, inner.frames_broken) == (11, 1)
    robot.ros.first(robot.windows, lambda one: one.window_end.sec == 111 and not one.idle, "the newest window")


def test_an_idle_camera_whose_annotated_images_somebody_watches_does_not_rest(idle):
    robot, camera, inner, rests = idle
    watched = robot.ros.inbox(Image, "/cam01/actions_image")
    robot.ros.until(lambda: inner.overlay.watched, "somebody who watches")
    for pictures in ([STILL], [STILL, STILL, STILL]):
        inner.take(waiting(camera, *pictures))
    assert [robot.ros.receive(watched, "an annotated image").header.stamp.sec for _ in range(4)] == [110, 111, 112, 113]
    assert not rests


def test_a_camera_that_became_faster_rests_less(idle):
    """More than its queue takes came while it rested: how many is not known."""
    _, camera, inner, _ = idle
    for _ in range(2):
        before = time.monotonic()
        inner.subscription.take([(message, {}) for message in waiting(camera, *[STILL] * 5)])
        took = time.monotonic() - before
    assert inner.subscription.pause < max(0.15, 2 * took)
    assert inner.subscription.arrivals.lost == 0
