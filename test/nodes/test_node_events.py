"""/actions/events, over DDS: what a camera and its people do, from start to end.

The network's class k is the brighter, the brighter frame k of four is: rising brightness is "fourth", falling "first".
"""

from array import array

import pytest
from small_networks import one_person

from har_ros.msg import ActionEvent
from har_ros.nodes import camera as cameras

STARTED, GOING_ON, ENDED = ActionEvent.STARTED, ActionEvent.GOING_ON, ActionEvent.ENDED
RISING = [20, 40, 60, 80, 100, 120, 140]
FALLING = [120, 100, 80, 60, 40, 20]


@pytest.fixture
def listener(ros, robot):
    def start(*arguments, **parameters):
        events = ros.inbox(ActionEvent, "/actions/events")
        made = robot(*arguments, **{"event_min_duration": 0.5, "event_max_gap": 0.0, **parameters})
        ros.until(lambda: made.node.count_subscribers("/actions/events"), "the discovery of /actions/events")
        return made, events

    return start


def heard(ros, events, state, label):
    """The events up to the next one in this state and of this class."""
    found = [ros.receive(events, f"an event of {label}")]
    while (found[-1].state, found[-1].class_id) != (state, label):
        found.append(ros.receive(events, f"an event of {label}"))
    return found


def test_an_action_starts_goes_on_and_ends(listener):
    robot, events = listener()
    (camera,) = robot.cameras
    robot.show(camera, *RISING, *FALLING)
    of_fourth = [one for one in heard(robot.ros, events, ENDED, "fourth") if one.class_id == "fourth"]
    assert [one.state for one in of_fourth] == [STARTED, *[GOING_ON] * (len(of_fourth) - 2), ENDED]
    assert len({one.id for one in of_fourth}) == 1
    assert {one.said.sec for one in of_fourth} == {104}  # the first window is full
    assert (of_fourth[0].header.stamp, of_fourth[0].end.sec) == (of_fourth[0].end, 102)  # its middle
    last = of_fourth[-1]
    assert (last.image_topic, last.track_id, last.header.frame_id) == (camera.topic, "", camera.frame_id)
    assert last.start.sec == 101  # that of the first image
    assert 105 <= last.end.sec <= 109  # the brightest is 107
    assert 0.5 < last.score <= 1
    ended = heard(robot.ros, events, STARTED, "first")[-1]
    assert ended.id != last.id
    assert ended.start.sec >= last.end.sec


def test_what_goes_on_ends_once_when_the_node_is_deactivated(listener):
    robot, events = listener()
    (camera,) = robot.cameras
    robot.show(camera, *RISING)
    heard(robot.ros, events, STARTED, "fourth")
    assert robot.change("deactivate")[0]
    assert heard(robot.ros, events, ENDED, "fourth")[-1].end.sec == camera.seconds
    for _ in range(10):
        robot.ros.executor.spin_once(timeout_sec=0)
    assert events.empty()


def test_a_camera_that_is_removed_or_silent_ends_its_events(listener, monkeypatch):
    robot, events = listener(["/cam01/image_raw", "/cam02/image_raw"])
    first, second = robot.cameras
    for camera in (first, second):
        robot.show(camera, *RISING)
        heard(robot.ros, events, STARTED, "fourth")
    assert robot.set(image_topics=[first.topic]) == ""
    assert heard(robot.ros, events, ENDED, "fourth")[-1].image_topic == second.topic
    monkeypatch.setattr(cameras, "UNSEEN", 0.0)
    assert heard(robot.ros, events, ENDED, "fourth")[-1].image_topic == first.topic


def test_a_clock_that_goes_back_ends_them_at_the_last_stamp(listener):
    robot, events = listener()
    (camera,) = robot.cameras
    robot.show(camera, *RISING)
    heard(robot.ros, events, STARTED, "fourth")
    last, camera.seconds = camera.seconds, 10
    robot.show(camera, *RISING)
    assert heard(robot.ros, events, ENDED, "fourth")[-1].end.sec == last
    assert heard(robot.ros, events, STARTED, "fourth")[-1].start.sec == 11


def test_limits_can_change_and_must_not_contradict(listener):
    robot, events = listener(event_start=0.99)
    (camera,) = robot.cameras
    assert "event_end is 0.995, above event_start (0.99)" in robot.set(event_end=0.995)
    robot.show(camera, *RISING[:6])
    assert events.empty()
    assert robot.set(event_start=0.5) == ""
    robot.show(camera, 140, 160, 180)
    assert heard(robot.ros, events, STARTED, "fourth")
    with pytest.raises(Exception, match=r"event_end is 0.3, above event_start \(0.2\)"):
        listener(event_start=0.2)


def test_a_class_has_the_limits_of_a_file(listener, tmp_path):
    limits = tmp_path / "limits.yaml"
    limits.write_text("fourth: {start: 0.995}\n")
    robot, events = listener(event_limits=str(limits))
    (camera,) = robot.cameras
    robot.show(camera, *RISING, *FALLING)
    assert "fourth" not in {one.class_id for one in heard(robot.ros, events, STARTED, "first")}
    limits.write_text("fith: {start: 0.9}\n")
    refusal = "event_limits: 'fith' is no class of the network; name one that is"
    assert refusal in robot.set(event_limits=str(limits))
    with pytest.raises(Exception, match=refusal):
        listener(event_limits=str(limits))


def test_a_person_has_events_which_end_when_they_are_gone(listener, tmp_path):
    persons = {"persons": True, "pose_model": str(one_person(tmp_path)), "persons_model": "", "track_timeout": 2.5}
    robot, events = listener(**persons)
    (camera,) = robot.cameras

    def show(*values):
        for value in values:
            data = array("B", [value] * 64 * 64)
            before = robot.inner(camera).watch.frames
            robot.push(camera, 0, height=64, width=64, step=64, data=data)
            robot.ros.until(lambda before=before: robot.inner(camera).watch.frames > before, "the search for people")

    show(*range(130, 240, 10))
    person = next(one for one in heard_of_people(robot.ros, events) if one.state == STARTED)
    assert person.class_id == "fourth"
    show(0, 0, 0, 0)
    ended = next(one for one in heard_of_people(robot.ros, events) if one.state == ENDED)
    assert (ended.id, ended.track_id) == (person.id, person.track_id)
    assert ended.end.sec <= camera.seconds - 4


def heard_of_people(ros, events):
    while True:
        one = ros.receive(events, "an event of somebody")
        if one.track_id:
            yield one
