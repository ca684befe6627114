import signal
import subprocess
import sys
import threading
from array import array

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import Image
from small_networks import encoder_decoder

from har_ros.backends.openvino import OpenVinoBackend
from har_ros.nodes.actionnet import overlay_topics
from har_ros.nodes.diagnostics import Diagnostics
from har_ros.recognizer import Recognizer

TWO = ("/cam01/image_raw", "/cam02/image_raw")


def labels(message):
    return [hypothesis.class_id for hypothesis in message.results]


def show(robot, camera, *values):
    """Show frames one by one; the network has answered the last before this returns, so none is dropped."""
    windows = []
    for value in values:
        before = camera_frames(robot, camera)
        camera.show(value)
        robot.ros.until(lambda before=before: camera_frames(robot, camera) > before, "the arrival of a frame")
        if inner_camera(robot, camera).stream.fill == 4:
            windows.append(robot.ros.receive(robot.windows, "a window"))
    return windows


def inner_camera(robot, camera):
    return next(inner for inner in robot.node._cameras if inner.topic == camera.topic)


def camera_frames(robot, camera):
    inner = inner_camera(robot, camera)
    return inner.frames + inner.frames_dropped


def test_a_message_tells_what_the_full_window_showed(robot):
    """Class k of the test network scores the brightness of frame k."""
    robot = robot()
    (camera,) = robot.cameras
    (window,) = show(robot, camera, 50, 200, 10, 90)
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
    show(robot, robot.cameras[0], 250, 200, 150, 100, 50)
    ranked = [labels(robot.ros.receive(robot.actions)) for _ in range(2)]
    assert ranked == [["first", "second", "third", "fourth"]] * 2


def test_skip_frames_leaves_frames_out(robot):
    robot = robot(skip_frames=1)
    windows = show(robot, robot.cameras[0], 10, 250, 40, 250, 20, 250, 30)
    assert (windows[0].window_start.sec, windows[0].window_end.sec) == (101, 107)
    assert labels(robot.ros.receive(robot.actions)) == ["second", "fourth", "third", "first"]


def test_nothing_above_the_threshold_is_an_empty_message(robot):
    robot = robot(threshold=0.6)
    (window,) = show(robot, robot.cameras[0], 100, 100, 100, 100)
    assert robot.ros.receive(robot.actions).results == []
    assert [hypothesis.score for hypothesis in window.hypotheses] == pytest.approx([0.25] * 4)
    assert window.threshold == 0.6


def test_top_k_limits_the_message(robot):
    robot = robot(top_k=2)
    show(robot, robot.cameras[0], 10, 20, 30, 40)
    assert labels(robot.ros.receive(robot.actions)) == ["fourth", "third"]


def test_cameras_have_windows_of_their_own(robot):
    robot = robot(TWO)
    first, second = robot.cameras
    show(robot, first, 10, 20, 30)
    show(robot, second, 40, 30)
    (window,) = show(robot, first, 40)
    assert window.image_topic == "/cam01/image_raw"
    (window,) = show(robot, second, 20, 10)
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
    show(robot, first, 10, 20, 30)
    show(robot, second, 10, 20, 30)
    before = camera_frames(robot, first)
    for _ in range(3):
        first.show(250, **fields)
    robot.ros.until(lambda: camera_frames(robot, first) == before + 3, "the arrival of the broken images")
    assert robot.windows.empty()
    (window,) = show(robot, first, 40)
    assert (window.frames_dropped, labels(robot.ros.receive(robot.actions))[0]) == (3, "fourth")
    (window,) = show(robot, second, 40)
    assert window.frames_dropped == 0


def test_warnings_about_a_camera_come_once_in_five_seconds(robot):
    from rcl_interfaces.msg import Log

    robot = robot(TWO)
    log = robot.ros.inbox(Log, "/rosout")
    for camera in robot.cameras:
        before = camera_frames(robot, camera)
        for _ in range(20):
            camera.show(1, width=0)
            before += 1
            robot.ros.until(lambda c=camera, n=before: camera_frames(robot, c) == n, "a broken image")
    warnings = [robot.ros.receive(log).msg for _ in range(2)]
    assert warnings[0].startswith("/cam01/image_raw: 1 broken images so far, the last: the image is empty")
    assert warnings[1].startswith("/cam02/image_raw: 1 broken images so far")
    assert log.empty()


def test_a_camera_may_die_and_come_back(robot):
    robot = robot()
    (camera,) = robot.cameras
    show(robot, camera, 10, 20, 30, 40)
    robot.ros.node.destroy_publisher(camera.publisher)
    robot.ros.until(lambda: not robot.ros.node.count_publishers(camera.topic), "the end of the publisher")
    revived = type(camera)(robot.ros, camera.topic).connected()
    revived.seconds = camera.seconds + 60
    (window,) = show(robot, revived, 40, 30, 20, 10)
    assert window.window_start.sec == camera.seconds + 61  # no frame from before the pause


