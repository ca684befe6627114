"""A network with all shapes known: what exporters compute from shapes becomes constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from har_ros.errors import ModelError, one_line


@dataclass(frozen=True)
class Folded:
    """A graph's nodes in order, without those that are constant. shapes, types: of every tensor, as far as known.

    types: ONNX's numbers of element types. batch: the input's first axis, as it was.
    """

    model: onnx.ModelProto
    nodes: tuple[onnx.NodeProto, ...]
    constants: dict[str, onnx.TensorProto]
    shapes: dict[str, tuple[int, ...]]
    types: dict[str, int]
    opset: int
    batch: int | str

    def constant(self, name: str) -> NDArray[Any]:
        """Return a constant's value."""
        return numpy_helper.to_array(self.constants[name])


def fold(model: onnx.ModelProto, input_blob: str, shape: Sequence[int]) -> Folded:
    """Fix the input's shape and fold what follows from it; the model itself stays as it is. Raises ModelError."""
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    model = folded
    taken = next(value for value in model.graph.input if value.name == input_blob)
    first = taken.type.tensor_type.shape.dim[0]
    batch: int | str = first.dim_value or "batch"
    taken.CopyFrom(helper.make_tensor_value_info(input_blob, taken.type.tensor_type.elem_type, shape))
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    while True:
        try:
            model = onnx.shape_inference.infer_shapes(model, data_prop=True)
            graph = model.graph
            shapes, types = _known([*graph.input, *graph.value_info, *graph.output], graph.initializer)
            found = _fold_once(model, shapes, opset)
        except Exception as error:  # a damaged network makes onnx raise nearly anything
            raise ModelError(f"it is not a valid ONNX network ({one_line(error)[:200]}); export it again") from None
        if not found:
            constants = {tensor.name: tensor for tensor in graph.initializer}
            return Folded(model, tuple(graph.node), constants, shapes, types, opset, batch)


def _known(
    values: Sequence[onnx.ValueInfoProto], initializers: Sequence[onnx.TensorProto]
) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    """Return the shapes and types that are known."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in initializers}
    types = {tensor.name: tensor.data_type for tensor in initializers}
    for value in values:
        tensor = value.type.tensor_type
        types[value.name] = tensor.elem_type
        if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim):
            shapes[value.name] = tuple(dim.dim_value for dim in tensor.shape.dim)
    return shapes, types


def _fold_once(model: onnx.ModelProto, shapes: dict[str, tuple[int, ...]], opset: int) -> bool:
    """Make constants of the nodes that depend on constants and known shapes only. Returns whether there were some."""
    graph, kept = model.graph, []
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Shape" and node.input[0] in shapes:
            values = [_shape(node, shapes[node.input[0]])]
        elif all(name in constants for name in node.input if name) and not _has_graph(node):
            values = _evaluate(node, constants, opset)
        else:
            kept.append(node)
            continue
        for name, value in zip(node.output, values, strict=True):
            constants[name] = value
            graph.initializer.append(numpy_helper.from_array(value, name))
    folded = len(kept) < len(graph.node)
    del graph.node[:]
    graph.node.extend(kept)
    return folded


def _shape(node: onnx.NodeProto, shape: tuple[int, ...]) -> NDArray[Any]:
    given = attributes(node)
    return np.array(shape[given.get("start", 0) : given.get("end")], np.int64)


def _evaluate(node: onnx.NodeProto, constants: dict[str, NDArray[Any]], opset: int) -> list[NDArray[Any]]:
    inputs = {name: constants[name] for name in node.input if name}
    taken = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in inputs.items()
    ]
    given = [helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in node.output]
    graph = helper.make_graph([node], "constant", taken, given)
    single = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return [np.asarray(value) for value in ReferenceEvaluator(single).run(None, inputs)]


def _has_graph(node: onnx.NodeProto) -> bool:
    kinds = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    return any(attribute.type in kinds for attribute in node.attribute)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return a node's attributes by name; lists for several values."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def set_attributes(node: onnx.NodeProto, **values: Any) -> None:
    """Replace attributes; None leaves one out."""
    kept = [attribute for attribute in node.attribute if attribute.name not in values]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.extend(helper.make_attribute(name, value) for name, value in values.items() if value is not None)
