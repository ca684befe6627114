"""RTMO's two outputs, joined: small networks with the outputs that MMDeploy's configuration names."""

import numpy as np
import onnxruntime
import pytest
from small_networks import rtmo_network

from har_ros.errors import ModelError
from har_ros.graphs.rtmo import PEOPLE, convert


@pytest.mark.parametrize("people", [0, 1, 50, 100])
def test_each_person_has_a_row_and_the_rest_is_zeros(tmp_path, people):
    network = rtmo_network(tmp_path / "rtmo.onnx")
    image = np.zeros((1, 3, 64, 64), np.float32)
    image.reshape(-1)[:people] = np.arange(people) + 1
    dets, keypoints = onnxruntime.InferenceSession(network).run(None, {"input": image})
    assert dets.shape == (1, people, 5)
    [joined] = onnxruntime.InferenceSession(convert(network)).run(None, {"input": image})
    kept = min(people, PEOPLE)
    assert joined.shape == (1, PEOPLE, 56)
    np.testing.assert_array_equal(joined[0, :kept, :5], dets[0, :kept])
    np.testing.assert_array_equal(joined[0, :kept, 5:], keypoints[0, :kept].reshape(kept, 51))
    assert not joined[0, kept:].any()


def test_other_outputs_are_refused_with_their_shapes(tmp_path):
    wrong = r"gives dets 1×\?×5, keypoints 1×\?×14×3, where rtmo reads N×P×5 and N×P×17×3; check decode"
    with pytest.raises(ModelError, match=wrong):
        convert(rtmo_network(tmp_path / "rtmo.onnx", joints=14))


def test_what_is_no_network_is_refused(tmp_path):
    (tmp_path / "rtmo.onnx").write_text("nothing")
    with pytest.raises(ModelError, match=r"rtmo\.onnx is not an ONNX file"):
        convert(tmp_path / "rtmo.onnx")
