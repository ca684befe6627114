"""Cuts a network before its last layer and replaces that layer: the graphs of embeddings and of taught networks."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.utils import Extractor

from har_ros.errors import ModelError, one_line
from har_ros.graphs.rejection import LINEAR, Rejection

EMBEDDING, LOGITS = "embedding", "taught_logits"


def taught_network(
    embedding: onnx.ModelProto,
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    rejection: Rejection | None = None,
) -> bytes:
    """Return the network of an embedding followed by a linear layer: LOGITS, N×classes.

    weights: D×classes. bias: one for each class. rejection: of what is unlike all that was taught.
    """
    model = onnx.ModelProto()
    model.CopyFrom(embedding)
    linear = LOGITS if rejection is None else LOGITS + LINEAR
    head = helper.make_node("Gemm", [EMBEDDING, "taught/weights", "taught/bias"], [linear], name="taught/head")
    model.graph.node.append(head)
    constants = {"taught/weights": weights, "taught/bias": bias}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["batch", len(bias)]))
    if rejection is not None:
        opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        rejection.add_to(model.graph, EMBEDDING, linear, LOGITS, opset)
    _check(model)
    return bytes(model.SerializeToString())


def cut_before_the_end(model: onnx.ModelProto, tensor: str) -> onnx.ModelProto:
    """Return what leads to the tensor, averaged over all axes after the second. Raises ModelError."""
    if not any(tensor in node.output for node in model.graph.node):
        raise ModelError(f"the network has no tensor {tensor!r}; fix network.embedding in its card")
    model, tensor = _without_our_names(model, tensor)
    inferred = onnx.shape_inference.infer_shapes(model)
    shape = _shape(inferred.graph, tensor)
    try:
        cut = Extractor(inferred).extract_model([], [tensor])
    except (ValueError, AssertionError) as error:
        raise _cannot_be_cut(error) from None
    graph = cut.graph
    used = {name for node in graph.node for name in node.input}
    graph.input.extend(value for value in model.graph.input if value.name in used)
    if len(shape) > 2:
        graph.node.append(helper.make_node("GlobalAveragePool", [tensor], [f"{EMBEDDING}/mean"]))
        graph.node.append(helper.make_node("Flatten", [f"{EMBEDDING}/mean"], [EMBEDDING], axis=1))
    else:
        graph.node.append(helper.make_node("Identity", [tensor], [EMBEDDING]))
    graph.output[0].CopyFrom(helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", shape[1]]))
    graph.name, cut.producer_name = model.graph.name or "embedding", "har_ros"
    del graph.value_info[:]  # as inferred for this one, and of no use to a backend
    _check(cut)
    return cut


def _without_our_names(model: onnx.ModelProto, tensor: str) -> tuple[onnx.ModelProto, str]:
    """Return the model and the tensor's name, changed where the network has a tensor called EMBEDDING of its own."""
    taken = {name for node in model.graph.node for name in node.output}
    if EMBEDDING not in taken:
        return model, tensor
    renamed = onnx.ModelProto()
    renamed.CopyFrom(model)
    own = f"{EMBEDDING}/own"
    while own in taken:  # of a network that was cut and taught before
        own += "/own"
    for node in renamed.graph.node:
        for names in (node.input, node.output):
            names[:] = [own if name == EMBEDDING else name for name in names]
    for value in (*renamed.graph.output, *renamed.graph.value_info):
        value.name = own if value.name == EMBEDDING else value.name
    return renamed, own if tensor == EMBEDDING else tensor


def _shape(inferred: onnx.GraphProto, tensor: str) -> list[int | None]:
    """Return the tensor's sizes, None where they vary. Raises ModelError when it is no embedding."""
    values = [*inferred.value_info, *inferred.output]
    found = next((value.type.tensor_type for value in values if value.name == tensor), None)
    shape = [dim.dim_value or None for dim in found.shape.dim] if found is not None else []
    if found is None or len(shape) < 2 or shape[1] is None or found.elem_type != TensorProto.FLOAT:
        text = "×".join("?" if size is None else str(size) for size in shape) or "of unknown shape"
        raise ModelError(f"the tensor {tensor!r} is {text}, where float32 N×D or N×D×… is needed; name another one")
    return shape


def _check(model: onnx.ModelProto) -> None:
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # onnx' own kinds
        raise _cannot_be_cut(error) from None


def _cannot_be_cut(error: Exception) -> ModelError:
    return ModelError(f"the network cannot be cut ({one_line(error)[:200]}); name another embedding")
