"""Which files a network is in."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

from har_ros.errors import ModelError
from har_ros.graphs.onnx_file import network_files


def outside(location):
    """Return a tensor whose content is in another file."""
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), location)
    set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    return tensor


def network(path, *constants, inner=(), inside=()):
    """constants, inner: of the network and of its subgraph. inside: values of nodes."""
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
    nodes = [helper.make_node("Constant", [], [one.name], value=one) for one in inside]
    branch = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "branch", [], [given], inner)
    node = helper.make_node("If", ["is"], ["y"], then_branch=branch, else_branch=branch)
    graph = helper.make_graph([*nodes, node], "network", [], [given], constants)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def test_all_tensors_are_looked_at(tmp_path):
    path = network(tmp_path / "a.onnx", outside("b"), outside("deep/c"), inner=[outside("d")], inside=[outside("e")])
    assert network_files(path) == [path, *(tmp_path / name for name in ("b", "d", "deep/c", "e"))]


@pytest.mark.parametrize("place", ["/etc/passwd", "../b"])
def test_weights_outside_of_the_networks_folder_are_refused(tmp_path, place):
    with pytest.raises(ModelError, match=f"a.onnx has weights in {place}, outside of its folder; export it with them"):
        network_files(network(tmp_path / "a.onnx", outside(place)))


def test_others_have_their_weights_with_them(tmp_path):
    assert network_files(tmp_path / "a.xml") == [tmp_path / "a.xml", tmp_path / "a.bin"]
    assert network_files(tmp_path / "a.tflite") == [tmp_path / "a.tflite"]
    path = network(tmp_path / "a.onnx")
    assert network_files(path) == [path]
