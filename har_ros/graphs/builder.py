"""Builds the graph of a continual network: states, delays, and the rows after an average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from har_ros.errors import ModelError
from har_ros.graphs.fold import Folded

END = np.iinfo(np.int64).max
"""Slice's end when it takes all."""


@dataclass(frozen=True)
class StateTensor:
    """A state tensor: zeros at first, then the output of the previous step.

    shape: without the batch. dtype: numpy's name.
    """

    input: str
    output: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Bytes for each stream."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Layer:
    """An operator that sees several points in time, or a delay. lag: of its output, in frames. state: None for none."""

    name: str
    operator: str
    lag: int
    state: StateTensor | None


@dataclass(frozen=True)
class TimeAxis:
    """The axis of a tensor that is time, with a place for each column. stride: frames for each. lag: in columns."""

    axis: int
    stride: int
    lag: int


class TwinBuilder:
    """Collects the nodes, and what is known of their tensors."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.time_axes: dict[str, TimeAxis] = {}  # the tensors with columns
        self.rows: dict[str, TimeAxis] = {}  # those after the average, which have rows instead
        self.nodes: list[onnx.NodeProto] = []
        self.layers: list[Layer] = []
        self.columns = 0  # over how many the clip network averages
        self._constants: list[onnx.TensorProto] = []
        self._slices: set[str] = set()
        self._delayed: dict[tuple[str, int], str] = {}

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape in the clip network. Raises ModelError when it is not known."""
        if name not in self.folded.shapes:
            raise ModelError(f"the shape of its tensor {name!r} is unknown")
        return self.folded.shapes[name]

    def _dtype(self, name: str) -> str:
        return str(helper.tensor_dtype_to_np_dtype(self.folded.types[name]).name)

    def closed(self, name: str) -> str:
        """Make every column of a tensor an input of its own: time becomes part of the batch."""
        if f"{name}/rows" in self.rows:
            return f"{name}/rows"
        time, shape = self.time_axes[name], list(self.shape(name))
        order = [0, time.axis, *(i for i in range(1, len(shape)) if i != time.axis)]
        moved, closed = f"{name}/moved", f"{name}/rows"
        self.columns = shape[time.axis]
        shape[0], shape[time.axis] = -1, 1
        self.nodes.append(helper.make_node("Transpose", [name], [moved], perm=order))
        self.nodes.append(helper.make_node("Reshape", [moved, self.constant(f"{closed}/shape", shape)], [closed]))
        self.rows[closed] = time
        self.folded.shapes[closed], self.folded.types[closed] = tuple(shape), self.folded.types[name]
        return closed

    def delay(self, name: str, columns: int) -> str:
        """Return the tensor as it was this many columns ago."""
        if not columns:
            return name
        if (name, columns) not in self._delayed:
            time = self.time_axes[name]
            joined = self.with_state(name, name, "delay", columns, (time.lag + columns) * time.stride)
            self._delayed[name, columns] = self.slice(joined, time.axis, 0, -columns)
        return self._delayed[name, columns]

    def with_state(self, name: str, layer: str, operator: str, columns: int, lag: int) -> str:
        """Return the step's columns with the newest `columns` before them; note the layer."""
        if not columns:
            self.layers.append(Layer(layer, operator, lag, None))
            return name
        axis, shape, number = self.time_axes[name].axis, list(self.shape(name)), len(self.layers)
        shape[axis] = columns
        state = StateTensor(f"state_{number}", f"next_state_{number}", tuple(shape[1:]), self._dtype(name))
        joined = f"{state.input}/joined"
        self.nodes.append(helper.make_node("Concat", [state.input, name], [joined], axis=axis))
        self.slice(joined, axis, -columns, END, state.output)
        self.layers.append(Layer(layer, operator, lag, state))
        return joined

    def slice(self, name: str, axis: int, start: int, end: int, output: str = "") -> str:
        """Return the columns from `start` to `end`, which count from the end where they are negative."""
        output = output or f"{name}/{start}:{end}"
        if output in self._slices:
            return output
        self._slices.add(output)
        if self.folded.opset < 10:
            node = helper.make_node("Slice", [name], [output], starts=[start], ends=[end], axes=[axis])
        else:
            numbers = [self.constant(f"{output}/{i}", [value]) for i, value in enumerate((start, end, axis))]
            node = helper.make_node("Slice", [name, *numbers], [output])
        self.nodes.append(node)
        return output

    def constant(self, name: str, values: Sequence[int]) -> str:
        """Add a constant of whole numbers."""
        self._constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def model(self, taken: str, given: str, axis: int) -> onnx.ModelProto:
        """Return the new graph, which takes any number of frames in a step."""
        source = self.folded.model
        batch = self.folded.batch
        shape: list[int | str] = [batch, *self.shape(taken)[1:]]
        shape[axis] = "frames"
        values = helper.make_tensor_value_info
        inputs = [values(taken, self.folded.types[taken], shape)]
        outputs = [values(given, self.folded.types[given], ["rows", *[None] * (len(self.shape(given)) - 1)])]
        for state in (layer.state for layer in self.layers if layer.state):
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(state.dtype))
            inputs.append(values(state.input, kind, [batch, *state.shape]))
            outputs.append(values(state.output, kind, [batch, *state.shape]))
        used = {name for node in self.nodes for name in node.input}
        constants = [tensor for tensor in (*source.graph.initializer, *self._constants) if tensor.name in used]
        graph = helper.make_graph(self.nodes, source.graph.name, inputs, outputs, constants)
        return helper.make_model(graph, opset_imports=source.opset_import, ir_version=source.ir_version)
