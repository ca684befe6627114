"""Clip network → continual network: the same answers over an unbroken video, each frame computed once.

A clip network pads its frames with zeros at both ends. Its continual twin has no ends: it takes a few new frames (a
step), and every operator that sees several points in time keeps the newest of its inputs, its state, for the next step
(the arithmetic: har_ros.graphs.streaming). Where branches that lag differently meet, the one that is ahead is delayed.

Only an average may span all of time. Its columns become separate inputs of what follows, so that the network gives a
row of outputs for each; averaging them is left to the caller.

The idea: Hedegaard and Iosifidis, Continual 3D Convolutional Neural Networks, ECCV 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from har_ros.errors import ModelError, one_line
from har_ros.graphs.builder import Layer, StateTensor, TimeAxis, TwinBuilder
from har_ros.graphs.fold import fold
from har_ros.graphs.stream_operators import follow_rows, handler


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
        return _transformed(TwinBuilder(folded), input_blob, output_blob, axis)
    except ModelError:
        raise
    except Exception as error:  # of attributes that an operator should have, for one
        raise ModelError(f"it is not a valid ONNX network ({one_line(error)[:200]}); export it again") from None


def _transformed(twin: TwinBuilder, taken: str, given: str, axis: int) -> Continual:
    """Transform the graph from the input `taken` to the output `given`."""
    twin.time_axes[taken] = TimeAxis(axis, 1, 0)
    for original in twin.folded.nodes:
        node = onnx.NodeProto()
        node.CopyFrom(original)
        if any(name in twin.time_axes for name in node.input):
            handler(node)(twin, node)
        else:
            follow_rows(twin, node)
        twin.nodes.append(node)
    if given in twin.time_axes:
        if twin.shape(given)[twin.time_axes[given].axis] != 1:
            raise ModelError(f"its output {given!r} is for all points in time, not an average of them")
        given = twin.closed(given)
    if given not in twin.rows:
        raise ModelError(f"its output {given!r} does not come from its frames")
    end = twin.rows[given]
    model = twin.model(taken, given, axis)
    return Continual(model, given, end.stride, end.lag, twin.columns, tuple(twin.layers))
