"""persons:=true: who is seen, what they do, and what happens to those around them when something fails.

The pose network finds one person in the middle of every image that is bright enough (small_networks.one_person).
"""

import time
from array import array

import onnx
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from goals import Goal
from sensor_msgs.msg import Image
from small_networks import PERSON, encoder_decoder, one_person, write_card
from streamable_networks import ARCHITECTURES
from vision_msgs.msg import Detection2DArray, LabelInfo

from har_ros.msg import PersonWindow
from har_ros.nodes.diagnostics import Diagnostics, NetworkInfo
from har_ros.nodes.topics import LATCHED

TWO = ["/cam01/image_raw", "/cam02/image_raw"]


@pytest.fixture(scope="module")
def pose_card(tmp_path_factory):
    return one_person(tmp_path_factory.mktemp("person"))


@pytest.fixture
def watcher(ros, robot, pose_card):
    """The robot, and what it says of people."""

    def start(*arguments, **parameters):
        persons = ros.inbox(Detection2DArray, "/actions/persons")
        windows = ros.inbox(PersonWindow, "/actions/persons/windows")
        given = {"pose_model": str(pose_card), "persons_model": "", **parameters}
        made = robot(*arguments, persons=True, **given)
        ros.until(lambda: made.node.count_subscribers("/actions/persons"), "the discovery of /actions/persons")
        return made, persons, windows

    return start


def show(robot, persons, camera, brightness, **fields):
    """Show an image of 64×64 pixels; returns what is said of it."""
    data = array("B", [brightness] * 64 * 64)
    robot.push(camera, 0, height=64, width=64, step=64, data=data, **fields)
    return robot.ros.receive(persons, "/actions/persons")


def test_somebody_has_a_box_an_id_and_actions(watcher):
    robot, persons, windows = watcher()
    (camera,) = robot.cameras
    first, second = (show(robot, persons, camera, 150) for _ in range(2))
    assert first.detections == []  # a single pose is nobody yet
    [found] = second.detections
    box = found.bbox
    assert (box.center.position.x, box.center.position.y, box.size_x, box.size_y) == pytest.approx(PERSON, abs=0.5)
    assert (found.header, second.header.frame_id) == (second.header, camera.frame_id)
    assert found.results == []  # seen, and the window is not full
    for brightness in (150, 200, 100):
        show(robot, persons, camera, brightness)
    evidence = robot.ros.receive(windows, "a person's window")
    assert (evidence.track_id, evidence.image_topic, evidence.frames) == (found.id, camera.topic, 4)
    assert evidence.header.stamp == evidence.window_end
    assert evidence.seen == pytest.approx(1.0)
    assert evidence.keypoint_confidence == pytest.approx(0.5)
    assert [one.class_id for one in evidence.hypotheses][:2] == ["third", "first"]  # the brightest frames
    robot.ros.until(lambda: show(robot, persons, camera, 150).detections[0].results, "an action of the person")
    assert not robot.actions.empty()  # the whole picture's go on


def test_nobody_is_said_too(watcher):
    robot, persons, _ = watcher()
    message = show(robot, persons, robot.cameras[0], 0)
    assert message.detections == []
    assert message.header.frame_id == robot.cameras[0].frame_id


def test_cameras_see_people_of_their_own(watcher):
    robot, persons, _ = watcher(TWO)
    ids = {}
    for _ in range(3):
        for camera in robot.cameras:
            message = show(robot, persons, camera, 150)
            ids[message.header.frame_id] = [one.id for one in message.detections]
    assert len({name for found in ids.values() for name in found}) == len(ids) == 2