def test_a_busy_network_gets_the_newest_window_and_drops_are_counted(robot, monkeypatch):
    """The real network, held up by the test: it starts on one window while four more become ready."""
    entered, may_go = threading.Semaphore(0), threading.Semaphore(0)
    robot = robot()
    network = robot.node._recognizer.network
    run = network.run

    def slow(*arguments):
        entered.release()
        assert may_go.acquire(timeout=30)
        return run(*arguments)

    monkeypatch.setattr(network, "run", slow)
    (camera,) = robot.cameras
    for value in (10, 20, 30, 40):
        camera.show(value)
    robot.ros.until(lambda: entered.acquire(blocking=False), "the first inference")
    for value in (50, 60, 70, 80):
        camera.show(value)
    robot.ros.until(lambda: camera_frames(robot, camera) == 8, "the arrival of all frames while the network is busy")
    may_go.release()
    first = robot.ros.receive(robot.windows)
    assert (first.window_start.sec, first.window_end.sec) == (101, 104)
    may_go.release()
    second = robot.ros.receive(robot.windows)
    assert (second.window_start.sec, second.window_end.sec, second.windows_dropped) == (105, 108, 3)


def test_windows_that_are_ready_run_together(robot, monkeypatch):
    """OpenVINO takes one at a time; here it says that it takes two, as TensorRT does."""
    monkeypatch.setattr(OpenVinoBackend, "max_batch", 2)
    robot = robot(TWO)
    network, batches, may_go = robot.node._recognizer.network, [], threading.Semaphore(0)
    run = network.run

    def slow(clips, memories):
        batches.append(len(clips))
        assert may_go.acquire(timeout=30)
        return run(clips, memories)

    monkeypatch.setattr(network, "run", slow)
    first, second = robot.cameras
    for value in (10, 20, 30, 40):
        first.show(value)
    robot.ros.until(lambda: batches == [1], "the first inference")
    for value in (90, 80, 70, 60):
        first.show(value)
        second.show(value + 5)
    for camera, frames in ((first, 8), (second, 4)):
        robot.ros.until(lambda c=camera, n=frames: camera_frames(robot, c) == n, "the arrival of all frames")
    may_go.release(2)
    windows = [robot.ros.receive(robot.windows) for _ in range(3)]
    assert batches == [1, 2]
    assert [(window.image_topic, window.hypotheses[0].class_id) for window in windows] == [
        (TWO[0], "fourth"),
        (TWO[0], "first"),
        (TWO[1], "first"),
    ]
    assert [window.window_end.sec for window in windows] == [104, 108, 104]


def test_an_encoder_decoder_answers_from_the_window_on(robot, tmp_path):
    card, *_ = encoder_decoder(tmp_path)
    robot = robot(model=str(card), top_k=5)
    (camera,) = robot.cameras
    stream = inner_camera(robot, camera).stream
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
    (window,) = show(robot, camera, 50)
    assert window.window_end.sec == 105


def test_annotated_images_come_only_when_somebody_looks(robot):
    robot = robot()
    (camera,) = robot.cameras
    assert robot.ros.node.count_publishers("/cam01/actions_image") == 1
    images = robot.ros.inbox(Image, "/cam01/actions_image")
    overlay = inner_camera(robot, camera)._overlay
    robot.ros.until(overlay.get_subscription_count, "the subscription to the annotated images")
    large = {"height": 120, "width": 160, "step": 160, "data": array("B", [100] * 120 * 160)}
    camera.show(0, **large)
    image = robot.ros.receive(images)
    assert (image.height, image.width, image.encoding, image.step) == (120, 160, "rgb8", 480)
    assert (image.header.stamp.sec, image.header.frame_id) == (101, "cam01_image_raw")
    pixels = np.frombuffer(image.data, np.uint8).reshape(120, 160, 3)
    assert (pixels[60:] == 100).all()
    assert (pixels[:30] > 150).any()


def test_overlay_topics_lie_beside_the_image_topics():
    assert overlay_topics(["/cam01/image_raw", "/image_raw"]) == ["/cam01/actions_image", "/actions_image"]
    assert overlay_topics(["/rig/left", "/rig/right"]) == ["/rig/left/actions_image", "/rig/right/actions_image"]


def test_diagnostics_tell_each_cameras_state(robot):
    robot = robot((*TWO, "/cam03/image_raw"))
    show(robot, robot.cameras[0], 10, 20, 30, 40)
    show(robot, robot.cameras[1], 10)
    broken = robot.cameras[2]
    broken.show(10, width=0)
    robot.ros.until(lambda: camera_frames(robot, broken), "the arrival of the broken image")
    diagnostics = Diagnostics("brightness", robot.node._recognizer.network, robot.node._cameras)
    network, *cameras = diagnostics.message(robot.node.get_clock()).status
    assert network.values[0].value.startswith("OpenVINO on CPU")
    assert [(camera.message, camera.level) for camera in cameras] == [
        ("running", DiagnosticStatus.OK),
        ("warming up 1/4", DiagnosticStatus.OK),
        ("broken images only", DiagnosticStatus.ERROR),
    ]
    assert {value.key: value.value for value in cameras[0].values}["frames"] == "4"
    _, *cameras = diagnostics.message(robot.node.get_clock()).status
    assert [(camera.message, camera.level) for camera in cameras] == [("no images", DiagnosticStatus.WARN)] * 3


