"""RTMO as MMDeploy exports it, with its two outputs joined to one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from har_ros.errors import ModelError, one_line
from har_ros.graphs.onnx_file import load_onnx

VERSION = 1  # of the conversion; part of the cached file's name
PEOPLE = 64
"""Rows of the joined output; MMDeploy's configuration gives 50 people at most."""
JOINED = "har_ros/people"
NUMBERS = 5 + 3 * 17
"""Of one person: the box, its score, and x, y and confidence of the joints."""
_JOINTS = (17, 3)
_OLDEST = 11
"""The first operator set whose Pad takes its padding as an input; MMDeploy writes it."""


def convert(network: Path) -> bytes:
    """Return the network with one output, JOINED, N×PEOPLE×56: for each person the box, its score and the joints.

    network: an ONNX file with the outputs dets, N×P×5 (left, top, right, bottom, score), and keypoints, N×P×17×3.
    P varies from image to image; the rows behind the last person are zeros. Raises ModelError.
    """
    model = load_onnx(network)
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    if opset < _OLDEST:
        raise ModelError(f"{network} has ONNX operator set {opset}; export it again with {_OLDEST} or later")
    boxes, joints = _output(model, network, (5,)), _output(model, network, _JOINTS)
    constants = {
        "flat": [0, 0, int(np.prod(_JOINTS))],
        "padding": [0, 0, 0, 0, PEOPLE, 0],
        "start": [0],
        "end": [PEOPLE],
        "axis": [1],
    }
    names = {name: f"{JOINED}/{name}" for name in (*constants, "joints", "rows", "padded")}
    graph = model.graph
    graph.initializer.extend(numpy_helper.from_array(np.array(v, np.int64), names[k]) for k, v in constants.items())
    graph.node.extend(
        [
            helper.make_node("Reshape", [joints.name, names["flat"]], [names["joints"]]),
            helper.make_node("Concat", [boxes.name, names["joints"]], [names["rows"]], axis=2),
            helper.make_node("Pad", [names["rows"], names["padding"]], [names["padded"]]),
            helper.make_node("Slice", [names["padded"], *(names[k] for k in ("start", "end", "axis"))], [JOINED]),
        ]
    )
    kind = boxes.type.tensor_type.elem_type
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(JOINED, kind, ["batch", PEOPLE, NUMBERS]))
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # onnx's own kinds
        raise ModelError(f"{network} is not a valid ONNX network ({one_line(error)[:200]}); export it again") from None
    return bytes(model.SerializeToString())


def _output(model: onnx.ModelProto, network: Path, last: tuple[int, ...]) -> onnx.ValueInfoProto:
    """Return the output whose shape ends so, behind images and people. Raises ModelError when there is none."""
    value: onnx.ValueInfoProto
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim
        if len(dims) == 2 + len(last) and all(
            dim.dim_value in (0, size) for dim, size in zip(dims[2:], last, strict=True)
        ):
            return value
    found = ", ".join(f"{value.name} {_shape(value)}" for value in model.graph.output)
    raise ModelError(f"{network} gives {found}, where rtmo reads N×P×5 and N×P×17×3; check decode")


def _shape(value: onnx.ValueInfoProto) -> str:
    return "×".join(str(dim.dim_value or "?") for dim in value.type.tensor_type.shape.dim)