def test_a_camera_whose_poses_are_not_finite_does_not_cost_the_other(watcher):
    robot, persons, _ = watcher(TWO)
    bright, fine = robot.cameras
    data = array("B", [255] * 64 * 64)
    robot.push(bright, 0, height=64, width=64, step=64, data=data)
    robot.ros.until(lambda: robot.inner(bright).watch.frames_failed == 1, "a failure")
    assert "output is not finite" in robot.inner(bright).watch.last_error
    for _ in range(3):
        message = show(robot, persons, fine, 150)
    assert len(message.detections) == 1
    assert show(robot, persons, bright, 150).header.frame_id == bright.frame_id  # and it recovers
    assert robot.inner(bright).watch.last_error == ""


def test_a_broken_image_is_reported_and_the_next_is_taken(watcher):
    robot, persons, _ = watcher()
    (camera,) = robot.cameras
    robot.push(camera, 0, height=64, width=64, step=64, encoding="nonsense", data=array("B", [9] * 64 * 64))
    assert robot.inner(camera).frames_broken == 1
    assert "encoding 'nonsense'" in robot.inner(camera).last_error
    assert show(robot, persons, camera, 150).detections == []
    assert robot.inner(camera).last_error == ""
    assert robot.inner(camera).watch.frames == 1  # only what can be read is searched


def test_somebody_who_leaves_is_forgotten(watcher):
    robot, persons, _ = watcher(track_timeout=1.5)
    (camera,) = robot.cameras
    for _ in range(3):
        message = show(robot, persons, camera, 150)
    name = message.detections[0].id
    for _ in range(3):
        assert show(robot, persons, camera, 0).detections == []
    for _ in range(3):
        message = show(robot, persons, camera, 150)
    assert message.detections[0].id != name
    assert len(robot.inner(camera).watch.people) == 1


@pytest.mark.parametrize("change", [{"max_persons": 1}, {"track_timeout": 9.0}, {"threshold": 0.5}, {"skip_frames": 1}])
def test_parameters_of_people_change_while_it_runs(watcher, change):
    robot, persons, _ = watcher()
    show(robot, persons, robot.cameras[0], 150)
    assert robot.set(**change) == ""
    for _ in range(4):
        message = show(robot, persons, robot.cameras[0], 150)
    assert len(message.detections) == 1


def test_people_have_a_network_of_their_own_where_it_is_given(watcher, tmp_path):
    card, *_ = encoder_decoder(tmp_path)
    robot, persons, windows = watcher(persons_model=str(card))
    assert robot.node.persons.networks.recognizer is not robot.node.recognizer
    for _ in range(8):
        show(robot, persons, robot.cameras[0], 150)
    evidence = robot.ros.receive(windows, "a person's window")
    assert {one.class_id for one in evidence.hypotheses} <= set(robot.node.persons.networks.recognizer.labels)


def test_people_alone_are_recognised_where_whole_images_are_left_out(watcher, client, brightness_card):
    robot, persons, windows = watcher(model="none", persons_model=str(brightness_card))
    (camera,) = robot.cameras
    labels = robot.ros.inbox(LabelInfo, "/actions/label_info", LATCHED)
    health = robot.ros.inbox(DiagnosticArray, "/diagnostics")
    waiting, whole = client().send("fourth"), client().send("fourth", source=Goal.WHOLE_IMAGE)
    assert whole.refusal()[1] == "source is WHOLE_IMAGE, and whole images are left out; set the node's model"
    for brightness in range(130, 210, 10):
        show(robot, persons, camera, brightness)
    assert robot.ros.receive(windows, "a person's window").hypotheses[0].class_id == "fourth"
    assert waiting.result()[1].event.track_id
    assert [one.class_name for one in robot.ros.receive(labels).class_map] == ["first", "second", "third", "fourth"]
    assert robot.actions.empty()
    assert robot.windows.empty()
    assert not robot.inner(camera).whole
    running = robot.ros.first(health, lambda message: message.status[1].message == "running", "the diagnostics")
    network, seen = running.status
    assert network.hardware_id == str(brightness_card)
    assert "window" not in {pair.key for pair in seen.values}
    assert robot.set(threshold=0.2, stride=2) == ""
    assert "idle is of the network for whole images, and model is none" in robot.set(idle="auto")
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        assert robot.change(transition)[0]


