"""MoveNet's converter on small graph models, against SciPy's correlation."""

import base64
import json

import numpy as np
import onnxruntime
import pytest
from scipy.signal import correlate

from har_ros.errors import ModelError
from har_ros.graphs.movenet import HEADS, PROBABILITIES, convert


def text(value):
    return base64.b64encode(value.encode()).decode()


def listed(*numbers):
    return {"list": {"i": [str(number) for number in numbers]}}


def graph_model(folder, kernel, padding, stride, explicit=(0, 0), depthwise=False, functions=("BiasAdd", "Relu6")):
    """Write a graph model of one convolution and six heads of one pixel, with float16 weights. Returns its weights."""
    random = np.random.default_rng(0)
    weights = {"kernel": random.normal(size=(kernel, kernel, 3, 1 if depthwise else 4)), "bias": random.normal(size=4)}
    weights["bias"] = weights["bias"][:3] if depthwise else weights["bias"]
    channels = 3 if depthwise else 4
    weights |= {f"{head}/w": random.normal(size=(1, 1, channels, outputs)) for head, outputs in HEADS.items()}
    weights = {name: values.astype(np.float16) for name, values in weights.items()}
    pads = listed(0, 0, *explicit, *explicit, 0, 0) if padding == "EXPLICIT" else {"list": {}}
    one = {"padding": {"s": text("VALID")}, "strides": listed(1, 1, 1, 1), "explicit_paddings": {"list": {}}}
    attributes = {"padding": {"s": text(padding)}, "strides": listed(1, stride, stride, 1), "explicit_paddings": pads}
    fused = {"fused_ops": {"list": {"s": [text(function) for function in functions]}}}
    operator = "FusedDepthwiseConv2dNative" if depthwise else "_FusedConv2D"
    nodes = [
        {"name": "scaled", "op": "Sub", "input": ["cast", "one"]},
        {"name": "trunk", "op": operator, "input": ["scaled", "kernel", "bias"], "attr": attributes | fused},
        *(
            {"name": f"a/{head}/conv2d/BiasAdd", "op": "_FusedConv2D", "input": ["trunk", f"{head}/w"], "attr": one}
            for head in HEADS
        ),
    ]
    entries = [
        {"name": name, "shape": values.shape, "dtype": "float32", "quantization": {"dtype": "float16"}}
        for name, values in weights.items()
    ]
    entries.append({"name": "one", "shape": [], "dtype": "int32"})
    content = b"".join(values.tobytes() for values in weights.values()) + np.int32(1).tobytes()
    (folder / "small.bin").write_bytes(content)
    manifest = [{"paths": ["small.bin"], "weights": entries}]
    path = folder / "small.json"
    path.write_text(json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": manifest}))
    return path, weights


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize(
    ("kernel", "padding", "stride", "explicit", "added"),
    [
        (3, "SAME", 1, (0, 0), (1, 1)),
        (3, "SAME", 2, (0, 0), (0, 1)),  # TensorFlow pads the end
        (5, "SAME", 2, (0, 0), (1, 2)),
        (3, "VALID", 1, (0, 0), (0, 0)),
        (3, "EXPLICIT", 2, (1, 0), (1, 0)),
    ],
)
def test_convolutions_are_tensorflow_s(tmp_path, kernel, padding, stride, explicit, added, depthwise):
    path, weights = graph_model(tmp_path, kernel, padding, stride, explicit, depthwise)
    session = onnxruntime.InferenceSession(convert(path))
    image = np.random.default_rng(1).normal(size=(16, 16, 3))
    padded = np.pad(image, (added, added, (0, 0)))
    given = [
        sum(
            correlate(padded[:, :, i], weights["kernel"][:, :, i, 0 if depthwise else output], "valid")
            for i in ([output] if depthwise else range(3))
        )
        for output in range(3 if depthwise else 4)
    ]
    trunk = np.clip(np.stack(given, axis=2)[::stride, ::stride] + weights["bias"], 0, 6)
    heads = [trunk @ weights[f"{head}/w"][0, 0].astype(np.float64) for head in HEADS]
    expected = [
        1 / (1 + np.exp(-values)) if name in PROBABILITIES else values
        for name, values in zip(HEADS, heads, strict=True)
    ]
    [found] = session.run(None, {"images": image.transpose(2, 0, 1)[None].astype(np.float32)})
    np.testing.assert_allclose(found[0], np.concatenate(expected, axis=2).transpose(2, 0, 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("{"),
        lambda path: path.write_text("{}"),
        lambda path: path.write_text(path.read_text().replace("_FusedConv2D", "MatMul")),
        lambda path: path.write_text(path.read_text().replace(text("Relu6"), text("Elu"))),
        lambda path: path.write_text(path.read_text().replace("kpt_offset_0", "offset")),
        lambda path: path.with_suffix(".bin").write_bytes(path.with_suffix(".bin").read_bytes()[:-3]),
        lambda path: path.with_suffix(".bin").write_bytes(path.with_suffix(".bin").read_bytes() * 2),
        lambda path: path.with_suffix(".bin").unlink(),
    ],
)
def test_what_is_not_movenet_is_refused(tmp_path, damage):
    path, _ = graph_model(tmp_path, 3, "SAME", 1)
    damage(path)
    with pytest.raises(ModelError, match=r"small\.json is not the graph model of MoveNet MultiPose .*; fetch it again"):
        convert(path)
