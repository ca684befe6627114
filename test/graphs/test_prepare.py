"""The arithmetic around a network, in every backend, against numpy."""

from dataclasses import replace
from functools import partial

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxconverter_common.float16 import convert_float_to_float16
from small_networks import convolutional_network, encoder_decoder, linear_network, write_card
from streamable_networks import ARCHITECTURES
from tflite_network import tflite_linear

from har_ros.backends.backend import BackendSettings
from har_ros.backends.openvino import backend as openvino_backend
from har_ros.errors import ModelError
from har_ros.graphs.prepare import merged
from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model

F32 = BackendSettings("openvino", "f32")
RNG = np.random.default_rng(0)
CLIP = RNG.integers(0, 256, (4, 8, 8, 3), np.uint8)
AXES = {"NCTHW": (3, 0, 1, 2), "NTCHW": (0, 3, 1, 2), "NTHWC": (0, 1, 2, 3)}


def reference(clip, spec):
    """What the network must get: its axes without N, from uint8 T×H×W×3 RGB."""
    pixels = clip.astype(np.float64)
    if spec["colour"] == "bgr":
        pixels = pixels[..., ::-1]
    low, high = spec["range"]
    pixels = pixels / 255 * (high - low) + low
    pixels = (pixels - np.array(spec.get("mean", (0, 0, 0)))) / np.array(spec.get("std", (1, 1, 1)))
    return pixels.transpose(AXES[spec["layout"]])


def softmax(logits):
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def in_onnxruntime(network, *inputs, half=False):
    session = onnxruntime.InferenceSession(merged(network, half), providers=["CPUExecutionProvider"])
    return session.run(None, {"frames": np.stack(inputs)})[0]


def in_openvino(network, *inputs):
    return openvino_backend.load(network, F32).infer(inputs)


def as_ir(network, folder):
    """Return the same network as OpenVINO IR, float32."""
    path = folder / "network.xml"
    openvino.save_model(openvino.Core().read_model(network.path), path, compress_to_fp16=False)
    return replace(network, path=path)


SPECS = st.fixed_dictionaries(
    {
        "layout": st.sampled_from(sorted(AXES)),
        "colour": st.sampled_from(["rgb", "bgr"]),
        "range": st.sampled_from([[0, 255], [0, 1], [-1, 1]]),
    },
    optional={
        "mean": st.lists(st.floats(-1, 1), min_size=3, max_size=3),
        "std": st.lists(st.floats(0.1, 2), min_size=3, max_size=3),
    },
)


@settings(max_examples=30)
@given(spec=SPECS, opset=st.sampled_from([9, 11, 13, 18]), fixed=st.booleans())
def test_the_network_gets_what_its_card_says(tmp_path_factory, spec, opset, fixed):
    folder = tmp_path_factory.mktemp("network")
    shape = tuple(np.array((4, 8, 8, 3))[list(AXES[spec["layout"]])].tolist())
    weights = linear_network(folder / "small.onnx", shape, batch=1 if fixed else "batch", opset=opset)
    (network,) = prepared_networks(find_model(str(write_card(folder, input=spec))))
    expected = reference(CLIP, spec).reshape(-1) @ weights
    raw = replace(network, output="embedding")  # without softmax
    tolerance = 1e-3 * max(1, np.abs(expected).max() / 100)
    assert np.abs(in_onnxruntime(raw, CLIP)[0] - expected).max() < tolerance
    assert np.abs(in_openvino(raw, CLIP)[0] - expected).max() < tolerance
    assert np.abs(in_openvino(as_ir(raw, folder), CLIP)[0] - expected).max() < tolerance
    for run in (in_onnxruntime, in_openvino):
        np.testing.assert_allclose(run(network, CLIP)[0], softmax(expected), atol=1e-3)


@pytest.mark.parametrize(("batch", "size"), [(1, 1), ("batch", "batch")])
def test_a_fixed_batch_stays_fixed(tmp_path, batch, size):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3), batch=batch)
    (network,) = prepared_networks(find_model(str(write_card(tmp_path))))
    first = onnx.load_from_string(merged(network)).graph.input[0].type.tensor_type.shape.dim[0]
    assert size in (first.dim_value, first.dim_param)


def test_float16_inside_gives_nearly_the_same(tmp_path):
    convolutional_network(tmp_path / "small.onnx")
    spec = {"layout": "NCTHW", "range": [0, 1], "height": 16, "width": 16}
    (network,) = prepared_networks(find_model(str(write_card(tmp_path, input=spec, window={"frames": 8}))))
    clips = RNG.integers(0, 256, (3, 8, 16, 16, 3), np.uint8)
    np.testing.assert_allclose(in_onnxruntime(network, *clips, half=True), in_onnxruntime(network, *clips), atol=0.01)


