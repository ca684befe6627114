"""A clip network that takes each frame once, behind a Stream: against ONNX Runtime on the same frames."""

import numpy as np
import pytest
from player import Player
from streamable_networks import ARCHITECTURES, continual_card

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, ModelError
from har_ros.frames.compressed import EncodedImage
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.graphs.twin import continual
from har_ros.pipeline.recognizer import Recognizer

SECOND = 1_000_000_000
F32 = BackendSettings("openvino", "f32")
STEP, LAG, COLUMNS = 8, 6, 4  # of r3d_18, with windows of 32 frames
LENGTH = (LAG + COLUMNS) * STEP
FRAMES = np.random.default_rng(0).integers(0, 256, (240, 16, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    card = continual_card(tmp_path_factory.mktemp("continual"))
    with Recognizer.open(str(card), F32) as recognizer:
        yield recognizer


@pytest.fixture
def stream(recognizer):
    return recognizer.stream()


@pytest.fixture(scope="module")
def rows():
    """Logits for each step of FRAMES, one after the other."""
    clip = (FRAMES.astype(np.float32) / 127.5 - 1).transpose(3, 0, 1, 2)[None]
    twin = continual(ARCHITECTURES["r3d_18"](), "clips", "scores", [1, 3, 32, 16, 16], 2)
    return Player(twin).all(np.ascontiguousarray(clip), [STEP] * (len(FRAMES) // STEP))


def expected(rows, last, columns=COLUMNS):
    """Probabilities behind the step of this number."""
    mean = rows[last - columns + 1 : last + 1].mean(axis=0)
    return np.exp(mean) / np.exp(mean).sum()


def push(stream, first, last, at=0):
    """Push FRAMES[first:last], 10 each second from `at` seconds on; returns how often there was something new."""
    stamps = [round((at + i / 10) * SECOND) for i in range(first, last)]
    images = [
        CameraImage.of_array(FRAMES[i], stamp, "rgb8") for i, stamp in zip(range(first, last), stamps, strict=True)
    ]
    return sum([stream.push(image) for image in images])


def probabilities(result):
    found = {h.label: h.score for h in result.prediction.hypotheses}
    return [found[f"class {i}"] for i in range(5)]


def answers(recognizer, stream, first, last, at=0):
    """Push frames step by step; returns what the network said behind each step."""
    given = []
    for i in range(first, last, STEP):
        push(stream, i, i + STEP, at)
        given += recognizer.recognize([stream])
    return given


def test_every_step_has_the_average_of_the_newest_answers(recognizer, stream, rows):
    results = answers(recognizer, stream, 0, 160)
    assert results[: LAG + COLUMNS - 1] == [None] * (LAG + COLUMNS - 1)
    for last, result in enumerate(results[LAG + COLUMNS - 1 :], start=LAG + COLUMNS - 1):
        np.testing.assert_allclose(probabilities(result), expected(rows, last), atol=1e-4)
        assert (result.start, result.end) == ((last * 8 + 8 - LENGTH) * SECOND // 10, (last * 8 + 7) * SECOND // 10)
        assert result.until == (last + 1 - LAG) * 8 * SECOND // 10
        assert result.frames == LENGTH == stream.length


def test_there_is_something_new_with_every_step_only(recognizer, stream):
    assert [push(stream, i, i + 1) for i in range(17)] == [0] * 7 + [1] * 10
    recognizer.recognize([stream])
    assert push(stream, 17, 23) == 0
    assert push(stream, 23, 24) == 1


def test_the_window_fills_step_by_step(recognizer, stream):
    fills = []
    for i in range(0, LENGTH + 16, STEP):
        push(stream, i, i + STEP)
        recognizer.recognize([stream])
        fills.append(stream.fill)
    assert fills == [min(i, LENGTH) for i in range(8, LENGTH + 17, 8)]


@pytest.mark.parametrize("steps", [[3, 2, 4, 1] * 3, [1, 4, 4, 4, 4]])
def test_steps_that_waited_give_the_same(recognizer, stream, rows, steps):
    at, results = 0, []
    for count in steps:
        push(stream, at * STEP, (at + count) * STEP)
        at += count
        results += recognizer.recognize([stream])
    np.testing.assert_allclose(probabilities(results[-1]), expected(rows, sum(steps) - 1), atol=1e-4)
    assert stream.windows_dropped == 0


def test_cameras_that_share_the_network_are_as_each_alone(recognizer, rows):
    first, second = recognizer.stream(), recognizer.stream()
    for i in range(0, 160, STEP):
        push(first, i, i + STEP)
        if i % 32 == 24:  # the other one comes in larger pieces, and shows another part
            push(second, 80 + i - 24, 80 + i + STEP)
        results = recognizer.recognize([first, second])
    alone = answers(recognizer, recognizer.stream(), 80, 240)[-1]
    np.testing.assert_allclose(probabilities(results[0]), expected(rows, 19), atol=1e-4)
    np.testing.assert_allclose(probabilities(results[1]), probabilities(alone), atol=1e-4)


@pytest.mark.parametrize(
    ("counter", "at", "height"), [("gaps", 1000, 16), ("clock_jumps", -1000, 16), ("size_changes", 24, 8)]
)
def test_after_a_restart_nothing_of_the_old_state_is_left(recognizer, stream, counter, at, height):
    """The same frames give what they give to a new stream, to the bit."""
    answers(recognizer, stream, 0, 240)
    fresh, given = recognizer.stream(), []
    for i in range(LENGTH + 16):
        image = CameraImage.of_array(FRAMES[i][:height], round((at + i / 10) * SECOND), "rgb8")
        assert stream.push(image) == fresh.push(image)
        assert stream.fill == fresh.fill == min(LENGTH, i // STEP * STEP)
        given.append(recognizer.recognize([stream, fresh]))
    assert [getattr(one, counter) for one in (stream, fresh)] == [1, 0]
    said = [pair for pair in given if pair != [None, None]]
    assert len(said) == 3
    for old, new in said:
        assert probabilities(old) == probabilities(new)
        assert (old.start, old.end) == (new.start, new.end)


def test_a_broken_image_that_is_not_due_restarts_nothing(recognizer, stream):
    """It comes 10 ms behind a frame, is not decoded, and does not say its size."""
    answers(recognizer, stream, 0, LENGTH)
    assert not stream.push(EncodedImage(np.zeros(9, np.uint8), round((LENGTH - 0.9) / 10 * SECOND), ""))
    push(stream, LENGTH, LENGTH + STEP)
    assert (stream.size_changes, stream.fill) == (0, LENGTH)


# --- a network that is too slow, or fails ---


def test_steps_without_room_are_lost_and_counted(recognizer, stream):
    """What is left is joined, as it would be had the camera sent no more."""
    answers(recognizer, stream, 0, 80)
    push(stream, 80, 128)  # two steps more than there is room for
    [joined] = recognizer.recognize([stream])
    assert (stream.windows_dropped, stream.gaps) == (2, 0)
    other = recognizer.stream()
    answers(recognizer, other, 0, 80)
    push(other, 96, 128, at=-1.6)
    [expected] = recognizer.recognize([other])
    assert probabilities(joined) == probabilities(expected)


def test_a_hole_longer_than_max_gap_begins_anew(recognizer, stream):
    """The camera sent all the time, but the network was busy for longer than max_gap."""
    answers(recognizer, stream, 0, 80)
    push(stream, 80, 136)  # of which the first three steps, 2.4 seconds, have no room
    assert recognizer.recognize([stream]) == [None]
    assert (stream.windows_dropped, stream.gaps, stream.fill) == (3, 1, 32)


def test_a_camera_whose_images_were_lost_has_them_repeated(recognizer, stream):
    """As in a window: of 16 places the first half has the frame before the hole, the other the one behind it."""
    push(stream, 0, 8)
    push(stream, 23, 24)
    with stream.window() as clip:
        assert len(clip.frames) == 24
        np.testing.assert_array_equal(clip.frames[8:15], np.broadcast_to(clip.frames[7], (7, 16, 16, 3)))
        np.testing.assert_array_equal(clip.frames[15:], np.broadcast_to(clip.frames[23], (9, 16, 16, 3)))


@pytest.mark.parametrize("how", ["raises", "gives nonsense"])
def test_a_network_that_fails_begins_anew(recognizer, stream, monkeypatch, how):
    answers(recognizer, stream, 0, 160)
    backend, infer = recognizer.network.backend, recognizer.network.backend.infer

    def failing(inputs, states):
        rows = infer(inputs, states)
        if how == "raises":
            raise ModelError("no memory")
        return rows * np.float32("nan")

    with monkeypatch.context() as patch:
        patch.setattr(backend, "infer", failing)
        push(stream, 160, 168)
        if how == "raises":
            with pytest.raises(ModelError, match="no memory"):
                recognizer.recognize([stream])
        else:
            [error] = recognizer.recognize([stream])
            assert isinstance(error, ModelError)
    fresh = recognizer.stream()
    given = [answers(recognizer, one, 0, LENGTH, at=16.8) for one in (stream, fresh)]
    assert given[0][:-1] == given[1][:-1] == [None] * (LAG + COLUMNS - 1)
    assert probabilities(given[0][-1]) == probabilities(given[1][-1])


# --- settings ---


@pytest.mark.parametrize(("seconds", "columns"), [(0.8, 1), (1.6, 2), (4.2, 5), (0.0, COLUMNS)])
def test_memory_is_seconds_over_which_answers_are_averaged(recognizer, rows, seconds, columns):
    stream = recognizer.stream(StreamSettings(memory=seconds))
    assert stream.length == (LAG + columns) * STEP
    results = answers(recognizer, stream, 0, 160)
    assert results.index(next(filter(None, results))) == LAG + columns - 1
    np.testing.assert_allclose(probabilities(results[-1]), expected(rows, 19, columns), atol=1e-4)


def test_memory_changes_while_it_runs(recognizer, stream, rows):
    answers(recognizer, stream, 0, 120)
    stream.configure(StreamSettings(memory=0.8))
    push(stream, 120, 128)
    np.testing.assert_allclose(probabilities(recognizer.recognize([stream])[0]), expected(rows, 15, 1), atol=1e-4)
    stream.configure(StreamSettings(memory=1.6))
    for last, result in enumerate(answers(recognizer, stream, 128, 144), start=16):
        np.testing.assert_allclose(probabilities(result), expected(rows, last, 2), atol=1e-4)
    stream.configure(StreamSettings(memory=16.0))  # what there is counts until there is more
    (result,) = answers(recognizer, stream, 144, 152)
    np.testing.assert_allclose(probabilities(result), expected(rows, 18, 3), atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            StreamSettings(memory=0.7),
            r"memory is 0.7 s, less than a step of 8 frames \(0.8 s\); set it to that or more",
        ),
        (StreamSettings(memory=0.3, sample_rate=25), r"memory is 0.3 s, less than a step of 8 frames \(0.32 s\)"),
        (
            StreamSettings(memory=2.0, skip_frames=1),
            "memory is 2 seconds, but frames enter by count; set memory to 0.0",
        ),
    ],
)
def test_a_memory_that_cannot_be_is_refused(recognizer, stream, settings, message):
    for attempt in (recognizer.stream, recognizer.check, stream.configure):
        with pytest.raises(ConfigurationError, match=message):
            attempt(settings)
    assert stream.length == LENGTH
