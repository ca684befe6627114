import itertools

import cv2
import numpy as np
import pytest
from small_networks import linear_network, write_card

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ConfigurationError, ImageError, ModelError
from har_ros.frames.compressed import EncodedImage
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.pipeline.recognizer import Recognizer
from har_ros.pipeline.scores import ScoreSettings

SECOND = 1_000_000_000


STAMPS = itertools.count()


def grey(brightness, stamp=None, encoding="mono8"):
    stamp = next(STAMPS) if stamp is None else stamp
    return CameraImage(np.full(64, brightness, np.uint8), 8, 8, encoding, 8, stamp=stamp, frame_id="camera")


F32 = BackendSettings("openvino", "f32")


@pytest.fixture(scope="module")
def recognizer(brightness_card):
    with Recognizer.open(str(brightness_card), F32) as recognizer:
        yield recognizer


@pytest.fixture
def stream(recognizer):
    return recognizer.stream()


def brightness(stream):
    with stream.window() as clip:
        return None if clip is None else clip.frames[:, 0, 0, 0].tolist()


def test_no_window_before_it_is_full_then_one_per_frame(stream):
    ready = [stream.push(grey(i)) for i in range(6)]
    assert ready == [False, False, False, True, True, True]
    assert brightness(stream) == [2, 3, 4, 5]


def test_the_time_of_a_measure_is_not_the_networks(recognizer, monkeypatch):
    now, seen = [0.0], []

    def measure(clip, memory):
        now[0] += 1
        seen.append((clip.frames[:, 0, 0, 0].tolist(), memory))
        return 0.5

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    measured = Recognizer(recognizer.card, recognizer.labels, recognizer.network, measure)
    stream = measured.stream()
    for i in range(4):
        stream.push(grey(i))
    [result] = measured.recognize([stream])
    assert (result.distance, result.inference_time, now) == (0.5, 0.0, [1.0])
    assert seen == [([0, 1, 2, 3], stream.memory)]


def test_a_window_is_lent_once_and_dropped_when_a_newer_one_replaces_it(stream):
    for i in range(4):
        stream.push(grey(i))
    assert (brightness(stream), brightness(stream), stream.windows_dropped) == ([0, 1, 2, 3], None, 0)
    for i in range(4, 7):
        stream.push(grey(i))
    assert (brightness(stream), stream.windows_dropped) == ([3, 4, 5, 6], 2)
    stream.push(grey(7))
    stream.push(grey(8, stamp=99 * SECOND))
    assert (brightness(stream), stream.windows_dropped) == (None, 3)


@pytest.mark.parametrize(("skip_frames", "expected"), [(-1, [6, 7, 8, 9]), (0, [6, 7, 8, 9]), (1, [2, 4, 6, 8])])
def test_skipped_frames_do_not_enter(recognizer, skip_frames, expected):
    stream = recognizer.stream(StreamSettings(skip_frames=skip_frames))
    for i in range(10):
        stream.push(grey(i))
    assert brightness(stream) == expected


def test_a_broken_image_leaves_the_window_as_it_was(stream):
    for i in range(4):
        stream.push(grey(i))
    with pytest.raises(ImageError):
        stream.push(grey(9, encoding="rgb8", stamp=99 * SECOND))
    assert brightness(stream) == [0, 1, 2, 3]


