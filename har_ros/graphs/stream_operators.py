"""ONNX operators in a continual network: what becomes of a node that takes columns, or rows.

Columns are what a tensor holds of points in time, rows what follows an average over them (see har_ros.graphs.twin).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import helper

from har_ros.errors import ModelError
from har_ros.graphs.builder import END, TimeAxis, TwinBuilder
from har_ros.graphs.fold import attributes, set_attributes
from har_ros.graphs.streaming import Extent, explicit_pads, streaming

POINTWISE = [
    *("Abs", "Add", "Cast", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity"),
    *("LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "PRelu", "Reciprocal", "Relu", "Sigmoid"),
    *("Softplus", "Sqrt", "Sub", "Sum", "Tanh"),
]
"""Elementwise operators."""

Handler = Callable[[TwinBuilder, onnx.NodeProto], None]


def _slide(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """Conv and pooling: the state takes the place of the padding in time."""
    time, shape = twin.time_axes[node.input[0]], twin.shape(node.input[0])
    given, place = attributes(node), time.axis - 2
    if place < 0:
        raise _refusal(node, "takes time as channels")
    if len(node.output) > 1 or any(name in twin.time_axes for name in node.input[1:]):
        raise _refusal(node, "gives or takes more than one tensor with frames")
    kernel = given.get("kernel_shape") or list(twin.shape(node.input[1])[2:])
    strides, dilations = (given.get(name, [1] * len(kernel)) for name in ("strides", "dilations"))
    pads = explicit_pads(given, shape[2:], kernel, strides, dilations)
    extent = Extent(kernel[place], strides[place], dilations[place], pads[place])
    how = streaming(extent, time.lag)
    pads[place] = pads[place + len(kernel)] = 0
    set_attributes(node, pads=pads, auto_pad=None)
    output = TimeAxis(time.axis, time.stride * extent.stride, how.lag)
    name = node.input[0]
    if extent.kernel > 1:
        name = twin.with_state(name, _called(node), node.op_type, how.state, output.lag * output.stride)
    trim = how.spare if given.get("ceil_mode") else 0  # else it makes no difference
    if how.skip or trim:
        name = twin.slice(name, time.axis, how.skip, -trim or END)
    node.input[0] = name
    twin.time_axes[node.output[0]] = output


def _join(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """Elementwise arithmetic on one tensor, or on several, which are delayed to the same lag."""
    time_axes = _inputs(twin, node)
    ranks = {name: len(twin.shape(name)) for name in node.input if name}
    rank = max(ranks.values())
    axes = {time.axis - ranks[name] for name, time in time_axes.items()}
    if len(axes) > 1 or len({time.stride for time in time_axes.values()}) > 1:
        raise _refusal(node, "joins frames at different rates")
    (axis,) = axes
    for name in ranks.keys() - time_axes.keys():
        if -axis <= ranks[name] and twin.shape(name)[axis] != 1:
            raise _refusal(node, f"has a constant, {name!r}, that is not the same for all frames")
    lag = max(time.lag for time in time_axes.values())
    for i, name in enumerate(node.input):
        if name in time_axes:
            node.input[i] = twin.delay(name, lag - time_axes[name].lag)
    stride = next(iter(time_axes.values())).stride
    twin.time_axes[node.output[0]] = TimeAxis(rank + axis, stride, lag)


def _concat(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """Concat of channels."""
    if _inputs(twin, node).keys() != set(node.input):
        raise _refusal(node, "joins frames with a constant")
    axis = twin.time_axes[node.input[0]].axis
    if attributes(node)["axis"] % len(twin.shape(node.input[0])) == axis:
        raise _refusal(node, "joins pieces of time")
    _join(twin, node)


def _each(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """What takes parameters for each channel, or none, beside one tensor."""
    time = twin.time_axes[node.input[0]]
    if node.op_type == "BatchNormalization" and time.axis == 1:
        raise _refusal(node, "takes time as channels")
    twin.time_axes[node.output[0]] = time


def _multiply(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """MatMul of each column with a constant."""
    time, rank = twin.time_axes.get(node.input[0]), len(twin.shape(node.input[0]))
    if time is None or time.axis == rank - 1 or len(twin.shape(node.input[1])) > 2 or len(_inputs(twin, node)) > 1:
        raise _refusal(node, "mixes all of time")
    twin.time_axes[node.output[0]] = time


def _transpose(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """Time goes where the permutation puts it."""
    time, rank = twin.time_axes[node.input[0]], len(twin.shape(node.input[0]))
    order = attributes(node).get("perm", list(range(rank))[::-1])
    if order[0] != 0:
        raise _refusal(node, "moves the batch")
    twin.time_axes[node.output[0]] = replace(time, axis=order.index(time.axis))


def _pad(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """Columns before the first one shift all that follow; in a stream there is no first one."""
    time, given = twin.time_axes[node.input[0]], attributes(node)
    rank = len(twin.shape(node.input[0]))
    pads = list(given["pads"] if "pads" in given else _value(twin, node, 1))
    axes = [int(axis) % rank for axis in _value(twin, node, 3)] if len(node.input) > 3 else list(range(rank))
    before = 0
    if time.axis in axes:
        i = axes.index(time.axis)
        before, pads[i], pads[i + len(axes)] = int(pads[i]), 0, 0
    if "pads" in given:
        set_attributes(node, pads=pads)
    else:
        node.input[1] = twin.constant(node.output[0] + "/pads", pads)
    twin.time_axes[node.output[0]] = replace(time, lag=time.lag - before)


def _average(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """An average over time ends the columns: each becomes an input of its own for what follows."""
    time, given = twin.time_axes[node.input[0]], attributes(node)
    rank = len(twin.shape(node.input[0]))
    axes = list(range(2, rank)) if node.op_type == "GlobalAveragePool" else given.get("axes")
    if axes is None:
        axes = _value(twin, node, 1) if len(node.input) > 1 else range(rank)
    axes = [int(axis) % rank for axis in axes]
    if time.axis in axes:
        _close(twin, node)
    elif given.get("keepdims", 1):
        twin.time_axes[node.output[0]] = time
    else:
        before = sum(axis < time.axis for axis in axes)
        twin.time_axes[node.output[0]] = replace(time, axis=time.axis - before)


def _reshape(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """Reshape, Flatten, Squeeze and Unsqueeze leave time where it is, or merge the only column with other axes."""
    time = twin.time_axes[node.input[0]]
    before, after = twin.shape(node.input[0]), twin.shape(node.output[0])
    size, columns = math.prod(before[: time.axis]), before[time.axis]
    places = [i for i in range(1, len(after)) if math.prod(after[:i]) == size and after[i] == columns]
    if places and after[0] == before[0]:
        target = [0, *after[1:]]
        target[places[0]] = -1
        node.CopyFrom(_reshaped(twin, node, target))
        twin.time_axes[node.output[0]] = replace(time, axis=places[0])
    elif columns == 1:
        _close(twin, node)
    else:
        raise _refusal(node, "merges all of time with other axes")


def follow_rows(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    """Copy a node that has no columns, but may have rows."""
    rows = {twin.rows[name] for name in node.input if name in twin.rows}
    if not rows:
        return
    if len(rows) > 1:
        raise _refusal(node, "joins averages over time that lag differently")
    twin.rows.update(dict.fromkeys(node.output, rows.pop()))
    if node.op_type in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"):
        node.CopyFrom(_reshaped(twin, node, [-1, *twin.shape(node.output[0])[1:]]))


def _close(twin: TwinBuilder, node: onnx.NodeProto) -> None:
    time = twin.time_axes[node.input[0]]
    node.input[0] = twin.closed(node.input[0])
    twin.rows[node.output[0]] = time
    follow_rows(twin, node)


def _reshaped(twin: TwinBuilder, node: onnx.NodeProto, target: Sequence[int]) -> onnx.NodeProto:
    shape = twin.constant(f"{node.output[0]}/shape", target)
    return helper.make_node("Reshape", [node.input[0], shape], list(node.output), node.name)


def _inputs(twin: TwinBuilder, node: onnx.NodeProto) -> dict[str, TimeAxis]:
    """Return the inputs with columns. Raises ModelError when others are rows."""
    if any(name in twin.rows for name in node.input):
        raise _refusal(node, "joins frames with their average over time")
    return {name: twin.time_axes[name] for name in node.input if name in twin.time_axes}


def _value(twin: TwinBuilder, node: onnx.NodeProto, index: int) -> NDArray[Any]:
    if node.input[index] not in twin.folded.constants:
        raise _refusal(node, f"has an input, {node.input[index]!r}, that is not constant")
    return twin.folded.constant(node.input[index])


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(POINTWISE, _join),
    **dict.fromkeys(("AveragePool", "Conv", "MaxPool"), _slide),
    **dict.fromkeys(("BatchNormalization", "Dropout"), _each),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(("GlobalAveragePool", "ReduceMean"), _average),
    "Concat": _concat,
    "MatMul": _multiply,
    "Pad": _pad,
    "Transpose": _transpose,
}
"""Operator → what becomes of it when it takes columns."""


def handler(node: onnx.NodeProto) -> Handler:
    """Return what becomes of a node that takes columns. Raises ModelError when it cannot be streamed."""
    if node.op_type not in HANDLERS:
        raise _refusal(node, "may mix frames that are far apart")
    return HANDLERS[node.op_type]


def _called(node: onnx.NodeProto) -> str:
    return str(node.name or node.output[0])


def _refusal(node: onnx.NodeProto, why: str) -> ModelError:
    return ModelError(f"its {node.op_type} {_called(node)!r} {why}")
