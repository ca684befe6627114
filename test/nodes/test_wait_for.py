"""The action actions/wait_for, over DDS: what clients get, and when.

The network's class k is the brighter, the brighter frame k of four is: rising brightness is "fourth", falling "first".
"""

import re
import threading
import time
from array import array

import pytest
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile
from small_networks import one_person

from har_ros.action import WaitForAction
from har_ros.msg import ActionEvent
from har_ros.nodes import wait_for

Goal, Result = WaitForAction.Goal, WaitForAction.Result
RISING = [20, 40, 60, 80, 100, 120, 140]
FALLING = [120, 100, 80, 60, 40, 20]
LONG = 600


class Client:
    """Sends goals as any program does."""

    def __init__(self, ros, name="/actions/wait_for"):
        self.ros = ros
        all_at_once = QoSProfile(depth=wait_for.MOST_GOALS)
        self.client = ActionClient(ros.node, WaitForAction, name, result_service_qos_profile=all_at_once)
        ros.until(self.client.server_is_ready, "the action server")

    def send(self, *class_ids, timeout=LONG, **fields):
        """Send a goal, which is accepted when this returns."""
        sent = Sent(self.ros)
        goal = Goal(class_ids=class_ids, timeout=seconds(timeout), **fields)
        future = self.client.send_goal_async(goal, feedback_callback=lambda said: sent.feedback.append(said.feedback))
        self.ros.until(future.done, "the answer to a goal")
        sent.handle = future.result()
        if sent.handle.accepted:
            sent.future = sent.handle.get_result_async()
        return sent


class Sent:
    def __init__(self, ros):
        self.ros = ros
        self.feedback = []
        self.handle = self.future = None

    def result(self):
        """Return the status and the result, once they are there."""
        self.ros.until(self.future.done, "the result of a goal")
        return self.future.result().status, self.future.result().result

    def refusal(self):
        status, result = self.result()
        assert (status, result.seen, result.event) == (GoalStatus.STATUS_ABORTED, False, ActionEvent())
        return result.error_code, result.error_msg


def seconds(value):
    return Duration(sec=int(value), nanosec=int(value % 1 * 1e9))


@pytest.fixture
def client(ros):
    clients = []

    def start():
        clients.append(Client(ros))
        return clients[-1]

    yield start
    for one in clients:
        one.client.destroy()


@pytest.fixture
def watching(robot, client):
    """A node whose events last for half a second at least, and a client."""

    def start(*arguments, **parameters):
        return robot(*arguments, **{"event_min_duration": 0.5, "event_max_gap": 0.0, **parameters}), client()

    return start


def test_the_first_event_of_the_class_ends_the_wait(watching):
    robot, client = watching()
    (camera,) = robot.cameras
    sent = client.send("first")
    robot.show(camera, *RISING)  # "fourth", which is not awaited
    assert not sent.future.done()
    robot.show(camera, *FALLING)
    status, result = sent.result()
    assert (status, result.seen, result.error_code, result.error_msg) == (GoalStatus.STATUS_SUCCEEDED, True, 0, "")
    event = result.event
    assert (event.class_id, event.state, event.image_topic) == ("first", ActionEvent.STARTED, camera.topic)
    assert event.start.sec >= 107


def test_what_goes_on_when_the_goal_arrives_counts(watching):
    robot, client = watching()
    (camera,) = robot.cameras
    robot.show(camera, *RISING)
    sent = client.send("fourth")
    robot.show(camera, 160)
    status, result = sent.result()
    assert (status, result.event.class_id, result.event.state) == (
        GoalStatus.STATUS_SUCCEEDED,
        "fourth",
        ActionEvent.GOING_ON,
    )


def test_score_and_duration_of_the_event_must_suffice(watching):
    robot, client = watching()
    (camera,) = robot.cameras
    impossible, patient = client.send(min_score=1.0), client.send(min_duration=seconds(5.5))
    robot.show(camera, *RISING)
    assert not patient.future.done()
    robot.show(camera, 160)
    _, result = patient.result()
    assert result.event.end.sec - result.event.start.sec >= 5
    assert not impossible.future.done()


def test_only_cameras_that_are_named_count(watching):
    robot, client = watching(["/cam01/image_raw", "/cam02/image_raw"])
    first, second = robot.cameras
    of_second, of_any = client.send(image_topics=["cam02/image_raw"]), client.send()
    robot.show(first, *RISING)
    assert of_any.result()[1].event.image_topic == first.topic
    assert not of_second.future.done()
    robot.show(second, *RISING)
    assert of_second.result()[1].event.image_topic == second.topic


