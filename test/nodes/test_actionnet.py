from array import array

import numpy as np
import pytest
from sensor_msgs.msg import Image
from small_networks import encoder_decoder

from har_ros.backends.openvino.backend import OpenVinoBackend
from har_ros.pipeline.recognizer import Recognizer

TWO = ("/cam01/image_raw", "/cam02/image_raw")


def labels(message):
    return [hypothesis.class_id for hypothesis in message.results]


def test_a_message_tells_what_the_full_window_showed(robot):
    """Class k of the test network scores the brightness of frame k."""
    robot = robot()
    (camera,) = robot.cameras
    (window,) = robot.show(camera, 50, 200, 10, 90)
    action = robot.ros.receive(robot.actions)
    assert labels(action) == ["second", "fourth", "first", "third"]
    scores = [hypothesis.score for hypothesis in action.results]
    expected = np.exp(np.array([20, 9, 5, 1.0]))
    np.testing.assert_allclose(scores, expected / expected.sum(), rtol=0.02)  # bfloat16 on some CPUs
    assert (action.header.stamp.sec, action.header.stamp.nanosec, action.header.frame_id) == (104, 7, "cam01_image_raw")
    assert window.header == action.header
    assert window.image_topic == "/cam01/image_raw"
    assert (window.window_start.sec, window.window_end.sec, window.frames) == (101, 104, 4)
    assert window.hypotheses == action.results
    assert (window.windows_dropped, window.frames_dropped) == (0, 0)
    assert 0 < window.inference_time.nanosec < 10**9
    assert robot.actions.empty()  # nothing before the window was full


def test_windows_slide_frame_by_frame_in_order(robot):
    robot = robot()
    robot.show(robot.cameras[0], 250, 200, 150, 100, 50)
    ranked = [labels(robot.ros.receive(robot.actions)) for _ in range(2)]
    assert ranked == [["first", "second", "third", "fourth"]] * 2


def test_skip_frames_leaves_frames_out(robot):
    robot = robot(skip_frames=1)
    windows = robot.show(robot.cameras[0], 10, 250, 40, 250, 20, 250, 30)
    assert (windows[0].window_start.sec, windows[0].window_end.sec) == (101, 107)
    assert labels(robot.ros.receive(robot.actions)) == ["second", "fourth", "third", "first"]


def test_nothing_above_the_threshold_is_an_empty_message(robot):
    robot = robot(threshold=0.6)
    (window,) = robot.show(robot.cameras[0], 100, 100, 100, 100)
    assert robot.ros.receive(robot.actions).results == []
    assert [hypothesis.score for hypothesis in window.hypotheses] == pytest.approx([0.25] * 4)
    assert window.threshold == 0.6


def test_top_k_limits_the_message(robot):
    robot = robot(top_k=2)
    robot.show(robot.cameras[0], 10, 20, 30, 40)
    assert labels(robot.ros.receive(robot.actions)) == ["fourth", "third"]


def test_cameras_have_windows_of_their_own(robot):
    robot = robot(TWO)
    first, second = robot.cameras
    robot.show(first, 10, 20, 30)
    robot.show(second, 40, 30)
    (window,) = robot.show(first, 40)
    assert window.image_topic == "/cam01/image_raw"
    (window,) = robot.show(second, 20, 10)
    assert window.image_topic == "/cam02/image_raw"
    by_frame_id = {m.header.frame_id: labels(m)[0] for m in (robot.ros.receive(robot.actions) for _ in range(2))}
    assert by_frame_id == {"cam01_image_raw": "fourth", "cam02_image_raw": "first"}


BROKEN = [
    {"width": 0},
    {"height": 0},
    {"data": array("B", [1] * 63)},
    {"encoding": "no_such"},
    {"step": 7},
    {"encoding": ""},
]


@pytest.mark.parametrize("fields", BROKEN, ids=str)
def test_broken_images_are_counted_and_disturb_nobody(robot, fields):
    robot = robot(TWO, max_gap=10.0)
    first, second = robot.cameras
    robot.show(first, 10, 20, 30)
    robot.show(second, 10, 20, 30)
    before = robot.frames(first)
    for _ in range(3):
        first.show(250, **fields)
    robot.ros.until(lambda: robot.frames(first) == before + 3, "the arrival of the broken images")
    assert robot.windows.empty()
    (window,) = robot.show(first, 40)
    assert (window.frames_dropped, labels(robot.ros.receive(robot.actions))[0]) == (3, "fourth")
    (window,) = robot.show(second, 40)
    assert window.frames_dropped == 0


def test_warnings_about_a_camera_come_once_in_five_seconds(robot, capfd):
    robot = robot(TWO)
    for camera in robot.cameras:
        before = robot.frames(camera)
        for _ in range(20):
            camera.show(1, width=0)
            before += 1
            robot.ros.until(lambda c=camera, n=before: robot.frames(c) == n, "a broken image")
    assert [robot.inner(camera).frames_broken for camera in robot.cameras] == [20, 20]
    log = capfd.readouterr().err.splitlines()
    broken = [line for line in log if " broken images so far" in line and ": failing" not in line]
    assert len(broken) == 2
    assert "/cam01/image_raw: 1 broken images so far, the last: the image is empty" in broken[0]
    assert "/cam02/image_raw: 1 broken images so far" in broken[1]


