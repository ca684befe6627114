"""The real network against known answers and an independent runtime."""

from dataclasses import replace

import cv2
import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper
from player import Player

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.frames.pixels import CameraImage
from har_ros.graphs.i3d import fold_batch_norm, same_pads
from har_ros.graphs.onnx_file import load_onnx
from har_ros.graphs.prepare import merged
from har_ros.graphs.twin import continual
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.pipeline.recognizer import Recognizer

MODEL = find_model("i3d-kinetics-400")


def network(frames, output="logits"):
    """output: "embedding" for the bare logits."""
    (prepared,) = prepared_networks(MODEL, frames)
    return replace(prepared, output=output)


def in_openvino(prepared, clip):
    return load_backend(prepared, BackendSettings("openvino", "f32")).infer([clip])[0]


@pytest.fixture(scope="module")
def cricket(shared_data):
    """79 frames of 224×224 RGB."""
    capture, frames = cv2.VideoCapture(str(shared_data / "cricket.gif")), []
    while (frame := capture.read()[1]) is not None:
        frames.append(frame[..., ::-1])
    assert len(frames) == 79
    return np.stack(frames)


@pytest.mark.parametrize(
    ("frames", "step", "start", "expected"),
    [(64, 1, 0, 0.997), (16, 2, 0, 0.957), (16, 2, 16, 0.992), (16, 2, 32, 0.934), (16, 2, 47, 0.960)],
)
def test_known_answers_for_playing_cricket(cricket, frames, step, start, expected):
    """DeepMind's sample clip; two independent implementations agree on these to four digits."""
    clip = np.ascontiguousarray(cricket[start : start + frames * step : step])
    probability = in_openvino(network(frames), clip)[MODEL.labels().index("playing cricket")]
    assert probability == pytest.approx(expected, abs=0.002)


def test_batch_norm_is_folded_into_the_convolution():
    """A 1×1×1 unit, against the formula of kinetics-i3d's BatchNorm: no scale, epsilon 1e-3."""
    rng = np.random.default_rng(0)
    kernel, pixel = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=5)
    bias, mean = rng.normal(size=(2, 3)).astype(np.float32)
    variance = np.array([0, 1e-3, 2], np.float32)
    unit = {"Conv_0": {"kernel": kernel[None, None, None]}, "BatchNorm_0": {"bias": bias}}
    statistics = {"BatchNorm_0": {"mean": mean[None, None, None, None], "var": variance[None, None, None, None]}}
    folded, folded_bias = fold_batch_norm(unit, statistics)
    expected = (pixel @ kernel - mean) / np.sqrt(variance + 1e-3) + bias
    np.testing.assert_allclose(pixel @ folded[0, 0, 0] + folded_bias, expected, rtol=1e-5)


@pytest.mark.parametrize("source", ["random", "cricket"])
@pytest.mark.parametrize("frames", [16, 32, 64])
def test_openvino_gives_the_logits_of_onnxruntime(request, source, frames):
    if source == "random":
        clip = np.random.default_rng(0).integers(0, 256, (frames, 224, 224, 3), np.uint8)
    else:
        clip = np.ascontiguousarray(request.getfixturevalue("cricket")[:frames])
    prepared = network(frames, "embedding")
    session = onnxruntime.InferenceSession(merged(prepared), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"frames": clip[None]})[0][0]
    assert np.abs(in_openvino(prepared, clip) - expected).max() < 1e-3


def test_float16_changes_the_logits_little(cricket):
    """The graph that TensorRT gets, in ONNX Runtime."""
    clip, logits = np.ascontiguousarray(cricket[None, :16]), []
    for half in (False, True):
        model = merged(network(16, "embedding"), half)
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        logits.append(session.run(None, {"frames": clip})[0][0])
    assert 0 < np.abs(logits[0] - logits[1]).max() < 0.05
    assert logits[0].argmax() == logits[1].argmax()


def test_continual_i3d_gives_the_columns_of_the_whole_video(cricket):
    """Streamed in steps, against one run over all frames without the average over time, away from the ends."""
    frames = np.concatenate([cricket, cricket])[:136]
    clip = np.ascontiguousarray((frames / np.float32(127.5) - 1).transpose(3, 0, 1, 2)[None])
    whole = load_onnx(MODEL.network_path(MODEL.card.network))
    twin = continual(whole, "clips", "logits", [1, 3, 64, 224, 224], 2)
    space = numpy_helper.from_array(np.array([3, 4]), "space")
    whole.graph.initializer.append(space)
    whole.graph.node[-1].input[1] = space.name
    whole.graph.output[0].type.tensor_type.ClearField("shape")
    session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"clips": clip})[0][0].T
    found = Player(twin).all(clip, [8, 16, 8, 32, 72])
    assert (twin.stride, twin.lag, twin.columns) == (8, 7, 7)
    inside = slice(6, len(found) - twin.lag)  # a column sees 99 frames
    assert len(expected[inside]) == 4
    np.testing.assert_allclose(found[twin.lag :][inside], expected[inside], atol=1e-4)


def test_continual_i3d_says_playing_cricket(cricket):
    with Recognizer.open("i3d-kinetics-400", BackendSettings("openvino"), continual=True) as recognizer:
        stream = recognizer.stream()
        for i in range(128):
            stream.push(CameraImage.of_array(cricket[i % 79], i * 40_000_000, "rgb8"))
            result = recognizer.recognize([stream])[0]
        best = result.prediction.hypotheses[0]
    assert best.label == "playing cricket"
    assert (result.frames, result.end - result.start) == (112, 111 * 40_000_000)


@given(st.tuples(*[st.integers(1, 7)] * 3), st.tuples(*[st.integers(1, 3)] * 3), st.tuples(*[st.integers(3, 9)] * 3))
def test_same_pads_are_tensorflows(kernel, stride, blocks):
    """tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2, for extents that the stride divides."""
    extents = [s * b for s, b in zip(stride, blocks, strict=True)]
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(extents, kernel, stride, strict=True)]
    assert same_pads(kernel, stride) == [total // 2 for total in totals] + [-(-total // 2) for total in totals]