def test_networks_of_float16(tmp_path):
    path = tmp_path / "small.onnx"
    weights = linear_network(path, (4, 8, 8, 3))
    onnx.save(convert_float_to_float16(onnx.load(path)), path)
    (network,) = prepared_networks(find_model(str(write_card(tmp_path, input={"range": [0, 1]}))))
    assert (network.input_type, network.output_type) == ("float16", "float16")
    expected = softmax(CLIP.reshape(-1) / 255 @ weights)
    for run in (in_onnxruntime, in_openvino, partial(in_onnxruntime, half=True)):
        np.testing.assert_allclose(run(network, CLIP)[0], expected, atol=0.01)


def test_probabilities_pass_as_they_are(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    logits, raw = (
        prepared_networks(find_model(str(write_card(tmp_path, outputs=outputs, input={"range": [0, 1]}))))[0]
        for outputs in ("logits", "probabilities")
    )
    np.testing.assert_allclose(in_openvino(logits, CLIP)[0], softmax(in_openvino(raw, CLIP)[0]), rtol=1e-4)


def test_encoder_and_decoder_get_what_their_card_says(tmp_path):
    card, encoder_weights, decoder_weights = encoder_decoder(tmp_path)
    encoder, decoder = prepared_networks(find_model(str(card)))
    embeddings = CLIP[..., ::-1].transpose(0, 3, 1, 2).reshape(4, -1) / 255 @ encoder_weights
    expected = softmax(embeddings.reshape(-1) @ decoder_weights)
    for run in (in_onnxruntime, in_openvino):
        assert np.abs(run(encoder, *CLIP) - embeddings).max() < 1e-3
        np.testing.assert_allclose(run(decoder, embeddings.astype(np.float32))[0], expected, atol=1e-3)


def test_tensorflow_lite(tmp_path):
    weights = tflite_linear(tmp_path / "small.tflite", (4, 8, 8, 3))
    model = find_model(str(write_card(tmp_path, network={"file": "small.tflite"}, input={"range": [0, 1]})))
    (network,) = prepared_networks(model)
    np.testing.assert_allclose(in_openvino(network, CLIP)[0], softmax(CLIP.reshape(-1) / 255 @ weights), atol=1e-3)


def test_an_older_operator_set_is_refused(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    (network,) = prepared_networks(find_model(str(write_card(tmp_path))))
    model = onnx.load(network.path)
    model.opset_import[0].version = 8
    onnx.save(model, network.path)
    with pytest.raises(ModelError, match="operator set 8; export it again with 9 or later"):
        merged(network)


@pytest.mark.parametrize("in_steps", [False, True])
@pytest.mark.parametrize("architecture", ["i3d", "r3d_18"])
def test_newer_operator_sets_are_lowered_where_that_is_wanted(tmp_path, architecture, in_steps):
    """ReduceMean has its axes in an input from 18 on; a reader of 17 passes over it and averages over all axes."""
    onnx.save(ARCHITECTURES[architecture](), tmp_path / "small.onnx")
    fields = {"layout": "NCTHW", "range": [0, 1], "height": 16, "width": 16}
    model = find_model(str(write_card(tmp_path, input=fields, window={"frames": 16})))
    (network,) = prepared_networks(model, in_steps=in_steps)
    as_it_is, lowered = (onnx.load_from_string(merged(network, newest=newest)) for newest in (None, 17))
    assert [one.opset_import[0].version for one in (as_it_is, lowered)] == [18, 17]
    assert all(len(node.input) == 1 for node in lowered.graph.node if node.op_type == "ReduceMean")
    sessions = [onnxruntime.InferenceSession(one.SerializeToString()) for one in (as_it_is, lowered)]
    given = {
        taken.name: RNG.integers(0, 256, (2, *taken.shape[1:]), np.uint8)
        if "uint8" in taken.type
        else RNG.normal(size=(2, *taken.shape[1:])).astype(np.float32)
        for taken in sessions[0].get_inputs()
    }
    for one, other in zip(*(session.run(None, given) for session in sessions), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_operator_that_the_wanted_set_lacks_is_one_sentence(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    (network,) = prepared_networks(find_model(str(write_card(tmp_path))))
    model = onnx.load(network.path)
    model.opset_import[0].version = 20
    model.graph.node.insert(0, onnx.helper.make_node("Gelu", [model.graph.input[0].name], ["gelu"]))
    onnx.save(model, network.path)
    with pytest.raises(
        ModelError, match=r"cannot be converted to ONNX operator set 17 \(.*\); export it again"
    ) as caught:
        merged(network, newest=17)
    assert "\n" not in str(caught.value)


def test_ir_is_not_for_tensorrt(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    (network,) = prepared_networks(find_model(str(write_card(tmp_path))))
    with pytest.raises(ModelError, match="is not ONNX, which TensorRT needs; set backend to openvino"):
        merged(as_ir(network, tmp_path))