def test_an_overtaken_image_is_left_out(stream):
    for i, stamp in enumerate((10, 30, 20, 40, 50)):
        stream.push(grey(i, stamp * SECOND // 1000))
    assert brightness(stream) == [0, 1, 3, 4]


@pytest.mark.parametrize("pause", [2 * SECOND + 1, -SECOND // 10 - 1])
def test_the_window_starts_anew_after_a_gap_or_when_time_goes_back(stream, pause):
    for i in range(4):
        stream.push(grey(i, stamp=10 * SECOND + i))
    assert not stream.push(grey(4, stamp=10 * SECOND + 3 + pause))
    assert brightness(stream) is None
    assert stream.fill == 1
    assert (stream.gaps, stream.clock_jumps) == ((1, 0) if pause > 0 else (0, 1))


def test_an_image_that_comes_twice_is_left_out_and_counted(stream):
    for i, stamp in enumerate((10, 20, 20, 30, 40, 40)):
        stream.push(grey(i, stamp))
    assert (brightness(stream), stream.frames_repeated) == ([0, 1, 3, 4], 2)


@pytest.mark.parametrize(
    ("rate", "stamps", "expected"),
    [
        (10, range(0, 1000, 100), [6, 7, 8, 9]),
        (10, range(5000, 5400, 100), [0, 1, 2, 3]),
        (10, range(0, 1000, 50), [13, 15, 17, 19]),
        (10, [0, 100, 200, 600], [2, 3, 3, 3]),  # 300 is repeated from 200; 400, as near to both, from 600
        (10, [0, 100, 500], [1, 2, 2, 2]),
        (10, [0, 100, 200, 300, 1300], [4, 4, 4, 4]),  # all places are nearer to the last
        (5, range(0, 700, 100), [0, 1, 3, 5]),
    ],
)
def test_frames_enter_by_their_stamps(recognizer, rate, stamps, expected):
    stream = recognizer.stream(StreamSettings(sample_rate=rate))
    for i, milliseconds in enumerate(stamps):
        stream.push(grey(i, milliseconds * 1_000_000))
    assert brightness(stream) == expected


def test_a_gap_of_months_takes_no_longer_than_a_window(recognizer):
    stream = recognizer.stream(StreamSettings(sample_rate=1000, max_gap=0.0))
    for i, stamp in enumerate((0, 10**16)):
        stream.push(grey(i, stamp))
    assert brightness(stream) == [1, 1, 1, 1]


def test_a_broken_image_of_several_places_leaves_the_window_as_it_was(recognizer):
    stream = recognizer.stream(StreamSettings(sample_rate=10))
    for i in range(4):
        stream.push(grey(i, i * SECOND // 10))
    with pytest.raises(ImageError):
        stream.push(grey(9, SECOND, encoding="rgb8"))
    assert brightness(stream) == [0, 1, 2, 3]
    stream.push(grey(4, SECOND * 4 // 10))
    assert brightness(stream) == [1, 2, 3, 4]


def test_another_way_of_sampling_begins_the_window_anew(recognizer, stream):
    for i in range(4):
        stream.push(grey(i))
    stream.configure(StreamSettings(max_gap=1.0))
    assert stream.push(grey(4))
    stream.configure(StreamSettings(skip_frames=1))
    for i in range(7):
        stream.push(grey(i))
        assert stream.fill == i // 2 + 1
    assert brightness(stream) == [0, 2, 4, 6]


def test_compressed_images_enter_as_raw_ones_do(recognizer):
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    raw, compressed = recognizer.stream(), recognizer.stream()
    data = cv2.imencode(".png", picture)[1]
    for i in range(4):
        raw.push(CameraImage.of_array(picture, i, frame_id="camera"))
        compressed.push(EncodedImage(data, i, "camera"))
    with raw.window() as one, compressed.window() as other:
        np.testing.assert_array_equal(one.frames, other.frames)
        assert (one.end, one.frame_id) == (other.end, other.frame_id)


def test_smoothed_scores_start_anew_with_the_window(recognizer, stream):
    smooth = ScoreSettings(top_k=4, smoothing=1000.0)
    for i, value in enumerate((0, 0, 0, 90)):
        stream.push(grey(value, i))
    assert recognizer.recognize([stream], smooth)[0].prediction.hypotheses[0].label == "fourth"
    stream.push(grey(0, 4))
    assert recognizer.recognize([stream], smooth)[0].prediction.hypotheses[0].label == "fourth"  # the past weighs more
    for i, value in enumerate((0, 0, 90, 0)):
        stream.push(grey(value, 99 * SECOND + i))
    assert recognizer.recognize([stream], smooth)[0].prediction.hypotheses[0].label == "third"


def test_an_answer_that_cannot_be_used_spoils_no_other(recognizer, monkeypatch):
    streams = [recognizer.stream() for _ in range(2)]
    for stream in streams:
        for i in range(4):
            stream.push(grey(i))
    run = recognizer.network.run

    def nan_for_the_first(clips, memories):
        answers = run(clips, memories)
        answers[0].probabilities[:] = np.nan
        return answers

    monkeypatch.setattr(recognizer.network, "run", nan_for_the_first)
    first, second = recognizer.recognize(streams)
    assert isinstance(first, ModelError)
    assert str(first).startswith("the network's output is not finite ")
    assert second.prediction.hypotheses[0].label == "fourth"


def test_a_pause_of_max_gap_is_none(stream):
    for i in range(5):
        stream.push(grey(i, stamp=i * 2 * SECOND))
    assert brightness(stream) == [1, 2, 3, 4]


def test_the_network_sees_the_frames_in_order(recognizer, stream):
    """Class k scores the brightness of frame k: 9, 50, 20 and 80 rank as fourth, second, third, first."""
    for i, value in enumerate((200, 9, 50, 20, 80)):
        stream.push(grey(value, stamp=i))
    [result] = recognizer.recognize([stream], ScoreSettings(top_k=4))
    assert [h.label for h in result.prediction.hypotheses] == ["fourth", "second", "third", "first"]
    logits = np.array([80, 50, 20, 9]) / 10
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose([h.score for h in result.prediction.hypotheses], expected, rtol=1e-4)
    assert [h.label for h in result.prediction.accepted] == ["fourth", "second"]
    assert (result.start, result.end, result.frame_id, result.frames) == (1, 4, "camera", 4)


def test_many_streams_get_their_own_answers(recognizer):
    streams = [recognizer.stream() for _ in range(3)]
    for value in (0, 10, 20, 30):
        streams[0].push(grey(value))
        streams[2].push(grey(30 - value))
    streams[1].push(grey(0))
    first, none, last = recognizer.recognize(streams)
    assert none is None
    assert first.prediction.hypotheses[0].label == "fourth"
    assert last.prediction.hypotheses[0].label == "first"
    assert recognizer.recognize(streams) == [None] * 3  # there is nothing new


def test_pixels_of_an_array_are_taken_as_they_are(recognizer, stream):
    for i in range(4):
        stream.push(CameraImage.of_array(np.full((8, 8, 3), 40 * i, np.uint8)[::-1], stamp=i))
    assert brightness(stream) == [0, 40, 80, 120]


def test_a_card_with_too_few_labels_is_refused(brightness_card):
    """The network does not say how many classes it has; its first answer does."""
    few = brightness_card.with_name("few.txt")
    few.write_text("one\ntwo\n")
    with pytest.raises(ModelError, match="brightness gives 4 numbers for 2 labels; fix its card, or give"):
        Recognizer.open(str(brightness_card), F32, labels=str(few))


@pytest.mark.parametrize("change", [np.abs, lambda weights: -np.abs(weights)])
def test_logits_that_are_called_probabilities_are_found_out(tmp_path, change):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3), change=change)
    card = write_card(tmp_path, outputs="probabilities", input={"range": [1, 255]})
    with pytest.raises(ModelError, match=r"small gives numbers outside 0…1; its card should say outputs: logits"):
        Recognizer.open(str(card), F32)


def test_a_network_that_gives_no_numbers_is_found_out(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3), change=lambda weights: weights + np.float32("nan"))
    with pytest.raises(ModelError, match=r"output is not finite .*; try another precision or model file"):
        Recognizer.open(str(write_card(tmp_path)), F32)


def test_unknown_backends_are_refused(brightness_card):
    with pytest.raises(ConfigurationError, match="backend 'abacus' is unknown; use auto or one of tensorrt, openvino"):
        Recognizer.open(str(brightness_card), BackendSettings("abacus"))
