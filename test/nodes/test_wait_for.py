"""The action actions/wait_for, over DDS: what clients get, and what they may ask for."""

import re
import threading
from array import array

import pytest
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration
from goals import FALLING, LONG, RISING, Goal, Result, Sent, seconds
from small_networks import one_person

from har_ros.msg import ActionEvent
from har_ros.nodes import wait_for


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


def test_feedback_says_what_is_likeliest_of_what_is_awaited(watching, monkeypatch):
    monkeypatch.setattr(wait_for, "FEEDBACK_PERIOD", 0.2)
    robot, client = watching()
    sent = client.send("first", "third")
    robot.ros.until(lambda: sent.feedback, "feedback")
    assert (sent.feedback[0].class_id, sent.feedback[0].image_topic) == ("", "")  # no window
    assert LONG - 60 < sent.feedback[0].time_left.sec < LONG
    robot.show(robot.cameras[0], *RISING)
    robot.ros.until(lambda: any(one.class_id for one in sent.feedback), "feedback")
    said = next(one for one in sent.feedback if one.class_id)
    assert (said.class_id, said.image_topic, said.track_id) == ("third", "/cam01/image_raw", "")
    assert 0 < said.score < 0.5
    robot.ros.until(lambda: sent.feedback[-1].class_id == "", "feedback without a window since the last")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"class_ids": ["forth"]},
            r"no event can have the class 'forth'; give one of .* \(similar: 'fourth'",
        ),
        ({"class_ids": ["x" * 100_000 + "\n"]}, r"no event can have the class 'x{20,40}\.\.\."),
        ({"class_ids": ["second"]}, r"no event can have the class 'second'; give one of the network's$"),
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


def test_waiting_takes_no_thread(watching):
    robot, client = watching()
    threads = threading.active_count()
    sent = [client.send() for _ in range(wait_for.MOST_GOALS)]
    assert threading.active_count() == threads
    robot.show(robot.cameras[0], *RISING)
    for one in sent:
        assert one.result()[0] == GoalStatus.STATUS_SUCCEEDED
