import numpy as np
import pytest

from har_ros.backends import load_backend
from har_ros.errors import ConfigurationError, ImageError, ModelError
from har_ros.models.locate import find_card
from har_ros.pixels import CameraImage
from har_ros.recognizer import Recognizer, Stream, StreamSettings

SECOND = 1_000_000_000


def grey(brightness, stamp=0, encoding="mono8"):
    return CameraImage(np.full(64, brightness, np.uint8), 8, 8, encoding, 8, stamp=stamp, frame_id="camera")


@pytest.fixture
def stream(brightness_card):
    return Stream(find_card(str(brightness_card)), StreamSettings())


def brightness(stream):
    with stream.window() as clip:
        return None if clip is None else clip.frames[:, 0, 0, 0].tolist()


def test_no_window_before_it_is_full_then_one_per_frame(stream):
    ready = [stream.push(grey(i)) for i in range(6)]
    assert ready == [False, False, False, True, True, True]
    assert brightness(stream) == [2, 3, 4, 5]


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
def test_skipped_frames_do_not_enter(brightness_card, skip_frames, expected):
    stream = Stream(find_card(str(brightness_card)), StreamSettings(skip_frames=skip_frames))
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
        stream.push(grey(i, stamp=10 * SECOND))
    assert not stream.push(grey(4, stamp=10 * SECOND + pause))
    assert brightness(stream) is None
    assert stream.fill == 1


def test_a_pause_of_max_gap_is_none(stream):
    for i in range(5):
        stream.push(grey(i, stamp=i * 2 * SECOND))
    assert brightness(stream) == [1, 2, 3, 4]


def test_the_network_sees_the_frames_in_order(brightness_card, stream):
    """Class k scores the brightness of frame k: 9, 50, 20 and 80 rank as fourth, second, third, first."""
    for i, value in enumerate((200, 9, 50, 20, 80)):
        stream.push(grey(value, stamp=i))
    with Recognizer.open(str(brightness_card)) as recognizer, stream.window() as clip:
        prediction = recognizer.recognize(clip, top_k=4, threshold=0.01).prediction
    assert [h.label for h in prediction.hypotheses] == ["fourth", "second", "third", "first"]
    logits = np.array([80, 50, 20, 9]) / 10
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose([h.score for h in prediction.hypotheses], expected, rtol=0.02)  # bfloat16 on some CPUs
    assert [h.label for h in prediction.accepted] == ["fourth", "second"]
    assert (clip.start, clip.end, clip.frame_id) == (1, 4, "camera")


def test_a_card_with_too_few_labels_is_refused(brightness_card):
    (brightness_card.parent / "few.txt").write_text("one\ntwo\n")
    few = brightness_card.with_name("few.yaml")
    few.write_text(brightness_card.read_text().replace("labels.txt", "few.txt"))
    with pytest.raises(ModelError, match=r"outputs of shape \(1, 4\) for 2 labels; mend its card"):
        Recognizer.open(str(few))


def test_a_file_that_is_no_network_is_refused(tmp_path):
    path = tmp_path / "no.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ModelError, match=r"OpenVINO cannot load .*no\.onnx"):
        load_backend("auto", path, (4, 8, 8, 3), "auto")


def test_unknown_backends_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="backend 'abacus' is unknown; use auto or one of openvino"):
        load_backend("abacus", tmp_path, (4, 8, 8, 3), "auto")
