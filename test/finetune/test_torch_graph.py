"""Networks in PyTorch compute what ONNX Runtime does, operator for operator and as a whole."""

import importlib.util

import numpy as np
import onnx
import onnxruntime
import pytest
from small_networks import linear_network, write_card
from streamable_networks import ARCHITECTURES

from har_ros.backends.backend import BackendSettings
from har_ros.errors import ModelError

pytestmark = pytest.mark.finetune
if importlib.util.find_spec("torch") and importlib.util.find_spec("lightning"):
    import torch

    from har_ros.finetune import image_task
    from har_ros.finetune.torch_graph import OnnxModule
    from har_ros.graphs.cut import cut_before_the_end
    from har_ros.learning.embed import embedding_network
    from har_ros.models.check import prepared_networks
    from har_ros.models.locate import find_model

CPU = BackendSettings("openvino", "f32")


@pytest.mark.parametrize("name", ["r3d_18", "mc3_18", "r2plus1d_18", "s3d", "resnet-34"])
def test_torch_computes_what_onnx_runtime_does(name):
    model = cut(ARCHITECTURES[name]())
    clips = np.random.default_rng(0).normal(size=(2, 3, 16, 16, 16)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"clips": clips})[0]
    found = OnnxModule(model)(torch.from_numpy(clips)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def cut(model):
    """Return the network without its last layer."""
    pools = [node for node in model.graph.node if node.op_type in ("GlobalAveragePool", "AveragePool")]
    return cut_before_the_end(model, pools[-1].output[0])


def test_torch_computes_i3d_and_scales_frames_as_the_card_says(module_cache):
    network = embedding_network(find_model("i3d-kinetics-400"), 16)
    frames = np.random.default_rng(0).integers(0, 256, (1, 16, 224, 224, 3), np.uint8)
    clips = (frames.astype(np.float32) / 127.5 - 1).transpose(0, 4, 1, 2, 3)
    expected = onnxruntime.InferenceSession(network.path).run(None, {"clips": clips})[0]
    module = OnnxModule(onnx.load(network.path))
    with torch.no_grad():
        found = module(image_task.scaled(torch.from_numpy(frames), network.spec)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def alone(node, shapes, constants=()):
    """Return a network of one operator; its further inputs are constants, with random numbers or these."""
    rng = np.random.default_rng(0)
    first, *others = shapes
    value = onnx.helper.make_tensor_value_info
    node.input[:] = [f"x{i}" for i in range(len(shapes) + len(constants))]
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [value("x0", 1, first)],
        [value("y", 1, None)],
        [
            onnx.numpy_helper.from_array(rng.uniform(0.5, 2, s).astype(np.float32), f"x{i}")
            for i, s in enumerate(others, 1)
        ]
        + list(constants),
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("operator", "attributes", "shapes"),
    [
        ("MaxPool", {"kernel_shape": [2, 3], "pads": [0, 1, 1, 2], "strides": [1, 2]}, [(2, 3, 5, 6)]),
        ("AveragePool", {"kernel_shape": [2, 1, 3], "strides": [2, 1, 1]}, [(2, 3, 5, 6, 7)]),
        ("Conv", {"pads": [1, 0, 2, 1], "dilations": [2, 1], "group": 2}, [(2, 4, 7, 6), (6, 2, 2, 3), (6,)]),
        ("Conv", {"strides": [2]}, [(2, 4, 9), (5, 4, 3)]),
        ("Gemm", {"transB": 1, "alpha": 0.5, "beta": 2.0}, [(3, 4), (5, 4), (5,)]),
        ("Gemm", {"transA": 1}, [(4, 3), (4, 5)]),
        ("BatchNormalization", {"epsilon": 0.1}, [(2, 3, 4, 5), (3,), (3,), (3,), (3,)]),
        ("Flatten", {"axis": 2}, [(2, 3, 4, 5)]),
        ("Concat", {"axis": 1}, [(2, 3, 4), (2, 5, 4)]),
        ("Transpose", {"perm": [0, 2, 1]}, [(2, 3, 4)]),
        ("Mul", {}, [(2, 3, 4), (3, 1)]),
        ("Add", {}, [(2, 3, 4), (4,)]),
        ("Sigmoid", {}, [(2, 3)]),
        ("Sub", {}, [(2, 3, 4), (4,)]),
        ("Div", {}, [(2, 3, 4), (4,)]),
        ("LeakyRelu", {"alpha": 0.2}, [(2, 3)]),
        ("MaxPool", {"kernel_shape": [2], "strides": [2]}, [(2, 3, 6)]),
        ("ReduceMax", {"axes": [1]}, [(2, 3, 4)]),
        ("ReduceMean", {"axes": [0, 2], "keepdims": 0}, [(2, 3, 4)]),
        ("ReduceMean", {"keepdims": 0}, [(2, 3, 4)]),
    ],
)
def test_each_operator_is_onnx_runtimes(operator, attributes, shapes):
    node = onnx.helper.make_node(operator, ["x0"], ["y"], **attributes)
    model = alone(node, shapes)
    given = -np.random.default_rng(1).uniform(0.1, 2, shapes[0]).astype(np.float32)  # no padding of 0 is the largest
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x0": given})[0]
    found = OnnxModule(model)(torch.from_numpy(given)).detach().numpy()
    np.testing.assert_allclose(found, expected.reshape(found.shape) if operator == "Flatten" else expected, atol=1e-5)


@pytest.mark.parametrize(
    ("operator", "attributes", "shape", "others"),
    [
        ("Clip", {}, (2, 3), [np.float32(-1), np.float32(-0.5)]),
        ("Clip", {}, (2, 3), [np.float32(-1)]),
        ("Gather", {"axis": 2}, (2, 3, 4), [np.array(-1)]),
        ("Gather", {"axis": 1}, (2, 3, 4), [np.array([[2, 0], [1, -1]])]),
        ("GreaterOrEqual", {}, (2, 3), [np.float32(-1)]),
        ("ReduceSum", {"keepdims": 0}, (2, 3, 4), [np.array([-1])]),
        ("Reshape", {}, (2, 3, 4), [np.array([0, -1, 2])]),
        ("Slice", {}, (2, 7, 4), [np.array([1, -3]), np.array([2**63 - 1, -1]), np.array([1, 2]), np.array([2, 1])]),
        ("Slice", {}, (2, 7), [np.array([5]), np.array([-(2**63)]), np.array([1]), np.array([-2])]),
        ("Squeeze", {}, (2, 1, 4, 1), [np.array([1, -1])]),
        ("Unsqueeze", {}, (2, 3), [np.array([0, -1])]),
    ],
)
def test_each_operator_with_constants_that_are_no_weights_is_onnx_runtimes(operator, attributes, shape, others):
    node = onnx.helper.make_node(operator, ["x0"], ["y"], **attributes)
    model = alone(
        node, [shape], [onnx.numpy_helper.from_array(np.asarray(o), f"x{i}") for i, o in enumerate(others, 1)]
    )
    if operator == "GreaterOrEqual":
        model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.BOOL
    check(model, np.random.default_rng(1).normal(size=shape).astype(np.float32))


def test_shapes_become_constants_and_casts_change_types():
    steps = [
        onnx.helper.make_node("Shape", ["x0"], ["shape"]),
        onnx.helper.make_node(
            "ConstantOfShape", ["shape"], ["half"], value=onnx.numpy_helper.from_array(np.float32([0.5]))
        ),
        onnx.helper.make_node("Cast", ["x0"], ["whole"], to=onnx.TensorProto.INT32),
        onnx.helper.make_node("Cast", ["whole"], ["back"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Constant", [], ["two"], value=onnx.numpy_helper.from_array(np.float32(2))),
        onnx.helper.make_node("Mul", ["back", "two"], ["twice"]),
        onnx.helper.make_node("Sub", ["twice", "half"], ["y"]),
    ]
    model = alone(steps[-1], [(2, 3)])
    del model.graph.node[:]
    steps[-1].input[:] = ["twice", "half"]
    model.graph.node.extend(steps)
    check(model, np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32) * 3)


def check(model, given):
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x0": given})[0]
    module = OnnxModule(model)
    found = module(torch.from_numpy(given)).detach().numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("layout", ["NCTHW", "NTCHW", "NTHWC"])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_frames_are_scaled_as_by_every_backend(tmp_path, layout, colour):
    sizes = dict(zip("NTHWC", (None, 2, 6, 5, 3), strict=True))
    linear_network(tmp_path / "small.onnx", tuple(sizes[axis] for axis in layout[1:]))
    spec = {"layout": layout, "colour": colour, "height": 6, "width": 5, "range": [-1, 2]}
    spec |= {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7]}
    [prepared] = prepared_networks(find_model(str(write_card(tmp_path, input=spec, window={"frames": 2}))))
    frames = np.random.default_rng(0).integers(0, 256, (3, 2, 6, 5, 3), np.uint8)
    session = onnxruntime.InferenceSession(prepared.before().SerializeToString())
    expected = session.run(None, {"frames": frames})[0]
    np.testing.assert_allclose(image_task.scaled(torch.from_numpy(frames), prepared.spec).numpy(), expected, atol=1e-5)


def test_operators_that_cannot_be_trained_are_refused():
    model = ARCHITECTURES["r3d_18"]()
    model.graph.node[2].op_type = "Einsum"
    with pytest.raises(ModelError, match=r"Einsum.*actionnet teach"):
        OnnxModule(model)
    same = cut(ARCHITECTURES["i3d"]())
    with pytest.raises(ModelError, match="auto_pad"):
        OnnxModule(same)(torch.zeros(1, 3, 16, 16, 16))


def test_everyday_14_in_pytorch_says_what_onnx_runtime_does(module_cache):
    path = embedding_network(find_model("everyday-14")).path
    windows = np.random.default_rng(0).random((4, 32, 13, 3)).astype(np.float32)
    windows[0, :, 3] = 0
    expected = onnxruntime.InferenceSession(path).run(None, {"skeletons": windows})[0]
    np.testing.assert_allclose(OnnxModule(onnx.load(path))(torch.from_numpy(windows)).detach(), expected, atol=1e-4)
