"""Real networks, small ones, with random or plain weights, and their cards."""

from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import tflite
import yaml
from onnx import TensorProto, helper, numpy_helper

INPUT = {
    "layout": "NTHWC",
    "height": 8,
    "width": 8,
    "resize": {"interpolation": "linear"},
    "colour": "rgb",
    "range": [0, 255],
}


def save_onnx(path, nodes, inputs, outputs, constants, opset=18):
    """inputs, outputs: name → (type, shape). constants: name → array."""
    values = [
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in tensors.items()]
        for tensors in (inputs, outputs)
    ]
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, path.stem, *values, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def linear_network(path, shape, outputs=5, batch="batch", seed=0, names=("frames", "logits"), opset=18):
    """Every output is a different mean of all inputs, so that each place and colour counts. Returns its weights."""
    size = int(np.prod(shape))
    weights = np.random.default_rng(seed).normal(size=(size, outputs), scale=size**-0.5).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", [names[0]], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], [names[1]]),
    ]
    inputs = {names[0]: (TensorProto.FLOAT, [batch, *shape])}
    save_onnx(path, nodes, inputs, {names[1]: (TensorProto.FLOAT, [batch, outputs])}, {"weights": weights}, opset)
    return weights


def convolutional_network(path, frames=8, size=16, classes=5, seed=0):
    """As a clip network from elsewhere: N×C×T×H×W, 3-D convolutions, pooling, a last layer."""
    rng = np.random.default_rng(seed)
    first = (rng.normal(size=(8, 3, 3, 3, 3)) / 9).astype(np.float32)
    last = rng.normal(size=(8, classes)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["0", "first"], ["a"], kernel_shape=[3, 3, 3], pads=[1] * 6, strides=[1, 2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"], axis=1),
        helper.make_node("MatMul", ["e", "last"], ["198"]),
    ]
    inputs = {"0": (TensorProto.FLOAT, ["n", 3, frames, size, size])}
    return save_onnx(path, nodes, inputs, {"198": (TensorProto.FLOAT, ["n", classes])}, {"first": first, "last": last})


def tflite_linear(path, shape, outputs=5):
    """Write the same as TensorFlow Lite, a fully connected layer. Returns its weights."""
    size = int(np.prod(shape))
    weights = np.random.default_rng(2).normal(size=(size, outputs), scale=size**-0.5).astype(np.float32)
    builder = flatbuffers.Builder(1 << 16)

    def vector(start, items, prepend):
        start(builder, len(items))
        for item in reversed(items):
            prepend(item)
        return builder.EndVector()

    def tensor(name, shape, buffer):
        text = builder.CreateString(name)
        sizes = vector(tflite.TensorStartShapeVector, shape, builder.PrependInt32)
        tflite.TensorStart(builder)
        tflite.TensorAddName(builder, text)
        tflite.TensorAddShape(builder, sizes)
        tflite.TensorAddType(builder, tflite.TensorType.FLOAT32)
        tflite.TensorAddBuffer(builder, buffer)
        return tflite.TensorEnd(builder)

    constant = builder.CreateNumpyVector(np.frombuffer(np.ascontiguousarray(weights.T).tobytes(), np.uint8))
    buffers = []
    for data in (None, constant):
        tflite.BufferStart(builder)
        if data is not None:
            tflite.BufferAddData(builder, data)
        buffers.append(tflite.BufferEnd(builder))
    tensors = [
        tensor("frames", [1, *shape], 0),
        tensor("weights", [outputs, size], 1),
        tensor("logits", [1, outputs], 0),
    ]
    tensors = vector(tflite.SubGraphStartTensorsVector, tensors, builder.PrependUOffsetTRelative)
    tflite.FullyConnectedOptionsStart(builder)
    options = tflite.FullyConnectedOptionsEnd(builder)
    taken = vector(tflite.OperatorStartInputsVector, [0, 1], builder.PrependInt32)
    given = vector(tflite.OperatorStartOutputsVector, [2], builder.PrependInt32)
    tflite.OperatorStart(builder)
    tflite.OperatorAddInputs(builder, taken)
    tflite.OperatorAddOutputs(builder, given)
    tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.FullyConnectedOptions)
    tflite.OperatorAddBuiltinOptions(builder, options)
    operators = [tflite.OperatorEnd(builder)]
    operators = vector(tflite.SubGraphStartOperatorsVector, operators, builder.PrependUOffsetTRelative)
    first, last = (vector(tflite.SubGraphStartInputsVector, [i], builder.PrependInt32) for i in (0, 2))
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    tflite.SubGraphAddInputs(builder, first)
    tflite.SubGraphAddOutputs(builder, last)
    tflite.SubGraphAddOperators(builder, operators)
    graphs = vector(tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)], builder.PrependUOffsetTRelative)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, tflite.BuiltinOperator.FULLY_CONNECTED)
    tflite.OperatorCodeAddBuiltinCode(builder, tflite.BuiltinOperator.FULLY_CONNECTED)
    codes = [tflite.OperatorCodeEnd(builder)]
    codes = vector(tflite.ModelStartOperatorCodesVector, codes, builder.PrependUOffsetTRelative)
    buffers = vector(tflite.ModelStartBuffersVector, buffers, builder.PrependUOffsetTRelative)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, buffers)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return weights


def write_card(folder, name="small", **fields):
    """Write a card; None leaves a field out, a mapping is merged into the default one."""
    card = {
        "name": name,
        "kind": "clip",
        "description": "for tests",
        "licence": "Apache-2.0",
        "network": {"file": f"{name}.onnx"},
        "input": INPUT,
        "window": {"frames": 4},
        "outputs": "logits",
        "labels": [f"class {i}" for i in range(5)],
    }
    for field, value in fields.items():
        merged = {**card[field], **value} if isinstance(value, dict) and field in card else value
        card[field] = merged
    path = Path(folder) / f"{name}.yaml"
    path.write_text(yaml.safe_dump({field: value for field, value in card.items() if value is not None}))
    return path


def brightness(folder, frames=4, size=8):
    """A network whose class k scores the mean brightness (0…255, a tenth of it) of frame k."""
    nodes = [
        helper.make_node("Cast", ["frames"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "tenth"], ["logits"]),
    ]
    save_onnx(
        Path(folder, "brightness.onnx"),
        nodes,
        {"frames": (TensorProto.UINT8, ["clips", "time", size, size, 3])},
        {"logits": (TensorProto.FLOAT, ["clips", "time"])},
        {"axes": np.array([2, 3, 4]), "tenth": np.array(0.1, np.float32)},
    )
    Path(folder, "labels.txt").write_text("first\nsecond\nthird\nfourth\n")
    window = {"frames": frames, "minimum_frames": frames, "multiple_of": frames}
    return write_card(folder, "brightness", window=window, labels="labels.txt")


def encoder_decoder(folder, frames=4, width=6, classes=5):
    """A linear encoder of 8×8 BGR frames and a linear decoder. Returns card and the two weights."""
    folder = Path(folder)
    encoder = linear_network(folder / "encoder.onnx", (3, 8, 8), width, names=("0", "embedding"))
    decoder = linear_network(folder / "decoder.onnx", (frames, width), classes, seed=1, names=("0", "scores"))
    card = write_card(
        folder,
        "pair",
        kind="encoder-decoder",
        network=None,
        encoder={"file": "encoder.onnx"},
        decoder={"file": "decoder.onnx"},
        input={"layout": "NCHW", "colour": "bgr", "range": [0, 1]},
        window={"frames": frames},
    )
    return card, encoder, decoder
