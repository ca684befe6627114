"""Parameters that change, or do not, while the node runs; set by the service as `ros2 param set` does."""

import pytest
from vision_msgs.msg import Classification

from har_ros.settings import ACTIONNET

ONE, TWO, THREE = (f"/cam0{i}/image_raw" for i in (1, 2, 3))


def test_threshold_and_top_k(robot):
    robot = robot(top_k=1)
    (camera,) = robot.cameras
    (window,) = robot.show(camera, 100, 100, 100, 100)
    assert (len(window.hypotheses), window.threshold) == (1, 0.0)
    assert robot.set(top_k=3, threshold=0.6) == ""
    (window,) = robot.show(camera, 100)
    assert (len(window.hypotheses), window.threshold) == (3, 0.6)
    assert [len(robot.ros.receive(robot.actions).results) for _ in range(2)] == [1, 0]


def test_smoothing_hysteresis_and_allowed_labels(robot):
    """A frame of 20 among black ones gives its class e^2 / (e^2 + 3) = 0.71 and the others 0.10."""
    robot = robot()
    (camera,) = robot.cameras

    def ranked(*values):
        return [h.class_id for h in robot.show(camera, *values)[-1].hypotheses]

    assert ranked(0, 0, 0, 20)[0] == "fourth"
    assert robot.set(hysteresis=0.7) == ""
    assert ranked(0)[:2] == ["fourth", "third"]
    assert robot.set(hysteresis=0.5) == ""
    assert ranked(0)[0] == "second"
    assert robot.set(hysteresis=0.0, allowed_labels=["second", "fourth"]) == ""
    assert sorted(ranked(0)) == ["fourth", "second"]
    assert robot.set(allowed_labels=[""], smoothing=60.0) == ""
    windows = robot.show(camera, 0, 20, 0)
    assert windows[-1].hypotheses[0].score < 0.3  # of 0.71: a second is little beside sixty


def test_an_empty_list_of_labels_means_all(robot):
    robot = robot(allowed_labels=["first"])
    assert robot.set(allowed_labels=[]) == ""
    assert len(robot.show(robot.cameras[0], 10, 20, 30, 40)[0].hypotheses) == 4


def test_sampling(robot):
    robot = robot(max_gap=60.0)
    (camera,) = robot.cameras
    assert len(robot.show(camera, 10, 20, 30, 40)) == 1
    assert robot.set(skip_frames=1) == ""
    windows = robot.show(camera, 10, 250, 20, 250, 30, 250, 40)
    assert [(w.window_start.sec, w.window_end.sec) for w in windows] == [(105, 111)]
    assert robot.set(skip_frames=-1, sample_rate=0.5) == ""
    assert robot.inner(camera).stream.extent == "6.00 s"
    for value in (0, 20, 0, 40, 0, 60):
        robot.push(camera, value)
    window = robot.ros.receive(robot.windows)
    assert (window.window_start.sec, window.window_end.sec) == (112, 117)
    assert [h.class_id for h in window.hypotheses] == ["fourth", "third", "second", "first"]


def test_cameras_come_and_go_and_the_others_go_on(robot):
    robot = robot((ONE, TWO))
    first, second = robot.cameras
    robot.show(first, 10, 20, 30)
    assert robot.set(image_topics=[ONE, THREE]) == ""
    robot.ros.until(lambda: not robot.ros.node.count_subscribers(TWO), "the end of a subscription")
    third = type(first)(robot.ros, THREE).connected()
    (window,) = robot.show(first, 40)  # its window went on
    assert (window.image_topic, window.frames_dropped) == (ONE, 0)
    (window,) = robot.show(third, 10, 20, 30, 40)
    assert window.image_topic == THREE
    assert [camera.topic for camera in robot.node.active.cameras] == [ONE, THREE]
    assert robot.set(image_topics=[ONE, TWO]) == ""
    second.connected()
    (window,) = robot.show(second, 10, 20, 30, 40)
    assert window.image_topic == TWO


def test_a_camera_in_the_same_namespace_moves_the_annotated_images(robot):
    robot = robot(("/rig/left",))
    count = robot.ros.node.count_publishers
    assert (count("/rig/actions_image"), count("/rig/left/actions_image")) == (1, 0)
    assert robot.set(image_topics=["/rig/left", "/rig/right"]) == ""
    topics = ("/rig/actions_image", "/rig/left/actions_image", "/rig/right/actions_image")
    robot.ros.until(lambda: [count(topic) for topic in topics] == [0, 1, 1], "the new topics")


