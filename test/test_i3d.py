"""The real network against known answers and an independent runtime."""

import cv2
import numpy as np
import onnxruntime
import pytest

from har_ros.backends import load_backend
from har_ros.models.i3d import fold_batch_norm
from har_ros.models.locate import find_card, network_file
from har_ros.scores import softmax

CARD = find_card("i3d-kinetics-400")


@pytest.fixture(scope="module")
def network():
    return network_file(CARD)


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
def test_known_answers_for_playing_cricket(network, cricket, frames, step, start, expected):
    """DeepMind's sample clip; two independent implementations agree on these to four digits."""
    clip = np.ascontiguousarray(cricket[None, start : start + frames * step : step])
    backend = load_backend("openvino", network, clip.shape[1:], "f32")
    probability = softmax(backend.infer(clip)[0])[CARD.labels.index("playing cricket")]
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


def test_openvino_gives_the_logits_of_onnxruntime(network):
    clip = np.random.default_rng(0).integers(0, 256, (1, 16, 224, 224, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"frames": clip})[0]
    logits = load_backend("openvino", network, clip.shape[1:], "f32").infer(clip)
    assert np.abs(logits - expected).max() < 1e-3