def test_diagnostics_are_published(robot):
    robot = robot(TWO)
    message = robot.ros.receive(robot.ros.inbox(DiagnosticArray, "/diagnostics"), "diagnostics")
    names = ["actionnet: network", "actionnet: /cam01/image_raw", "actionnet: /cam02/image_raw"]
    assert [status.name for status in message.status] == names


def program(executable, *arguments):
    command = [sys.executable, "-c", f"from har_ros.nodes.{executable} import main; raise SystemExit(main())"]
    return [*command, "--ros-args", *arguments]


@pytest.mark.parametrize(
    ("executable", "arguments", "reason"),
    [
        ("actionnet", ["-p", "model:=no_such"], "model 'no_such' is unknown; use one of action-recognition-0001"),
        ("actionnet", ["-p", "backend:=abacus"], "parameter backend is 'abacus'; give one of auto, tensorrt, openvino"),
        ("actionnet", ["-p", "image_topics:=[]"], "parameter image_topics is empty; name one camera topic"),
        ("actionnet", ["-p", "image_topics:=['']"], "parameter image_topics is ['']; name one camera topic"),
        ("actionnet", ["-p", "image_topics:=[/a, /a]"], "parameter image_topics names /a more than once"),
        ("actionnet", ["-p", "image_topics:=['/a b']"], "parameter image_topics has '/a b'; a topic is made of"),
        ("actionnet", ["-p", "image_topics:=/a"], "parameter image_topics is '/a'; give a list of strings"),
        ("actionnet", ["-p", "threshold:=1.5"], "parameter threshold is 1.5; give a number with a decimal point from"),
        ("actionnet", ["-p", "threshold:=1"], "parameter threshold is 1; give a number with a decimal point"),
        ("actionnet", ["-p", "threshold:=.nan"], "parameter threshold is nan; give a number"),
        ("actionnet", ["-p", "skip_frames:=-2"], "parameter skip_frames is -2; give a whole number from -1"),
        ("actionnet", ["-p", "precision:=f8"], "parameter precision is 'f8'; give one of auto, f32, bf16, f16"),
        ("actionnet", ["-p", "device:=NPU", "-p", "backend:=openvino"], "OpenVINO finds no NPU here, only CPU"),
        ("actionnet", ["-p", "labels:=/nowhere.txt"], "the labels /nowhere.txt of i3d-kinetics-400 are not there"),
        ("actionnet", ["-p", "output_blob:=x"], "i3d-kinetics-400: network has no output 'x', it has 'logits'"),
        ("actionnet", ["-p", "max_batch:=0"], "parameter max_batch is 0; give a whole number from 1 to 64"),
        ("actionnet", ["-p", "model:=resnet-18"], "are not there; run: actionnet models fetch resnet-18"),
        ("actionnet", ["-p", "frames:=20"], "cannot take 20 frames; set frames to a multiple of 8"),
        ("actionnet", ["--params-file", "/nowhere.yaml"], "wrong ROS arguments"),
        ("video_source", [], "parameter videos is empty; name one video file"),
        ("video_source", ["-p", "videos:=[/nowhere.mp4]"], "video '/nowhere.mp4' does not exist; check the path"),
        ("video_source", ["-p", "videos:=[/dev/null]"], "video '/dev/null' does not exist; check the path"),
    ],
)
def test_wrong_configurations_are_refused_at_start(domain, tmp_path, executable, arguments, reason):
    result = subprocess.run(program(executable, *arguments), capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert result.returncode != 0
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


SLOW = """
import threading
from har_ros.nodes.run import Program, run
class Slow(Program):
    def start(self):
        print("starting", flush=True)
        threading.Event().wait()
raise SystemExit(run(lambda: Slow("slow")))
"""


def test_ctrl_c_ends_a_long_start(domain, tmp_path):
    """As that of a node that builds an engine."""
    command = [sys.executable, "-c", SLOW]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout.readline() == "starting\n"
        process.send_signal(signal.SIGINT)
        log = process.communicate(timeout=30)[1]
    assert (process.returncode, log) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_node_quietly(ros, tmp_path, brightness_card, number):
    alive = ros.inbox(DiagnosticArray, "/diagnostics")
    command = program("actionnet", "-p", f"model:={brightness_card}")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        ros.receive(alive, "the first diagnostics")
        process.send_signal(number)
        process.send_signal(number)
        log = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert [line for line in log.splitlines() if "[INFO]" not in line] == []
