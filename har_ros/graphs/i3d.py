"""Inflated Inception (I3D), from its JAX checkpoint to ONNX.

Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017;
layers as in github.com/google-deepmind/kinetics-i3d, i3d.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from har_ros.graphs.checkpoint import read_checkpoint
from har_ros.graphs.onnx_file import converted

VERSION = 3  # of the conversion; part of the cached file's name
SIZE = 224
CLASSES = 400
EMBEDDING = "pooled"
"""The tensor before the last layer, N×1024×T/8-1×1×1."""
BATCH_NORM_EPSILON = 1e-3  # kinetics-i3d's Unit3D (Sonnet's BatchNorm)
INCEPTION_BLOCKS = {
    "3": ("b", "c"),
    "4": ("b", "c", "d", "e", "f"),
    "5": ("b", "c"),
}
Triple = tuple[int, int, int]


def convert(checkpoint: Path) -> bytes:
    """Return I3D as a serialised ONNX model; any number of clips, any multiple of 8 frames from 16 on.

    Input "clips": float32 RGB in [-1, 1], N×3×T×224×224. Output "logits": float32, N×400, averaged over time.
    Raises ModelError when the file is not a checkpoint.
    """
    graph = _Graph(read_checkpoint(checkpoint))
    x = graph.unit("clips", "Conv3d_1a_7x7", stride=2)
    x = graph.max_pool(x, (1, 3, 3), (1, 2, 2))
    x = graph.unit(x, "Conv3d_2b_1x1")
    x = graph.unit(x, "Conv3d_2c_3x3")
    x = graph.max_pool(x, (1, 3, 3), (1, 2, 2))
    for stage, blocks in INCEPTION_BLOCKS.items():
        if stage == "4":
            x = graph.max_pool(x, (3, 3, 3), (2, 2, 2))
        elif stage == "5":
            x = graph.max_pool(x, (2, 2, 2), (2, 2, 2))
        for block in blocks:
            x = graph.inception(x, f"Mixed_{stage}{block}")
    x = graph.add("AveragePool", [x], EMBEDDING, kernel_shape=[2, 7, 7], strides=[1, 1, 1])
    x = graph.unit(x, "Logits/Conv3d_0c_1x1", last=True)
    graph.add("ReduceMean", [x, graph.constant("time_and_space", np.array([2, 3, 4]))], "logits", keepdims=0)
    return graph.serialised()


def same_pads(kernel: Triple, stride: Triple) -> list[int]:
    """Return TensorFlow's SAME padding, begins then ends, for extents that the stride divides; the odd one ends.

    (out - 1) * stride + kernel - in = kernel - stride when out = in / stride. I3D's strides divide a
    multiple of 8 frames and 224 pixels all the way down.
    """
    totals = [max(k - s, 0) for k, s in zip(kernel, stride, strict=True)]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def fold_batch_norm(
    unit: dict[str, Any], statistics: dict[str, Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return kernel and bias of the one convolution that does (x * kernel - mean) / sqrt(variance + epsilon) + bias."""
    mean, variance = (statistics["BatchNorm_0"][name].reshape(-1).astype(np.float64) for name in ("mean", "var"))
    factor = 1 / np.sqrt(variance + BATCH_NORM_EPSILON)
    kernel = unit["Conv_0"]["kernel"] * factor
    bias = unit["BatchNorm_0"]["bias"].reshape(-1) - mean * factor
    return kernel.astype(np.float32), bias.astype(np.float32)


class _Graph:
    """An ONNX graph in the making; tensors go by name, N×C×T×H×W."""

    def __init__(self, checkpoint: dict[str, Any]) -> None:
        self._params = checkpoint["params"]
        self._statistics = checkpoint["batch_stats"]
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def unit(self, x: str, path: str, stride: int = 1, last: bool = False) -> str:
        """Convolution and ReLU, with the BatchNorm between them folded in; the last one has a bias and no more."""
        unit = _at(self._params, path)
        if last:
            kernel, bias = unit["Conv_0"]["kernel"], unit["Conv_0"]["bias"]
        else:
            kernel, bias = fold_batch_norm(unit, _at(self._statistics, path))
        weights = self.constant(f"{path}/kernel", np.ascontiguousarray(kernel.transpose(4, 3, 0, 1, 2)))
        time, height, width = kernel.shape[:3]
        size: Triple = (time, height, width)
        strides: Triple = (stride, stride, stride)
        x = self.add(
            "Conv",
            [x, weights, self.constant(f"{path}/bias", bias)],
            kernel_shape=size,
            strides=strides,
            pads=same_pads(size, strides),
        )
        return x if last else self.add("Relu", [x])

    def max_pool(self, x: str, kernel: Triple, strides: Triple) -> str:
        return self.add("MaxPool", [x], kernel_shape=kernel, strides=strides, pads=same_pads(kernel, strides))

    def inception(self, x: str, path: str) -> str:
        branches = [self.unit(x, f"{path}|Branch_0/Conv3d_0a_1x1")]
        for branch in ("Branch_1", "Branch_2"):
            narrow = self.unit(x, f"{path}|{branch}/Conv3d_0a_1x1")
            branches.append(self.unit(narrow, f"{path}|{branch}/Conv3d_0b_3x3"))
        pooled = self.max_pool(x, (3, 3, 3), (1, 1, 1))
        branches.append(self.unit(pooled, f"{path}|Branch_3/Conv3d_0b_1x1"))
        return self.add("Concat", branches, axis=1)

    def serialised(self) -> bytes:
        shape: list[str | int | None] = ["batch", 3, "time", SIZE, SIZE]
        graph = helper.make_graph(
            self._nodes,
            "i3d",
            [helper.make_tensor_value_info("clips", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
            self._constants,
        )
        return converted(graph)


def _at(tree: dict[str, Any], path: str) -> dict[str, Any]:
    for name in path.split("|"):
        tree = tree[name]
    return tree