def test_the_overlay_can_be_turned_off(robot):
    robot = robot()
    count = robot.ros.node.count_publishers
    assert count("/cam01/actions_image") == 1
    assert robot.set(overlay=False) == ""
    robot.ros.until(lambda: not count("/cam01/actions_image"), "the end of the overlay")
    assert robot.set(overlay=True) == ""
    robot.ros.until(lambda: count("/cam01/actions_image"), "the overlay")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": 1}, "rong parameter type, expected"),  # rclpy's own words
        ({"top_k": 0}, "top_k"),
        ({"smoothing": -1.0}, "smoothing"),
        ({"skip_frames": 0, "sample_rate": 25.0}, "skip_frames is 0 and sample_rate 25, but frames are sampled"),
        (
            {"allowed_labels": ["fift"]},
            "allowed label 'fift' is no class of this network; give one that is",
        ),
        ({"image_topics": [""]}, "parameter image_topics is empty; name one camera topic"),
        ({"allowed_labels": "first"}, "parameter allowed_labels is 'first'; give a list of strings, such as [waving,"),
        ({"image_topics": [ONE, ONE]}, "names /cam01/image_raw more than once"),
        ({"image_topics": [ONE, "/a b"]}, "has '/a b'; a topic is made of"),
        (
            {"image_topics": [ONE, "/cam09/image_raw", "/actions"]},
            "/actions cannot be used (Failed to create subscription",
        ),
        ({"model": "i3d-kinetics-400"}, "parameter model is read-only while the node is configured"),
        ({"max_batch": 2}, "parameter max_batch is read-only"),
        ({"image_transport": "compressed"}, "parameter image_transport is read-only"),
    ],
    ids=str,
)
def test_wrong_values_are_refused_with_the_reason_and_change_nothing(robot, values, reason):
    robot, names = robot(), [row.name for row in ACTIONNET]
    before = robot.node.get_parameters(names)
    assert reason in robot.set(**values, overlay=False)
    assert robot.node.get_parameters(names) == before
    assert robot.set(smoothing=0.0) == ""  # what was refused does not take effect later, either
    assert robot.ros.node.count_publishers("/cam01/actions_image") == 1
    assert not robot.ros.node.count_subscribers("/cam09/image_raw")
    (window,) = robot.show(robot.cameras[0], 10, 20, 30, 40)
    assert (len(window.hypotheses), window.threshold) == (4, 0.0)


def test_a_topic_that_cannot_be_drawn_on_changes_nothing(robot):
    """The refusal comes from the middleware, after a camera could have gone and another one have come."""
    override = "qos_overrides./cam01/actions_image.publisher.reliability:=good"
    robot = robot((ONE, TWO), overlay=False, cli_args=["--ros-args", "-p", override])
    for camera in robot.cameras:
        assert robot.show(camera, 10, 20, 30) == []
    assert "/cam01/actions_image cannot be used" in robot.set(image_topics=[THREE, ONE], overlay=True, top_k=1)
    assert [camera.topic for camera in robot.node.active.cameras] == [ONE, TWO]
    assert not robot.ros.node.count_subscribers(THREE)
    for camera in robot.cameras:
        (window,) = robot.show(camera, 40)  # its window went on
        assert len(window.hypotheses) == 4


def test_what_can_change_says_so(robot):
    robot = robot()
    for row in ACTIONNET:
        descriptor = robot.node.describe_parameter(row.name)
        assert (descriptor.description, descriptor.read_only) == (row.description, False)
        assert ("can change at run time" in descriptor.additional_constraints) == row.at_run_time


def test_qos_can_be_overridden(robot, ros):
    overrides = ("-p", "qos_overrides./cam01/image_raw.subscription.reliability:=reliable")
    more = ("-p", "qos_overrides./cam01/image_raw.subscription.depth:=3")
    robot = robot(cli_args=["--ros-args", *overrides, *more, "-p", "qos_overrides./actions.publisher.depth:=2"])
    (info,) = robot.ros.node.get_subscriptions_info_by_topic(ONE)
    assert info.qos_profile.reliability.name == "RELIABLE"
    assert robot.node.get_parameter("qos_overrides./cam01/image_raw.subscription.depth").value == 3
    assert robot.node.get_parameter("qos_overrides./cam01/image_raw.subscription.durability").value == "volatile"
    assert robot.node.get_parameter("qos_overrides./actions.publisher.depth").value == 2
    robot.show(robot.cameras[0], 10, 20, 30, 40)
    assert isinstance(ros.receive(robot.actions), Classification)
