"""When goals of the action actions/wait_for end without their event, and what lets them wait on."""

import time

from action_msgs.msg import GoalStatus
from goals import FALLING, LONG, RISING, Result

from har_ros.msg import ActionEvent
from har_ros.nodes import wait_for


def test_the_time_is_over_and_says_who_was_silent(watching, monkeypatch):
    robot, client = watching(["/cam01/image_raw", "/cam02/image_raw"])
    code, text = client.send(timeout=0.2).refusal()
    assert (code, text.count("/image_raw")) == (Result.NO_ANSWER, 2)
    sent = [client.send("second") for _ in range(2)]
    robot.show(robot.cameras[0], *RISING)
    monkeypatch.setattr(wait_for, "monotonic", lambda: time.monotonic() + LONG)
    for one in sent:
        assert one.refusal() == (Result.TIMEOUT, "no such event within 600 s; nothing was heard of /cam02/image_raw")


def test_a_goal_can_be_cancelled(watching):
    robot, client = watching()
    sent, other = client.send(), client.send()
    future = sent.handle.cancel_goal_async()
    robot.ros.until(future.done, "the answer to a cancellation")
    assert len(future.result().goals_canceling) == 1
    status, result = sent.result()
    assert (status, result) == (GoalStatus.STATUS_CANCELED, Result())
    robot.show(robot.cameras[0], *RISING)
    assert other.result()[0] == GoalStatus.STATUS_SUCCEEDED


def test_all_goals_can_be_cancelled_at_once(watching):
    _, client = watching()
    every = [client.send() for _ in range(16)]  # more than ROS's usual queue holds
    for sent in every:
        sent.handle.cancel_goal_async()
    assert {sent.result()[0] for sent in every} == {GoalStatus.STATUS_CANCELED}


def test_no_more_goals_wait_than_can(watching, monkeypatch):
    monkeypatch.setattr(wait_for, "MOST_GOALS", 2)
    robot, client = watching()
    first, second, third = (client.send() for _ in range(3))
    assert third.refusal() == (Result.TOO_MANY_GOALS, "2 goals wait already; cancel one of them")
    robot.show(robot.cameras[0], *RISING)
    assert first.result()[0] == second.result()[0] == GoalStatus.STATUS_SUCCEEDED
    again = client.send("first", timeout=0.1)  # the last window's event, "fourth", may come after it
    assert again.refusal()[0] != Result.TOO_MANY_GOALS


def test_results_are_kept_for_few_goals(watching, monkeypatch):
    monkeypatch.setattr(wait_for, "MOST_RESULTS", 2)
    _, client = watching()
    for _ in range(2):
        assert client.send("no class").refusal()[0] == Result.INVALID_GOAL
    assert not client.send("fourth").handle.accepted


def test_goals_end_when_the_node_is_deactivated_and_work_when_it_is_active_again(watching):
    robot, client = watching()
    events = robot.ros.inbox(ActionEvent, "/actions/events")
    robot.ros.until(lambda: robot.node.count_subscribers("/actions/events"), "the discovery of /actions/events")
    robot.show(robot.cameras[0], *RISING)
    # of the last window, 104 to 107, whose middle is 105
    robot.ros.first(events, lambda event: event.end.sec >= 105, "the event of the last window")
    sent = client.send()
    assert robot.change("deactivate")[0]  # by which the event ends
    assert sent.refusal() == (
        Result.NODE_INACTIVE,
        "the node was deactivated; activate it (ros2 lifecycle set)",
    )
    assert client.send().refusal()[0] == Result.NODE_INACTIVE
    assert robot.change("activate")[0]
    robot.connect()
    sent = client.send("fourth")
    robot.show(robot.cameras[0], *RISING)
    assert sent.result()[0] == GoalStatus.STATUS_SUCCEEDED


def test_goals_end_with_the_last_camera_that_they_name(watching):
    one, two = "/cam01/image_raw", "/cam02/image_raw"
    robot, client = watching([one, two])
    of_two, of_both, of_all = client.send(image_topics=[two]), client.send(image_topics=[one, two]), client.send()
    assert robot.set(image_topics=[one]) == ""
    assert of_two.refusal() == (Result.CAMERA_REMOVED, f"no images are taken from {two} any more")
    robot.show(robot.cameras[0], *RISING)
    assert of_both.result()[0] == of_all.result()[0] == GoalStatus.STATUS_SUCCEEDED


def test_a_clock_that_goes_back_ends_no_wait(watching):
    robot, client = watching()
    (camera,) = robot.cameras
    sent = client.send("first")
    robot.show(camera, *RISING)
    camera.seconds = 10
    robot.show(camera, *RISING, *FALLING)
    assert sent.result()[1].event.start.sec < 30


def test_simulated_time_that_stands_still_does_not_stop_the_time(watching):
    robot, client = watching(use_sim_time=True)
    assert client.send(timeout=0.2).refusal()[0] == Result.NO_ANSWER
    assert robot.node.get_clock().now().nanoseconds == 0


def test_the_server_ends_with_the_work(robot, client):
    robot, client = robot(), client()
    robot.node.stop()
    robot.ros.until(lambda: not client.client.server_is_ready(), "the end of the server")
