"""Continual inference in the node: each camera's answers are those that the core gives to its frames alone."""

from array import array

import numpy as np
import onnx
import pytest
from small_networks import write_card
from streamable_networks import ARCHITECTURES

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, ModelError
from har_ros.frames.pixels import CameraImage
from har_ros.pipeline.recognizer import Recognizer

STEP, LENGTH = 8, 64  # r3d_18 lags by six steps, and averages over two in a window of 16 frames


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    folder = tmp_path_factory.mktemp("continual")
    onnx.save(ARCHITECTURES["r3d_18"](), folder / "small.onnx")
    fields = {"layout": "NCTHW", "height": 16, "width": 16, "range": [-1, 1]}
    return write_card(folder, input=fields, window={"frames": 16})


VALUES = np.random.default_rng(0).integers(0, 256, 400).tolist()


def alone(card, values):
    """What the core says of frames of these brightnesses, behind each step from the first answer on."""
    with Recognizer.open(str(card), BackendSettings("openvino"), continual=True) as recognizer:
        stream, said = recognizer.stream(), []
        for i, value in enumerate(values):
            pixels = np.full((8, 8, 3), value, np.uint8)
            if stream.push(CameraImage.of_array(pixels, i * 10**9)):
                said += recognizer.recognize([stream])
        return np.array([[h.score for h in result.prediction.hypotheses] for result in said if result])


def show(robot, camera, values, **fields):
    """Show frames one by one; the network has taken each step before the next. Returns its answers in order."""
    inner = robot.inner(camera)
    before = inner.windows
    for i, value in enumerate(values, start=1):
        robot.push(camera, value, **fields)
        if i % STEP == 0:
            due = before + max(0, i - LENGTH + STEP) // STEP
            robot.ros.until(lambda i=i, due=due: inner.stream.fill == min(i, LENGTH) and inner.windows == due, "a step")
    windows = [robot.ros.receive(robot.windows) for _ in range(inner.windows - before)]
    assert {window.image_topic for window in windows} <= {camera.topic}
    return windows


def scores(windows):
    return np.array([[h.score for h in window.hypotheses] for window in windows])


@pytest.fixture
def continual(robot, card):
    return lambda *topics, **fields: robot(
        topics or ("/cam01/image_raw",), model=str(card), continual=True, top_k=5, **fields
    )


def test_four_cameras_share_the_network(continual, card):
    topics = [f"/cam0{i}/image_raw" for i in range(1, 5)]
    robot = continual(*topics)
    said = {topic: [] for topic in topics}
    for step in range(10):
        for i, camera in enumerate(robot.cameras):
            for value in VALUES[i + step * STEP : i + (step + 1) * STEP]:
                robot.push(camera, value)
        if step * STEP >= LENGTH - STEP:
            for _ in robot.cameras:
                window = robot.ros.receive(robot.windows)
                said[window.image_topic].append(window)
        else:
            robot.ros.until(
                lambda step=step: all(robot.inner(c).stream.fill == 8 + step * 8 for c in robot.cameras), "it"
            )
    for i, topic in enumerate(topics):
        assert scores(said[topic]) == pytest.approx(alone(card, VALUES[i : i + 80]))
        assert [window.frames for window in said[topic]] == [LENGTH] * 3
        assert said[topic][0].window_end.sec - said[topic][0].window_start.sec == LENGTH - 1


@pytest.mark.parametrize(("counter", "seconds"), [("gaps", 5000), ("clock_jumps", -5000)])
def test_after_a_gap_and_a_clock_jump_the_state_is_clean(continual, card, counter, seconds):
    robot = continual()
    (camera,) = robot.cameras
    show(robot, camera, VALUES[:80])
    camera.seconds += seconds
    windows = show(robot, camera, VALUES[200:280])
    assert getattr(robot.inner(camera).stream, counter) == 1
    assert scores(windows) == pytest.approx(alone(card, VALUES[200:280]))


def test_after_a_change_of_size_the_state_is_clean(continual):
    robot = continual()
    (camera,) = robot.cameras
    first = show(robot, camera, [0] * 80)
    large = {"height": 16, "width": 16, "step": 16, "data": array("B", [0] * 256)}
    second = show(robot, camera, [0] * 80, **large)
    assert robot.inner(camera).stream.size_changes == 1
    assert scores(first) == pytest.approx(scores(second))


@pytest.mark.parametrize("value", [True, "true"])
def test_true_and_a_string_of_it_mean_the_same(robot, card, value):
    robot = robot(model=str(card), continual=value)
    assert robot.node.recognizer.network.step == STEP
    assert robot.set(continual=False).startswith("parameter continual is read-only while the node is configured")
    assert robot.set(memory=60.0).startswith("memory is 60 seconds, but frames enter by count; set memory to 0.0")
    assert robot.set(memory=1.0, sample_rate=4.0).startswith("memory is 1 s, less than a step of 8 frames (2 s)")
    assert robot.set(memory=4.0, sample_rate=4.0) == ""
    assert robot.inner(robot.cameras[0]).stream.length == LENGTH


def test_a_wrong_memory_is_refused_in_every_state(robot, card):
    robot = robot(model=str(card), continual=True, memory=1.0, autostart=False)
    assert robot.change("configure") == (False, "unconfigured")
    assert robot.node.recognizer is None
    assert robot.set(memory=0.0) == ""
    assert robot.change("configure") == (True, "inactive")
    assert robot.set(memory=1.0).startswith("memory is 1 seconds, but frames enter by count")
    assert robot.change("activate") == (True, "active")


@pytest.mark.parametrize("value", ["perhaps", 3, [True]])
def test_anything_else_is_refused(robot, card, value):
    with pytest.raises(ConfigurationError, match=r"parameter continual is .*; give one of auto, true, false"):
        robot(model=str(card), continual=value)


def test_a_network_that_cannot_is_refused(robot, brightness_card):
    with pytest.raises(ModelError, match=r"brightness cannot be streamed: .*; set continual to false"):
        robot(model=str(brightness_card), continual=True)
