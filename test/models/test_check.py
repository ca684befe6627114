"""Disagreements between a card and its network."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxconverter_common.float16 import convert_float_to_float16
from small_networks import encoder_decoder, linear_network, save_onnx, write_card

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.backends.openvino.backend import read_network
from har_ros.errors import ModelError
from har_ros.graphs.onnx_file import load_onnx
from har_ros.models.check import examine, prepared_networks
from har_ros.models.locate import find_model


def wrong(card):
    return examine(find_model(str(card)))[1]


@pytest.fixture
def network(tmp_path):
    linear_network(tmp_path / "small.onnx", (4, 8, 8, 3))
    return tmp_path


def test_a_right_card_has_none(network):
    assert wrong(write_card(network)) == []


def test_all_disagreements_are_found_at_once(network):
    card = write_card(
        network,
        window={"frames": 16},
        input={"height": 9},
        labels=["a", "b"],
        network={"file": "small.onnx", "output": "x"},
    )
    assert wrong(card) == [
        "network has no output 'x', it has 'logits'",
        "network's input has T = 4 (?×4×8×8×3 float32), 16 expected",
        "network's input has H = 8 (?×4×8×8×3 float32), 9 expected",
    ]
    with pytest.raises(
        ModelError, match=r"^small: network has no output.*; .*16 expected; .*9 expected; fix the card or its files$"
    ):
        prepared_networks(find_model(str(card)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"labels": ["a", "b"]}, "network gives 5 classes, but there are 2 labels"),
        ({"network": {"file": "small.onnx", "input": "0"}}, "network has no input '0', it has 'frames'"),
        ({"input": {"layout": "NCTHW"}}, "network's input has C = 4 (?×4×8×8×3 float32), 3 expected"),
        ({"network": {"file": "two.onnx"}}, "network takes batches of 2 only; export it for batches of 1 or any size"),
        ({"network": {"file": "whole.onnx"}}, "network gives int64, where float32 or float16 can be"),
        ({"network": {"file": "whole.onnx"}}, "network takes int64, where float32, float16 or uint8 can be"),
        ({"network": {"file": "image.onnx"}}, "network's input is ?×8×8×3 float32, which has not the axes NTHWC"),
    ],
)
def test_each_disagreement(network, fields, expected):
    linear_network(network / "two.onnx", (4, 8, 8, 3), batch=2)
    linear_network(network / "image.onnx", (8, 8, 3))
    nodes = [helper.make_node("Identity", ["frames"], ["logits"])]
    save_onnx(network / "whole.onnx", nodes, *({name: (TensorProto.INT64, ["n"])} for name in ("frames", "logits")), {})
    assert expected in wrong(write_card(network, **fields))


def test_uint8_networks_leave_no_room_for_scaling(brightness_card):
    card = write_card(
        brightness_card.parent,
        "scaled",
        network={"file": "brightness.onnx"},
        input={"range": [0, 1]},
        labels=list("abcd"),
    )
    assert wrong(card) == ["network takes uint8, which needs colour rgb and range [0, 255] without mean or std"]


def test_encoder_and_decoder_must_fit(tmp_path):
    card, *_ = encoder_decoder(tmp_path)
    assert wrong(card) == []
    linear_network(tmp_path / "decoder.onnx", (6, 7), 5, names=("0", "scores"))
    assert wrong(card) == [
        "decoder's input has T = 6 (?×6×7 float32), 4 expected",
        "decoder's input has D = 7 (?×6×7 float32), 6 expected",
    ]


def test_a_second_input_is_refused(tmp_path):
    nodes = [helper.make_node("Add", ["frames", "bias"], ["sum"]), helper.make_node("Flatten", ["sum"], ["logits"])]
    inputs = {"frames": (TensorProto.FLOAT, ["n", 4, 8, 8, 3]), "bias": (TensorProto.FLOAT, [1])}
    save_onnx(tmp_path / "small.onnx", nodes, inputs, {"logits": (TensorProto.FLOAT, ["n", 768])}, {})
    card = write_card(tmp_path, labels=[f"class {i}" for i in range(768)])
    assert wrong(card) == ["network needs a second input, 'bias'"]


def test_an_embedding_of_unknown_length_is_refused(tmp_path):
    card, *_ = encoder_decoder(tmp_path)
    for name, shape in (("encoder", ["n", 3, 8, 8]), ("decoder", ["n", 4, "width"])):
        node = helper.make_node("ReduceMean", ["0"], ["mean"], axes=[1], keepdims=0)
        outputs = {"mean": (TensorProto.FLOAT, ["n", "a", "b"][: len(shape) - 1])}
        save_onnx(tmp_path / f"{name}.onnx", [node], {"0": (TensorProto.FLOAT, shape)}, outputs, {}, opset=17)
    assert "decoder and encoder do not say how long an embedding is; export one with fixed sizes" in wrong(card)


def test_a_float16_decoder_gets_float16(tmp_path):
    card, *_ = encoder_decoder(tmp_path)
    path = tmp_path / "decoder.onnx"
    onnx.save(convert_float_to_float16(onnx.load(path)), path)
    _, decoder = prepared_networks(find_model(str(card)))
    embeddings = np.random.default_rng(0).normal(size=decoder.shape).astype(np.float32)
    scores = load_backend(decoder, BackendSettings("openvino")).infer([embeddings])
    assert scores.sum() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("place", ["../outside.bin", "link.bin", "/etc/hostname"])
def test_weights_outside_the_networks_folder_are_not_read(tmp_path, place):
    """Neither by onnx nor by OpenVINO, which reads the file itself."""
    folder = tmp_path / "network"
    folder.mkdir()
    (tmp_path / "outside.bin").write_bytes(bytes(4096))
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    linear_network(folder / "small.onnx", (4, 8, 8, 3))
    model = onnx.load(folder / "small.onnx")
    for tensor in model.graph.initializer:
        onnx.external_data_helper.set_external_data(tensor, place, 0, 4)
        tensor.ClearField("raw_data")
    (folder / "small.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"is not an ONNX file .*; export it again"):
        load_onnx(folder / "small.onnx")
    with pytest.raises(ModelError, match=r"OpenVINO cannot read .*; check the file"):
        read_network(folder / "small.onnx")
