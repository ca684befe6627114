"""Networks that end before their last layer, against ONNX Runtime's value of the tensor in the whole network."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from har_ros.errors import ModelError
from har_ros.graphs.cut import EMBEDDING, LOGITS, cut_before_the_end, taught_network

RNG = np.random.default_rng(0)
CLIP = RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)


@pytest.fixture
def model():
    """A function, a convolution, its average, a last layer, and an input that only that layer takes."""
    double = helper.make_function("own", "Double", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])], OPSETS)
    nodes = [
        helper.make_node("Double", ["frames"], ["doubled"], domain="own"),
        helper.make_node("Conv", ["doubled", "kernel"], ["maps"]),
        helper.make_node("ReduceMean", ["maps"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["scores"]),
        helper.make_node("Add", ["scores", "bias"], ["logits"]),
    ]
    constants = {"kernel": RNG.normal(size=(6, 3, 2, 2)), "weights": RNG.normal(size=(6, 7))}
    values = {"frames": ["n", 3, 4, 5], "bias": [7], "maps": ["n", 6, 3, 4], "mean": ["n", 6], "logits": ["n", 7]}
    frames, bias, maps, mean, logits = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values.items()
    )
    initializers = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "small", [frames, bias], [logits], initializers, value_info=[maps, mean])
    opsets = [*OPSETS, helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=[double])


OPSETS = [helper.make_opsetid("", 13)]


def run(model, outputs, **inputs):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(outputs, inputs)


def renamed(model, before, after):
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [after if name == before else name for name in names]
    for value in model.graph.value_info:
        value.name = after if value.name == before else value.name
    return model


@pytest.mark.parametrize("called", ["", EMBEDDING])
@pytest.mark.parametrize("tensor", ["maps", "mean"])
def test_the_embedding_is_the_tensor_averaged(model, tensor, called):
    """Also when the network itself calls it so."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    whole.graph.output.append(next(value for value in model.graph.value_info if value.name == tensor))
    (expected,) = run(whole, [tensor], frames=CLIP, bias=np.zeros(7, np.float32))
    cut = cut_before_the_end(renamed(model, tensor, called or tensor), called or tensor)
    np.testing.assert_allclose(
        run(cut, [EMBEDDING], frames=CLIP)[0], expected.reshape(2, 6, -1).mean(2), rtol=1e-5, atol=1e-6
    )
    assert [value.name for value in cut.graph.input] == ["frames"]
    assert "weights" not in [constant.name for constant in cut.graph.initializer]


def test_a_taught_network_is_the_embedding_with_another_last_layer(model):
    cut, weights, bias = cut_before_the_end(model, "mean"), RNG.normal(size=(6, 3)), RNG.normal(size=3)
    taught = onnx.load_from_string(taught_network(cut, weights.astype(np.float32), bias.astype(np.float32)))
    (embedding,) = run(cut, [EMBEDDING], frames=CLIP)
    np.testing.assert_allclose(run(taught, [LOGITS], frames=CLIP)[0], embedding @ weights + bias, rtol=1e-4, atol=1e-5)


def test_a_network_is_cut_and_taught_again_and_again(model):
    """Its own tensor is called EMBEDDING, and the one that is added to it, too."""
    [expected] = run(cut_before_the_end(model, "mean"), [EMBEDDING], frames=CLIP)
    network = renamed(model, "mean", EMBEDDING)
    head = np.zeros((6, 3), np.float32), np.zeros(3, np.float32)
    for _ in range(3):
        cut = cut_before_the_end(network, EMBEDDING)
        np.testing.assert_allclose(run(cut, [EMBEDDING], frames=CLIP)[0], expected, rtol=1e-5)
        network = onnx.load_from_string(taught_network(cut, *head))


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        ("frames", "has no tensor 'frames'; fix network.embedding in its card"),
        ("nothing", "has no tensor 'nothing'; fix network.embedding in its card"),
        ("sizes", "the tensor 'sizes' is 4, where float32 N×D or N×D×… is needed; name another one"),
    ],
)
def test_what_is_no_embedding_is_refused(model, tensor, reason):
    model.graph.node.append(helper.make_node("Shape", ["maps"], ["sizes"]))
    with pytest.raises(ModelError, match=reason):
        cut_before_the_end(model, tensor)


def test_a_network_that_cannot_be_cut_is_refused(model):
    model.graph.sparse_initializer.add()
    with pytest.raises(ModelError, match=r"the network cannot be cut \(.*sparse.*\); name another embedding"):
        cut_before_the_end(model, "mean")
