"""Encoder and decoder behind a Stream: each frame is encoded once, and the answers are those of whole windows."""

import numpy as np
import openvino
import pytest
from small_networks import encoder_decoder

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ImageError
from har_ros.frames.pixels import CameraImage
from har_ros.frames.sampling import StreamSettings
from har_ros.pipeline.recognizer import Recognizer

SECOND = 1_000_000_000
FRAMES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), np.uint8)


@pytest.fixture(scope="module", params=["onnx", "xml"])
def pair(tmp_path_factory, request):
    """The Recognizer and the two networks' weights; as ONNX and as OpenVINO IR."""
    card, encoder, decoder = encoder_decoder(tmp_path_factory.mktemp("pair"))
    if request.param == "xml":
        for network in card.parent.glob("*.onnx"):
            read = openvino.Core().read_model(network)
            openvino.save_model(read, network.with_suffix(".xml"), compress_to_fp16=False)
        card.write_text(card.read_text().replace(".onnx", ".xml"))
    with Recognizer.open(str(card), BackendSettings("openvino", "f32")) as recognizer:
        yield recognizer, encoder, decoder


def expected(window, encoder, decoder):
    """Encode the whole window again, in numpy."""
    embeddings = window[..., ::-1].transpose(0, 3, 1, 2).reshape(len(window), -1) / 255 @ encoder
    logits = embeddings.reshape(-1) @ decoder
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


def push(recognizer, stream, index, stamp=None):
    stream.push(CameraImage.of_array(FRAMES[index], index if stamp is None else stamp, "rgb8"))
    return recognizer.recognize([stream])[0]


def scores(result):
    return {h.label: h.score for h in result.prediction.hypotheses}


def test_every_step_answers_as_the_window_encoded_again(pair):
    recognizer, *weights = pair
    stream = recognizer.stream()
    results = [push(recognizer, stream, i) for i in range(len(FRAMES))]
    assert results[:3] == [None] * 3
    for last, result in enumerate(results[3:], start=3):
        found = scores(result)
        for i, probability in enumerate(expected(FRAMES[last - 3 : last + 1], *weights)):
            assert found[f"class {i}"] == pytest.approx(probability, abs=1e-3)
        assert (result.start, result.end, result.frames) == (last - 3, last, 4)


def test_each_frame_is_encoded_once(pair, monkeypatch):
    recognizer, *_ = pair
    calls = []
    for name in ("backend", "_decoder"):
        backend = getattr(recognizer.network, name)
        run = backend.infer
        monkeypatch.setattr(backend, "infer", lambda x, name=name, run=run: calls.extend([name] * len(x)) or run(x))
    stream = recognizer.stream()
    for i in range(10):
        push(recognizer, stream, i)
    assert (calls.count("backend"), calls.count("_decoder")) == (10, 7)


def test_the_window_fills_and_begins_anew_after_a_gap(pair):
    recognizer, *weights = pair
    stream = recognizer.stream(StreamSettings(max_gap=2.0))
    fills = [(push(recognizer, stream, i, stamp=i), stream.fill)[1] for i in range(5)]
    assert fills == [1, 2, 3, 4, 4]
    assert push(recognizer, stream, 5, stamp=3 * SECOND) is None
    assert (stream.fill, stream.length) == (1, 4)
    for i in (6, 7):
        assert push(recognizer, stream, i, stamp=3 * SECOND + i) is None
    found = scores(push(recognizer, stream, 8, stamp=3 * SECOND + 8))
    assert found["class 0"] == pytest.approx(expected(FRAMES[5:9], *weights)[0], abs=1e-3)


def test_streams_keep_their_own_embeddings(pair):
    recognizer, *weights = pair
    streams = [recognizer.stream() for _ in range(2)]
    for i in range(4):
        for stream, start in zip(streams, (0, 6), strict=True):
            stream.push(CameraImage.of_array(FRAMES[start + i], i, "rgb8"))
        results = recognizer.recognize(streams)
    for result, start in zip(results, (0, 6), strict=True):
        probability = expected(FRAMES[start : start + 4], *weights)[0]
        assert scores(result)["class 0"] == pytest.approx(probability, abs=1e-3)


def test_places_that_the_network_missed_are_filled_by_the_nearest_frames(pair):
    recognizer, *weights = pair
    stream = recognizer.stream()
    push(recognizer, stream, 4)
    for i in (5, 6):
        stream.push(CameraImage.of_array(FRAMES[i], i, "rgb8"))
    found = scores(push(recognizer, stream, 7))
    assert found["class 0"] == pytest.approx(expected(FRAMES[[4, 4, 7, 7]], *weights)[0], abs=1e-3)


def test_places_whose_images_were_lost_are_filled_by_the_nearest_frames(pair):
    recognizer, *weights = pair
    stream = recognizer.stream(StreamSettings(sample_rate=10))
    push(recognizer, stream, 4, stamp=0)
    found = scores(push(recognizer, stream, 7, stamp=SECOND * 3 // 10))
    assert found["class 0"] == pytest.approx(expected(FRAMES[[4, 4, 7, 7]], *weights)[0], abs=1e-3)
    found = scores(push(recognizer, stream, 2, stamp=SECOND * 13 // 10))
    assert found["class 0"] == pytest.approx(expected(FRAMES[[2, 2, 2, 2]], *weights)[0], abs=1e-3)


def test_frames_that_the_network_missed_are_counted(pair):
    recognizer, *_ = pair
    stream = recognizer.stream()
    for i in range(5):
        stream.push(CameraImage.of_array(FRAMES[i], i))
    recognizer.recognize([stream])
    assert (stream.fill, stream.windows_dropped) == (1, 4)
    with pytest.raises(ImageError):
        stream.push(CameraImage.of_array(FRAMES[5], 5, "jpeg"))