def test_where_nothing_is_recognised_the_node_does_not_start(robot):
    with pytest.raises(Exception, match="model is none, which leaves only people; set persons, or name a model"):
        robot(model="none")


def test_the_lifecycle_frees_and_brings_back_what_follows_people(watcher):
    robot, persons, _ = watcher()
    for transition in ("deactivate", "cleanup"):
        assert robot.change(transition)[0]
    assert robot.node.persons is None
    assert robot.set(persons=False) == ""
    for transition in ("configure", "activate", "deactivate", "cleanup"):
        assert robot.change(transition)[0]
    assert robot.set(persons=True) == ""
    for transition in ("configure", "activate"):
        assert robot.change(transition)[0]
    robot.connect()
    for _ in range(3):
        message = show(robot, persons, robot.cameras[0], 150)
    assert len(message.detections) == 1


def test_the_annotated_image_shows_the_person(watcher):
    robot, persons, _ = watcher()
    (camera,) = robot.cameras
    images = robot.ros.inbox(Image, "/cam01/actions_image")
    robot.ros.until(lambda: robot.node.count_subscribers("/cam01/actions_image"), "the subscription")
    for _ in range(4):
        show(robot, persons, camera, 150)
    for _ in range(4):
        image = robot.ros.receive(images)
    colours = {tuple(image.data[i : i + 3]) for i in range(64 * 64 * 2, len(image.data), 3)}  # below the panel
    assert any(len(set(colour)) > 1 for colour in colours)  # the camera's image is grey


def test_a_pose_network_that_is_missing_is_refused_at_start(robot, own_cache):
    with pytest.raises(Exception, match="run: actionnet models fetch movenet-multipose"):
        robot(persons=True)


def test_a_network_for_people_that_fails_or_hangs_is_in_the_diagnostics(watcher, tmp_path, monkeypatch):
    card, *_ = encoder_decoder(tmp_path)
    robot, persons, _ = watcher(persons_model=str(card))
    (camera,) = robot.cameras
    network = robot.node.persons.networks.recognizer.network
    monkeypatch.setattr(network, "run", lambda *_: 1 / 0)
    for _ in range(8):
        show(robot, persons, camera, 150)
    robot.ros.until(lambda: robot.inner(camera).watch.windows_failed, "a failure")
    maker, info = Diagnostics(robot.node), NetworkInfo("", "", "")

    def statuses():
        active = robot.node.active
        return maker.message(info, active.worker, list(active.cameras), active.people).status

    _, status = statuses()
    assert (status.level, "no action for this person: ZeroDivisionError" in status.message) == (
        DiagnosticStatus.ERROR,
        True,
    )
    moment = time.monotonic()
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: moment)
        patched.setattr(robot.node.active.follower, "busy_since", moment - 9)
        assert "failing: no answer of the pose network for 9 s" in statuses()[0].message


def test_a_network_for_people_that_still_runs_is_not_freed(watcher):
    robot, _, _ = watcher()
    assert robot.change("deactivate")[0]
    persons, recognizer = robot.node.persons, robot.node.recognizer
    for lock in persons.locks:
        with lock:
            assert not robot.change("cleanup")[0]
        assert (robot.node.persons, robot.node.recognizer) == (persons, recognizer)
    assert robot.change("cleanup") == (True, "unconfigured")


def test_continual_networks_are_refused_for_people(robot, pose_card, tmp_path):
    onnx.save(ARCHITECTURES["r3d_18"](), tmp_path / "small.onnx")
    spec = {"layout": "NCTHW", "height": 16, "width": 16, "range": [0, 1]}
    card = write_card(tmp_path, input=spec, window={"frames": 16}, continual=True)
    with pytest.raises(Exception, match=r"continual.*; set continual to false, or give them another network"):
        robot(model=str(card), persons=True, pose_model=str(pose_card), persons_model="")
