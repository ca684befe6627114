"""The managed node, driven by its services as `ros2 lifecycle` does."""

import gc
import itertools
import threading
import weakref
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from waiting import WAIT

from har_ros.errors import ModelError

TOPIC = "/cam01/image_raw"


def subscriptions(robot):
    return robot.ros.node.count_subscribers(TOPIC)


def resident():
    """Return this process's memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_each_transition_does_what_it_says(robot):
    robot = robot(autostart=False)
    assert (robot.node.recognizer, robot.change("configure")) == (None, (True, "inactive"))
    network = robot.node.recognizer.network
    assert subscriptions(robot) == 0
    assert robot.change("activate") == (True, "active")
    robot.connect()
    assert len(robot.show(robot.cameras[0], 10, 20, 30, 40)) == 1
    assert robot.change("deactivate") == (True, "inactive")
    robot.ros.until(lambda: not subscriptions(robot), "the end of the subscription")
    assert robot.node.recognizer.network is network
    assert robot.change("activate") == (True, "active")
    robot.connect()
    assert robot.show(robot.cameras[0], 10, 20, 30) == []  # the window fills from the beginning
    assert len(robot.show(robot.cameras[0], 40)) == 1
    assert robot.change("deactivate") == (True, "inactive")
    assert (robot.change("cleanup"), robot.node.recognizer) == ((True, "unconfigured"), None)
    assert robot.change("configure") == (True, "inactive")
    assert (robot.change("shutdown"), robot.node.recognizer) == ((True, "finalized"), None)


def test_a_wrong_model_can_be_mended_without_a_restart(robot, brightness_card):
    robot = robot(autostart=False, model="no_such")
    assert robot.change("configure") == (False, "unconfigured")
    assert robot.set(model=str(brightness_card)) == ""
    assert robot.change("configure") == (True, "inactive")
    reason = robot.set(model="no_such")
    assert reason.startswith("parameter model is read-only while the node is configured; deactivate it and clean it up")


def test_what_configures_may_fail_in_any_way(robot, monkeypatch):
    from har_ros.nodes import actionnet

    robot = robot(autostart=False)
    with monkeypatch.context() as patch:
        patch.setattr(actionnet, "find_network", lambda values: 1 / 0)
        assert robot.change("configure") == (False, "unconfigured")
    assert robot.change("configure") == (True, "inactive")


def test_a_network_that_cannot_be_freed_is_said_and_the_next_one_works(robot, monkeypatch):
    robot = robot()
    network = robot.node.recognizer.network

    def fail():
        raise ModelError("the device is lost")

    monkeypatch.setattr(network, "close", fail)
    assert robot.change("deactivate") == (True, "inactive")
    for transition, state in (("cleanup", "unconfigured"), ("configure", "inactive"), ("activate", "active")):
        assert robot.change(transition) == (True, state)
    robot.connect()
    assert len(robot.show(robot.cameras[0], 10, 20, 30, 40)) == 1
    for transition, state in (("deactivate", "inactive"), ("cleanup", "unconfigured")):
        assert robot.change(transition) == (True, state)


def test_a_network_that_hangs_does_not_hold_up_deactivation(robot, held):
    """Nor does its late answer come out; the next worker waits for it."""
    robot = robot()
    (camera,) = robot.cameras
    network = held(robot)
    for value in (10, 20, 30, 40):
        camera.show(value)
    network.until_entered()
    old = robot.node.active.worker
    assert robot.change("deactivate") == (True, "inactive")
    assert robot.change("cleanup") == (False, "inactive")  # it is not freed while it runs
    assert robot.change("activate") == (True, "active")
    robot.connect()
    for value in (40, 30, 20, 10):
        camera.show(value)
    robot.ros.until(lambda: robot.frames(camera) == 4, "the arrival of the frames")
    network.let_go(2)
    assert robot.ros.receive(robot.windows).hypotheses[0].class_id == "first"  # of the second activation
    assert old.stop(WAIT)
    assert robot.windows.empty()


def test_windows_are_freed_at_once(robot):
    """They are large, and the garbage collector, which would find them in a cycle, may not come for hours."""
    robot = robot((TOPIC, "/cam02/image_raw"))
    robot.show(robot.cameras[0], 10, 20, 30, 40)
    first, second = (weakref.ref(robot.inner(camera).stream) for camera in robot.cameras)
    robot.ros.receive(robot.ros.inbox(DiagnosticArray, "/diagnostics"), "diagnostics")
    gc.disable()
    try:
        assert robot.set(image_topics=[TOPIC]) == ""
        assert second() is None
        assert robot.change("deactivate") == (True, "inactive")
        assert first() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("rounds", [50])
def test_memory_stays_the_same_over_many_activations(robot, rounds):
    robot, turns = robot(), itertools.count()

    def turn():
        """Half of the turns load the network again, which another thread has run before."""
        robot.node.trigger_deactivate()
        if next(turns) % 2:
            robot.node.trigger_cleanup()
            robot.node.trigger_configure()
        robot.node.trigger_activate()
        robot.connect()
        assert len(robot.show(robot.cameras[0], 10, 20, 30, 40)) == 1

    for _ in range(10):
        turn()
    gc.collect()
    before, threads = resident(), threading.active_count()
    entities = len(list(robot.node.subscriptions)), len(list(robot.node.publishers)), len(list(robot.node.waitables))
    for _ in range(rounds):
        turn()
    assert resident() - before < 4 << 20
    assert threading.active_count() == threads
    assert entities == (
        len(list(robot.node.subscriptions)),
        len(list(robot.node.publishers)),
        len(list(robot.node.waitables)),
    )
