"""Real networks, small ones, with random or plain weights, and their cards."""

from pathlib import Path

import numpy as np
import onnx
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


def linear_network(path, shape, outputs=5, batch="batch", seed=0, names=("frames", "logits"), opset=18, change=None):
    """Every output is a different mean of all inputs, so that each place and colour counts. Returns its weights.

    change: a function of the random weights.
    """
    size = int(np.prod(shape))
    weights = np.random.default_rng(seed).normal(size=(size, outputs), scale=size**-0.5).astype(np.float32)
    weights = change(weights) if change else weights
    nodes = [
        helper.make_node("Flatten", [names[0]], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "weights"], [names[1]]),
    ]
    inputs = {names[0]: (TensorProto.FLOAT, [batch, *shape])}
    save_onnx(path, nodes, inputs, {names[1]: (TensorProto.FLOAT, [batch, outputs])}, {"weights": weights}, opset)
    return weights


def convolutional_network(path, frames=8, size=16, classes=5, seed=0):
    """As a clip network from elsewhere: N×C×T×H×W, 3-D convolutions, a needless cast, pooling, a last layer."""
    rng = np.random.default_rng(seed)
    first = (rng.normal(size=(8, 3, 3, 3, 3)) / 9).astype(np.float32)
    last = rng.normal(size=(8, classes)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["0", "first"], ["a"], kernel_shape=[3, 3, 3], pads=[1] * 6, strides=[1, 2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Cast", ["b"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("MaxPool", ["cast"], ["c"], kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"], axis=1),
        helper.make_node("MatMul", ["e", "last"], ["198"]),
    ]
    inputs = {"0": (TensorProto.FLOAT, ["n", 3, frames, size, size])}
    return save_onnx(path, nodes, inputs, {"198": (TensorProto.FLOAT, ["n", classes])}, {"first": first, "last": last})


def rtmo_network(path, joints=17, opset=11):
    """As RTMO is exported: each value above 0 is a person, and is added to the place of each of its numbers."""
    boxes = np.arange(5, dtype=np.float32).reshape(1, 5) / 10
    skeleton = np.arange(joints * 3, dtype=np.float32).reshape(1, joints * 3)
    skeleton[:, 2::3] = 0.1  # confidence
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"], axis=1),
        helper.make_node("Greater", ["flat", "zero"], ["is"]),
        helper.make_node("Squeeze", ["is"], ["is_flat"], axes=[0]),
        helper.make_node("Compress", ["flat", "is_flat"], ["seen"], axis=1),
        helper.make_node("Unsqueeze", ["seen"], ["people"], axes=[2]),
        helper.make_node("Add", ["people", "boxes"], ["dets"]),
        helper.make_node("Add", ["people", "skeleton"], ["joints"]),
        helper.make_node("Reshape", ["joints", "shape"], ["keypoints"]),
    ]
    constants = {"zero": np.float32(0), "boxes": boxes, "skeleton": skeleton, "shape": np.array([0, 0, joints, 3])}
    given = {"dets": (TensorProto.FLOAT, [1, "p", 5]), "keypoints": (TensorProto.FLOAT, [1, "p", joints, 3])}
    return save_onnx(path, nodes, {"input": (TensorProto.FLOAT, [1, 3, 64, 64])}, given, constants, opset)


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


PERSON = (32.0, 30.0, 20.0, 40.0)
"""Middle x and y, width and height of whom the network of `one_person` finds, in 64×64 pixels."""


def joints_of(person):
    """Return x, y and confidence of a person's joints: in a line down the middle of the box."""
    return [(person[0], person[1] - 18 + 2 * joint, 0.5) for joint in range(17)]


def one_person(folder, brightest=0.95, others=()):
    """Write the card of a YOLO-pose network that finds one person, whose score is the image's mean brightness (0…1).

    others: more people, whose score is 0.2 lower. Brighter than `brightest` it gives NaN.
    """
    people, scores, lower = (np.zeros((1, 56, 4), np.float32) for _ in range(3))
    for place, person in enumerate((PERSON, *others)):
        people[0, :, place] = [*person, 0, *np.ravel(joints_of(person))]
        (lower if place else scores)[0, 4, place] = 1
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["brightest", "mean"], ["left"]),
        helper.make_node("Sqrt", ["left"], ["root"]),
        helper.make_node("Mul", ["root", "zero"], ["nothing"]),  # or NaN
        helper.make_node("Add", ["mean", "nothing"], ["score"]),
        helper.make_node("Mul", ["scores", "score"], ["scored"]),
        helper.make_node("Add", ["people", "scored"], ["one"]),
        helper.make_node("Sub", ["score", "fifth"], ["difference"]),
        helper.make_node("Relu", ["difference"], ["less"]),
        helper.make_node("Mul", ["lower", "less"], ["scored_lower"]),
        helper.make_node("Add", ["one", "scored_lower"], ["output"]),
    ]
    constants = {"people": people, "scores": scores, "lower": lower}
    constants |= {"brightest": np.float32(brightest), "zero": np.float32(0), "fifth": np.float32(0.2)}
    inputs = {"images": (TensorProto.FLOAT, [1, 3, 64, 64])}
    save_onnx(folder / "person.onnx", nodes, inputs, {"output": (TensorProto.FLOAT, people.shape)}, constants)
    card = {
        "name": "person",
        "kind": "pose",
        "description": "finds one person",
        "licence": "none",
        "input": {**INPUT, "layout": "NCHW", "height": 64, "width": 64, "range": [0, 1]},
        "decode": "yolo-pose",
        "network": {"file": "person.onnx"},
    }
    (folder / "person.yaml").write_text(yaml.safe_dump(card))
    return folder / "person.yaml"
