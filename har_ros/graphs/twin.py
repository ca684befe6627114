"""Clip network → continual network: the same answers over an unbroken video, each frame computed once.

A clip network pads its frames with zeros at both ends. Its continual twin has no ends: it takes a few new frames (a
step), and every operator that sees several points in time keeps the newest of its inputs, its state, for the next step
(the arithmetic: har_ros.graphs.streaming). Where branches that lag differently meet, the one that is ahead is delayed.

Only an average may span all of time. Its columns become separate inputs of what follows, so that the network gives a
row of outputs for each; averaging them is left to the caller.

The idea: Hedegaard and Iosifidis, Continual 3D Convolutional Neural Networks, ECCV 2022.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import helper

from har_ros.errors import ModelError, one_line
from har_ros.graphs.builder import END, Layer, StateTensor, TimeAxis, TwinBuilder
from har_ros.graphs.fold import attributes, fold, set_attributes
from har_ros.graphs.streaming import Extent, explicit_pads, streaming

POINTWISE = [
    *("Abs", "Add", "Cast", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity"),
    *("LeakyRelu", "Log", "Max", "Min", "Mish", "Mul", "Neg", "Pow", "PRelu", "Reciprocal", "Relu", "Sigmoid"),
    *("Softplus", "Sqrt", "Sub", "Sum", "Tanh"),
]
"""Elementwise operators."""


@dataclass(frozen=True)
class Continual:
    """A continual network: its input takes any multiple of `stride` frames, its output has a row for each `stride`.

    output: name of the output. lag: how many rows later it comes than the clip network's. columns: how many of its rows
    the clip network averages.
    """

    model: onnx.ModelProto
    output: str
    stride: int
    lag: int
    columns: int
    layers: tuple[Layer, ...]

    @property
    def states(self) -> tuple[StateTensor, ...]:
        """All state tensors."""
        return tuple(layer.state for layer in self.layers if layer.state is not None)


def continual(model: onnx.ModelProto, input_blob: str, output_blob: str, shape: Sequence[int], axis: int) -> Continual:
    """Return the continual twin of a clip network; the model itself stays as it is.

    shape: of a batch of one clip, with time as the axis `axis`. Raises ModelError, which names what cannot be streamed.
    """
    folded = fold(model, input_blob, shape)
    try:
        return _Transformation(folded).run(input_blob, output_blob, axis)
    except ModelError:
        raise
    except Exception as error:  # of attributes that an operator should have, for one
        raise ModelError(f"it is not a valid ONNX network ({one_line(error)[:200]}); export it again") from None


Handler = Callable[["_Transformation", onnx.NodeProto], None]


class _Transformation(TwinBuilder):
    """Goes through the graph once; a handler for each operator that takes columns."""

    def run(self, taken: str, given: str, axis: int) -> Continual:
        """Transform the graph from the input `taken` to the output `given`."""
        self.time_axes[taken] = TimeAxis(axis, 1, 0)
        for original in self.folded.nodes:
            node = onnx.NodeProto()
            node.CopyFrom(original)
            if any(name in self.time_axes for name in node.input):
                _handler(node)(self, node)
            else:
                self._behind(node)
            self.nodes.append(node)
        if given in self.time_axes:
            if self.shape(given)[self.time_axes[given].axis] != 1:
                raise ModelError(f"its output {given!r} is for all points in time, not an average of them")
            given = self.closed(given)
        if given not in self.rows:
            raise ModelError(f"its output {given!r} does not come from its frames")
        end = self.rows[given]
        model = self.model(taken, given, axis)
        return Continual(model, given, end.stride, end.lag, self.columns, tuple(self.layers))

    def slide(self, node: onnx.NodeProto) -> None:
        """Conv and pooling: the state takes the place of the padding in time."""
        time, shape = self.time_axes[node.input[0]], self.shape(node.input[0])
        given, place = attributes(node), time.axis - 2
        if place < 0:
            raise _refusal(node, "takes time as channels")
        if len(node.output) > 1 or any(name in self.time_axes for name in node.input[1:]):
            raise _refusal(node, "gives or takes more than one tensor with frames")
        kernel = given.get("kernel_shape") or list(self.shape(node.input[1])[2:])
        strides, dilations = (given.get(name, [1] * len(kernel)) for name in ("strides", "dilations"))
        pads = explicit_pads(given, shape[2:], kernel, strides, dilations)
        extent = Extent(kernel[place], strides[place], dilations[place], pads[place])
        how = streaming(extent, time.lag)
        pads[place] = pads[place + len(kernel)] = 0
        set_attributes(node, pads=pads, auto_pad=None)
        output = TimeAxis(time.axis, time.stride * extent.stride, how.lag)
        name = node.input[0]
        if extent.kernel > 1:
            name = self.with_state(name, _called(node), node.op_type, how.state, output.lag * output.stride)
        trim = how.spare if given.get("ceil_mode") else 0  # else it makes no difference
        if how.skip or trim:
            name = self.slice(name, time.axis, how.skip, -trim or END)
        node.input[0] = name
        self.time_axes[node.output[0]] = output

    def join(self, node: onnx.NodeProto) -> None:
        """Elementwise arithmetic on one tensor, or on several, which are delayed to the same lag."""
        time_axes = self._inputs(node)
        ranks = {name: len(self.shape(name)) for name in node.input if name}
        rank = max(ranks.values())
        axes = {time.axis - ranks[name] for name, time in time_axes.items()}
        if len(axes) > 1 or len({time.stride for time in time_axes.values()}) > 1:
            raise _refusal(node, "joins frames at different rates")
        (axis,) = axes
        for name in ranks.keys() - time_axes.keys():
            if -axis <= ranks[name] and self.shape(name)[axis] != 1:
                raise _refusal(node, f"has a constant, {name!r}, that is not the same for all frames")
        lag = max(time.lag for time in time_axes.values())
        for i, name in enumerate(node.input):
            if name in time_axes:
                node.input[i] = self.delay(name, lag - time_axes[name].lag)
        stride = next(iter(time_axes.values())).stride
        self.time_axes[node.output[0]] = TimeAxis(rank + axis, stride, lag)

    def concat(self, node: onnx.NodeProto) -> None:
        """Concat of channels."""
        if self._inputs(node).keys() != set(node.input):
            raise _refusal(node, "joins frames with a constant")
        axis = self.time_axes[node.input[0]].axis
        if attributes(node)["axis"] % len(self.shape(node.input[0])) == axis:
            raise _refusal(node, "joins pieces of time")
        self.join(node)

    def each(self, node: onnx.NodeProto) -> None:
        """What takes parameters for each channel, or none, beside one tensor."""
        time = self.time_axes[node.input[0]]
        if node.op_type == "BatchNormalization" and time.axis == 1:
            raise _refusal(node, "takes time as channels")
        self.time_axes[node.output[0]] = time

    def multiply(self, node: onnx.NodeProto) -> None:
        """MatMul of each column with a constant."""
        time, rank = self.time_axes.get(node.input[0]), len(self.shape(node.input[0]))
        if time is None or time.axis == rank - 1 or len(self.shape(node.input[1])) > 2 or len(self._inputs(node)) > 1:
            raise _refusal(node, "mixes all of time")
        self.time_axes[node.output[0]] = time

    def transpose(self, node: onnx.NodeProto) -> None:
        """Time goes where the permutation puts it."""
        time, rank = self.time_axes[node.input[0]], len(self.shape(node.input[0]))
        order = attributes(node).get("perm", list(range(rank))[::-1])
        if order[0] != 0:
            raise _refusal(node, "moves the batch")
        self.time_axes[node.output[0]] = replace(time, axis=order.index(time.axis))

    def pad(self, node: onnx.NodeProto) -> None:
        """Columns before the first one shift all that follow; in a stream there is no first one."""
        time, given = self.time_axes[node.input[0]], attributes(node)
        rank = len(self.shape(node.input[0]))
        pads = list(given["pads"] if "pads" in given else self._value(node, 1))
        axes = [int(axis) % rank for axis in self._value(node, 3)] if len(node.input) > 3 else list(range(rank))
        before = 0
        if time.axis in axes:
            i = axes.index(time.axis)
            before, pads[i], pads[i + len(axes)] = int(pads[i]), 0, 0
        if "pads" in given:
            set_attributes(node, pads=pads)
        else:
            node.input[1] = self.constant(node.output[0] + "/pads", pads)
        self.time_axes[node.output[0]] = replace(time, lag=time.lag - before)

    def average(self, node: onnx.NodeProto) -> None:
        """An average over time ends the columns: each becomes an input of its own for what follows."""
        time, given = self.time_axes[node.input[0]], attributes(node)
        rank = len(self.shape(node.input[0]))
        axes = list(range(2, rank)) if node.op_type == "GlobalAveragePool" else given.get("axes")
        if axes is None:
            axes = self._value(node, 1) if len(node.input) > 1 else range(rank)
        axes = [int(axis) % rank for axis in axes]
        if time.axis in axes:
            self._close(node)
        elif given.get("keepdims", 1):
            self.time_axes[node.output[0]] = time
        else:
            before = sum(axis < time.axis for axis in axes)
            self.time_axes[node.output[0]] = replace(time, axis=time.axis - before)

    def reshape(self, node: onnx.NodeProto) -> None:
        """Reshape, Flatten, Squeeze and Unsqueeze leave time where it is, or merge the only column with other axes."""
        time = self.time_axes[node.input[0]]
        before, after = self.shape(node.input[0]), self.shape(node.output[0])
        size, columns = math.prod(before[: time.axis]), before[time.axis]
        places = [i for i in range(1, len(after)) if math.prod(after[:i]) == size and after[i] == columns]
        if places and after[0] == before[0]:
            target = [0, *after[1:]]
            target[places[0]] = -1
            node.CopyFrom(self._reshaped(node, target))
            self.time_axes[node.output[0]] = replace(time, axis=places[0])
        elif columns == 1:
            self._close(node)
        else:
            raise _refusal(node, "merges all of time with other axes")

    def _behind(self, node: onnx.NodeProto) -> None:
        """Copy a node that has no columns, but may have rows."""
        rows = {self.rows[name] for name in node.input if name in self.rows}
        if not rows:
            return
        if len(rows) > 1:
            raise _refusal(node, "joins averages over time that lag differently")
        self.rows.update(dict.fromkeys(node.output, rows.pop()))
        if node.op_type in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"):
            node.CopyFrom(self._reshaped(node, [-1, *self.shape(node.output[0])[1:]]))

    def _close(self, node: onnx.NodeProto) -> None:
        time = self.time_axes[node.input[0]]
        node.input[0] = self.closed(node.input[0])
        self.rows[node.output[0]] = time
        self._behind(node)

    def _reshaped(self, node: onnx.NodeProto, target: Sequence[int]) -> onnx.NodeProto:
        shape = self.constant(f"{node.output[0]}/shape", target)
        return helper.make_node("Reshape", [node.input[0], shape], list(node.output), node.name)

    def _inputs(self, node: onnx.NodeProto) -> dict[str, TimeAxis]:
        """Return the inputs with columns. Raises ModelError when others are rows."""
        if any(name in self.rows for name in node.input):
            raise _refusal(node, "joins frames with their average over time")
        return {name: self.time_axes[name] for name in node.input if name in self.time_axes}

    def _value(self, node: onnx.NodeProto, index: int) -> NDArray[Any]:
        if node.input[index] not in self.folded.constants:
            raise _refusal(node, f"has an input, {node.input[index]!r}, that is not constant")
        return self.folded.constant(node.input[index])


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(POINTWISE, _Transformation.join),
    **dict.fromkeys(("AveragePool", "Conv", "MaxPool"), _Transformation.slide),
    **dict.fromkeys(("BatchNormalization", "Dropout"), _Transformation.each),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _Transformation.reshape),
    **dict.fromkeys(("GlobalAveragePool", "ReduceMean"), _Transformation.average),
    "Concat": _Transformation.concat,
    "MatMul": _Transformation.multiply,
    "Pad": _Transformation.pad,
    "Transpose": _Transformation.transpose,
}
"""Operator → what becomes of it when it takes columns."""


def _handler(node: onnx.NodeProto) -> Handler:
    if node.op_type not in HANDLERS:
        raise _refusal(node, "may mix frames that are far apart")
    return HANDLERS[node.op_type]


def _called(node: onnx.NodeProto) -> str:
    return str(node.name or node.output[0])


def _refusal(node: onnx.NodeProto, why: str) -> ModelError:
    return ModelError(f"its {node.op_type} {_called(node)!r} {why}")