def test_a_person_is_waited_for_and_whole_images_are_not(watching, tmp_path):
    persons = {"persons": True, "pose_model": str(one_person(tmp_path)), "persons_model": ""}
    robot, client = watching(**persons)
    (camera,) = robot.cameras
    person, whole = client.send(source=Goal.PERSON), client.send(source=Goal.WHOLE_IMAGE)
    for value in range(130, 240, 10):
        before = robot.inner(camera).watch.frames
        data = array("B", [value] * 64 * 64)
        robot.push(camera, 0, height=64, width=64, step=64, data=data)
        robot.ros.until(lambda before=before: robot.inner(camera).watch.frames > before, "the search for people")
    assert person.result()[1].event.track_id
    assert whole.result()[1].event.track_id == ""


def test_the_time_is_over_and_says_who_was_silent(watching, monkeypatch):
    robot, client = watching(["/cam01/image_raw", "/cam02/image_raw"])
    sent = [client.send("second") for _ in range(2)]
    robot.show(robot.cameras[0], *RISING)
    monkeypatch.setattr(wait_for, "monotonic", lambda: time.monotonic() + LONG)
    for one in sent:
        assert one.refusal() == (Result.TIMEOUT, "no such event within 600 s; nothing was heard of /cam02/image_raw")
    code, text = client.send(timeout=0.2).refusal()
    assert (code, text.count("/image_raw")) == (Result.NO_ANSWER, 2)


def test_feedback_says_what_is_likeliest_of_what_is_awaited(watching, monkeypatch):
    monkeypatch.setattr(wait_for, "FEEDBACK_PERIOD", 0.2)
    robot, client = watching()
    sent = client.send("first", "third")
    robot.ros.until(lambda: sent.feedback, "feedback")
    assert (sent.feedback[0].class_id, sent.feedback[0].image_topic) == ("", "")  # no window
    assert LONG - 60 < sent.feedback[0].time_left.sec < LONG
    robot.show(robot.cameras[0], *RISING)
    robot.ros.until(lambda: sent.feedback[-1].class_id, "feedback")
    said = sent.feedback[-1]
    assert (said.class_id, said.image_topic, said.track_id) == ("third", "/cam01/image_raw", "")
    assert 0 < said.score < 0.5
    robot.ros.until(lambda: sent.feedback[-1].class_id == "", "feedback without a window since the last")


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


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"class_ids": ["forth"]}, r"no event can have the class 'forth'; some are 'fourth'"),
        ({"class_ids": ["x" * 100_000 + "\n"]}, r"no event can have the class 'x{20,40}\.\.\."),
        ({"class_ids": ["second"]}, r"no event can have the class 'second'; some are 'first', 'fourth'"),
        ({"image_topics": ["/cam03/image_raw"]}, r"no camera '/cam03/image_raw'; there is /cam01/image_raw"),
        ({"image_topics": ["a b", "/cam01/image_raw"]}, "no camera 'a b'"),
        ({"source": Goal.PERSON}, "people are not followed; set the node's parameter persons"),
        ({"source": 9}, "source is 9; give ANY"),
        ({"min_score": 1.5}, "min_score is 1.5; give a number from 0 to 1"),
        ({"min_score": float("nan")}, "min_score is nan"),
        ({"timeout": seconds(0)}, "timeout is 0 s; give more than 0"),
        ({"timeout": Duration(sec=-1)}, "timeout is -1 s"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_a_goal_that_cannot_be_served_is_aborted_with_the_reason(watching, fields, reason):
    """A rejection could not say why."""
    _, client = watching(allowed_labels=["first", "fourth"])
    sent = Sent(client.ros)
    future = client.client.send_goal_async(Goal(**{"timeout": seconds(LONG), **fields}))
    client.ros.until(future.done, "the answer to a goal")
    sent.future = future.result().get_result_async()
    code, text = sent.refusal()
    assert code == Result.INVALID_GOAL
    assert re.search(reason, text)
    assert "\n" not in text


def test_no_more_goals_wait_than_can(watching, monkeypatch):
    monkeypatch.setattr(wait_for, "MOST_GOALS", 2)
    robot, client = watching()
    first, second, third = (client.send() for _ in range(3))
    assert third.refusal() == (Result.TOO_MANY_GOALS, "2 goals wait already; cancel one of them")
    robot.show(robot.cameras[0], *RISING)
    assert first.result()[0] == second.result()[0] == GoalStatus.STATUS_SUCCEEDED
    again = client.send(timeout=0.1)
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
    while robot.ros.receive(events, "the event of the last window").end.sec < 105:  # the middle of 104 to 107
        pass
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


def test_waiting_takes_no_thread(watching):
    robot, client = watching()
    threads = threading.active_count()
    sent = [client.send() for _ in range(wait_for.MOST_GOALS)]
    assert threading.active_count() == threads
    robot.show(robot.cameras[0], *RISING)
    for one in sent:
        assert one.result()[0] == GoalStatus.STATUS_SUCCEEDED


def test_the_server_ends_with_the_work(robot, client):
    robot, client = robot(), client()
    robot.node.stop()
    robot.ros.until(lambda: not client.client.server_is_ready(), "the end of the server")
