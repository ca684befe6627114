"""MoveNet MultiPose, from its TensorFlow.js graph model to ONNX.

The trunk of the published graph (a MobileNetV2 with a feature pyramid, and six heads), which takes any size that is a
multiple of 32. What the graph does behind the heads, for six people at most, is persons.decode's.
tfhub.dev/google/movenet/multipose/lightning/1, Apache-2.0.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from har_ros.errors import ModelError, one_line
from har_ros.graphs.onnx_file import converted

VERSION = 1  # of the conversion; part of the cached file's name
STRIDE = 4
"""Pixels of the input for one cell of the heads."""
HEADS = {
    "center_0": 1,
    "box_scale_0": 2,
    "box_offset_0": 2,
    "kpt_heatmap_0": 17,
    "kpt_regress_0": 34,
    "kpt_offset_0": 34,
}
"""The heads, and how many channels each has, in the order in which they are joined."""
PROBABILITIES = ("center_0", "kpt_heatmap_0")
"""Heads that give logits, to which the graph applies a sigmoid."""
_TYPES: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "int32": np.dtype("<i4"),
    "uint8": np.dtype("u1"),
}


def convert(model: Path) -> bytes:
    """Return the network as a serialised ONNX model; any number of images, heights and widths in multiples of 32.

    model: the JSON file of a graph model, with its weights beside it. Input "images": float32 RGB in [-1, 1],
    N×3×H×W. Output "heads": float32, N×90×H/4×W/4, the channels of HEADS one after the other.
    Raises ModelError when the files are not MoveNet's.
    """
    try:
        content = json.loads(model.read_text())
        graph = _Graph(content["modelTopology"]["node"], _weights(model, content["weightsManifest"]))
        return graph.serialised()
    except (ValueError, KeyError, TypeError, IndexError, OSError, onnx.checker.ValidationError) as error:
        raise ModelError(
            f"{model} is not the graph model of MoveNet MultiPose ({type(error).__name__}: {one_line(error)[:200]}); "
            "fetch it again"
        ) from None


def _weights(model: Path, manifest: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Return the constants by name; a file has them one after the other, in the order of the manifest."""
    constants: dict[str, NDArray[Any]] = {}
    for group in manifest:
        content = b"".join((model.parent / Path(name).name).read_bytes() for name in group["paths"])
        offset = 0
        for entry in group["weights"]:
            stored: np.dtype[Any] = _TYPES[entry.get("quantization", entry)["dtype"]]
            count = int(np.prod(entry["shape"], dtype=np.int64))
            values = np.frombuffer(content, stored, count, offset)
            offset += values.nbytes
            constants[entry["name"]] = values.reshape(entry["shape"]).astype(_TYPES[entry["dtype"]])
        if offset != len(content):
            raise ValueError(f"{', '.join(group['paths'])} has {len(content)} bytes, {offset} expected")
    return constants


class _Graph:
    """An ONNX graph in the making, N×C×H×W, from the nodes that the heads need."""

    def __init__(self, nodes: list[dict[str, Any]], constants: Mapping[str, NDArray[Any]]) -> None:
        self._sources = {node["name"]: node for node in nodes}
        self._constants = constants
        self._made: dict[str, str] = {}  # a source's name → its tensor here
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}

    def serialised(self) -> bytes:
        heads = [self._head(name) for name in HEADS]
        self._add("Concat", heads, "heads", axis=1)
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])
        given = helper.make_tensor_value_info("heads", TensorProto.FLOAT, ["batch", sum(HEADS.values()), None, None])
        graph = helper.make_graph(self._nodes, "movenet", [images], [given], list(self._initializers.values()))
        return converted(graph)

    def _head(self, name: str) -> str:
        last = [source for source in self._sources if f"/{name}/conv2d" in source and source.endswith("/BiasAdd")]
        logits = self._tensor(last[-1])
        return self._add("Sigmoid", [logits], f"{name}/sigmoid") if name in PROBABILITIES else logits

    def _tensor(self, name: str) -> str:
        """Return the tensor of a source, which is made the first time, with all that it needs."""
        if name not in self._made:
            self._made[name] = self._node(self._sources[name])
        return self._made[name]

    def _node(self, source: dict[str, Any]) -> str:
        name, operator, inputs = source["name"], source["op"], source["input"]
        if operator == "Sub" and inputs[1] in self._constants:  # x - 1: the input as it is scaled
            return "images"
        if operator == "AddV2":
            return self._add("Add", [self._tensor(one) for one in inputs], name)
        if operator == "ResizeBilinear":
            return self._doubled(source)
        if operator in ("_FusedConv2D", "FusedDepthwiseConv2dNative", "DepthwiseConv2dNative"):
            return self._convolution(source)
        raise ValueError(f"{name} is {operator}, which is not in MoveNet")

    def _convolution(self, source: dict[str, Any]) -> str:
        name, (given, kernel, *bias) = source["name"], source["input"]
        weights = self._constants[kernel]  # height, width, inputs, outputs; depthwise: one output for each input
        depthwise = "Depthwise" in source["op"]
        order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
        stride = _numbers(source, "strides")[1]
        tensor = self._add(
            "Conv",
            [
                self._tensor(given),
                self._constant(kernel, weights.transpose(order)),
                *(self._constant(one, self._constants[one]) for one in bias),
            ],
            name,
            kernel_shape=weights.shape[:2],
            strides=[stride, stride],
            pads=_pads(source, weights.shape[0], stride),
            group=weights.shape[2] if depthwise else 1,
        )
        for function in _texts(source, "fused_ops"):
            if function == "Relu6":
                limits = [self._constant(text, np.float32(text)) for text in ("0", "6")]
                tensor = self._add("Clip", [tensor, *limits], f"{tensor}/relu6")
            elif function == "Relu":
                tensor = self._add("Relu", [tensor], f"{tensor}/relu")
            elif function != "BiasAdd":
                raise ValueError(f"{name} has {function}, which is not in MoveNet")
        return tensor

    def _doubled(self, source: dict[str, Any]) -> str:
        """Enlarge to twice the size: all of MoveNet's resizing is that."""
        if not source["attr"]["half_pixel_centers"]["b"]:
            raise ValueError(f"{source['name']} does not resize by half-pixel centres")
        scales = self._constant("twice", np.array([1, 1, 2, 2], np.float32))
        inputs = [self._tensor(source["input"][0]), "", scales]
        mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self._add("Resize", inputs, source["name"], **mode)

    def _constant(self, name: str, value: NDArray[Any] | np.float32) -> str:
        self._initializers.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def _pads(source: dict[str, Any], kernel: int, stride: int) -> list[int]:
    """Return the padding, begins then ends. SAME is TensorFlow's, for sizes that the stride divides."""
    padding = base64.b64decode(source["attr"]["padding"]["s"]).decode()
    if padding == "EXPLICIT":  # before and after, of batch, height, width and channels
        top, bottom, left, right = _numbers(source, "explicit_paddings")[2:6]
        return [top, left, bottom, right]
    total = kernel - stride if padding == "SAME" and kernel > stride else 0
    return [total // 2] * 2 + [total - total // 2] * 2


def _numbers(source: dict[str, Any], attribute: str) -> list[int]:
    return [int(number) for number in source["attr"][attribute]["list"]["i"]]


def _texts(source: dict[str, Any], attribute: str) -> list[str]:
    listed = source["attr"].get(attribute, {}).get("list", {})
    return [base64.b64decode(text).decode() for text in listed.get("s", [])]