def test_a_camera_may_die_and_come_back(robot):
    robot = robot()
    (camera,) = robot.cameras
    robot.show(camera, 10, 20, 30, 40)
    robot.ros.node.destroy_publisher(camera.publisher)
    robot.ros.until(lambda: not robot.ros.node.count_publishers(camera.topic), "the end of the publisher")
    revived = type(camera)(robot.ros, camera.topic).connected()
    revived.seconds = camera.seconds + 60
    (window,) = robot.show(revived, 40, 30, 20, 10)
    assert window.window_start.sec == camera.seconds + 61  # no frame from before the pause


def test_a_busy_network_gets_the_newest_window_and_drops_are_counted(robot, held):
    """It starts on one window while four more become ready."""
    robot = robot()
    network = held(robot)
    (camera,) = robot.cameras
    for value in (10, 20, 30, 40):
        camera.show(value)
    network.until_entered()
    for value in (50, 60, 70, 80):
        camera.show(value)
    robot.ros.until(lambda: robot.frames(camera) == 8, "the arrival of all frames while the network is busy")
    network.let_go()
    first = robot.ros.receive(robot.windows)
    assert (first.window_start.sec, first.window_end.sec) == (101, 104)
    network.let_go()
    second = robot.ros.receive(robot.windows)
    assert (second.window_start.sec, second.window_end.sec, second.windows_dropped) == (105, 108, 3)


def test_windows_that_are_ready_run_together(robot, monkeypatch, held):
    """OpenVINO takes one at a time; here it says that it takes two, as TensorRT does."""
    monkeypatch.setattr(OpenVinoBackend, "max_batch", 2)
    robot = robot(TWO)
    network = held(robot)
    first, second = robot.cameras
    for value in (10, 20, 30, 40):
        first.show(value)
    network.until_entered()
    for value in (90, 80, 70, 60):
        first.show(value)
        second.show(value + 5)
    for camera, frames in ((first, 8), (second, 4)):
        robot.ros.until(lambda c=camera, n=frames: robot.frames(c) == n, "the arrival of all frames")
    network.let_go(2)
    windows = [robot.ros.receive(robot.windows) for _ in range(3)]
    assert network.batches == [1, 2]
    assert [(window.image_topic, window.hypotheses[0].class_id) for window in windows] == [
        (TWO[0], "fourth"),
        (TWO[1], "first"),  # never served before
        (TWO[0], "first"),
    ]
    assert [window.window_end.sec for window in windows] == [104, 104, 108]


def test_an_encoder_decoder_answers_from_the_window_on(robot, tmp_path):
    card, *_ = encoder_decoder(tmp_path)
    robot = robot(model=str(card), top_k=5)
    (camera,) = robot.cameras
    stream = robot.inner(camera).stream
    for count in range(1, 5):
        camera.show(50 * count)
        robot.ros.until(lambda n=count: stream.fill == n, "the encoding of a frame")
    window = robot.ros.receive(robot.windows)
    assert (window.window_start.sec, window.window_end.sec, window.frames) == (101, 104, 4)
    assert sum(hypothesis.score for hypothesis in window.hypotheses) == pytest.approx(1, abs=0.01)
    camera.show(0)
    assert robot.ros.receive(robot.windows).window_start.sec == 102


def test_a_failing_network_is_reported_and_tried_again(robot, monkeypatch):
    recognize, failures = Recognizer.recognize, [RuntimeError("out of memory")]

    def failing(*arguments, **options):
        if failures:
            raise failures.pop()
        return recognize(*arguments, **options)

    monkeypatch.setattr(Recognizer, "recognize", failing)
    robot = robot()
    (camera,) = robot.cameras
    for value in (10, 20, 30, 40):
        camera.show(value)
    robot.ros.until(lambda: not failures, "the failure")
    (window,) = robot.show(camera, 50)
    assert window.window_end.sec == 105


def test_annotated_images_come_only_when_somebody_looks(robot):
    robot = robot()
    (camera,) = robot.cameras
    assert robot.ros.node.count_publishers("/cam01/actions_image") == 1
    images = robot.ros.inbox(Image, "/cam01/actions_image")
    large = {"height": 120, "width": 160, "step": 160, "data": array("B", [100] * 120 * 160)}
    publisher = robot.inner(camera).overlay._publisher
    robot.ros.until(publisher.get_subscription_count, "the discovery of the subscription by the node")
    robot.push(camera, 0, **large)
    image = robot.ros.receive(images)
    assert (image.height, image.width, image.encoding, image.step) == (120, 160, "rgb8", 480)
    assert (image.header.stamp.sec, image.header.frame_id) == (camera.seconds, "cam01_image_raw")
    pixels = np.frombuffer(image.data, np.uint8).reshape(120, 160, 3)
    assert (pixels[60:] == 100).all()
    assert (pixels[:30] > 150).any()
