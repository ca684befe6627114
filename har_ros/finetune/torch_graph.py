"""An ONNX network as a PyTorch module, so that it can be trained and written back: the graph stays what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from har_ros.errors import ModelError

Attributes = dict[str, Any]


class OnnxModule(nn.Module):
    """Computes an ONNX graph with one input and one output, operator by operator.

    Its float constants become parameters, except for the statistics of normalisations; other constants stay buffers.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Raises ModelError when the graph has an operator that is not in OPERATORS."""
        super().__init__()
        graph = model.graph
        for node in graph.node:
            if node.op_type not in OPERATORS:
                raise ModelError(
                    f"finetune cannot train the operator {node.op_type} of {node.output[0]}, only "
                    f"{', '.join(OPERATORS)}; use actionnet teach, which leaves the network as it is"
                )
        self._nodes = [(node, _attributes(node)) for node in graph.node]
        self._input, self._output = graph.input[0].name, graph.output[0].name
        statistics = {name for node in graph.node if node.op_type == "BatchNormalization" for name in node.input[3:]}
        self.weights = nn.ParameterDict()
        self._names: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        for number, constant in enumerate(graph.initializer):
            value = torch.from_numpy(numpy_helper.to_array(constant).copy())
            if value.is_floating_point() and constant.name not in statistics:
                self._names[constant.name] = f"w{number}"
                self.weights[f"w{number}"] = nn.Parameter(value)
            else:
                self._kept[constant.name] = f"kept{number}"
                self.register_buffer(f"kept{number}", value)

    def forward(self, clips: Tensor) -> Tensor:
        """Return the graph's output."""
        values: dict[str, Any] = {self._input: clips}
        values.update({name: self.get_buffer(key) for name, key in self._kept.items()})
        values.update({name: self.weights[key] for name, key in self._names.items()})
        for node, attributes in self._nodes:
            inputs = [values[name] if name else None for name in node.input]
            values[node.output[0]] = OPERATORS[node.op_type](inputs, attributes)
        return torch.as_tensor(values[self._output])

    def freeze(self, share: float) -> int:
        """Keep the weights of the first `share` of the layers as they are. Returns how many layers are trained."""
        layers = [[self._names[name] for name in node.input if name in self._names] for node, _ in self._nodes]
        layers = [layer for layer in layers if layer]
        frozen = round(share * len(layers))
        for number, layer in enumerate(layers):
            for key in layer:
                self.weights[key].requires_grad_(number >= frozen)
        return len(layers) - frozen

    def write_to(self, model: onnx.ModelProto) -> None:
        """Put the weights into a graph that has constants of the same names."""
        for constant in model.graph.initializer:
            if constant.name in self._names:
                value = self.weights[self._names[constant.name]].detach().cpu().float().numpy()
                constant.CopyFrom(numpy_helper.from_array(value, constant.name))


def _attributes(node: onnx.NodeProto) -> Attributes:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _spatial(given: Sequence[int] | None, axes: int, default: int = 1) -> list[int]:
    return list(given) if given is not None else [default] * axes


def _padded(x: Tensor, attributes: Attributes, value: float) -> Tensor:
    """Pad as ONNX has it: begins, then ends. Raises ModelError for pads that are not written out."""
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise ModelError("finetune needs pads that are written out (auto_pad NOTSET); export the network again")
    axes = x.ndim - 2
    pads = _spatial(attributes.get("pads"), 2 * axes, 0)
    if not any(pads):
        return x
    ends_first = [pads[axis + side * axes] for axis in reversed(range(axes)) for side in (0, 1)]
    return functional.pad(x, ends_first, value=value)


def _conv(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    axes = x.ndim - 2
    convolve = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[axes]
    strides, dilations = (_spatial(attributes.get(name), axes) for name in ("strides", "dilations"))
    groups = attributes.get("group", 1)
    return convolve(
        _padded(x, attributes, 0.0),
        weight,
        bias,
        stride=strides,
        dilation=dilations,
        groups=groups,
    )


def _max_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    x = inputs[0]
    pool: Callable[..., Tensor] = {2: functional.max_pool2d, 3: functional.max_pool3d}[x.ndim - 2]
    strides = _spatial(attributes.get("strides"), x.ndim - 2)
    return pool(_padded(x, attributes, -torch.inf), attributes["kernel_shape"], strides)


def _average_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    x = inputs[0]
    if any(attributes.get("pads", ())):
        raise ModelError("finetune cannot train an AveragePool with pads; use actionnet teach")
    pool: Callable[..., Tensor] = {2: functional.avg_pool2d, 3: functional.avg_pool3d}[x.ndim - 2]
    return pool(x, attributes["kernel_shape"], _spatial(attributes.get("strides"), x.ndim - 2))


def _gemm(inputs: list[Any], attributes: Attributes) -> Tensor:
    a, b, c = (*inputs, None)[:3]
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    product = attributes.get("alpha", 1.0) * (a @ b)
    return torch.as_tensor(product if c is None else product + attributes.get("beta", 1.0) * c)


def _batch_norm(inputs: list[Any], attributes: Attributes) -> Tensor:
    """With the statistics as they are: batches of clips are too small for new ones."""
    x, scale, bias, mean, variance = inputs
    return functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, attributes.get("epsilon", 1e-5))


OPERATORS: dict[str, Callable[[list[Any], Attributes], Tensor]] = {
    "Conv": _conv,
    "Relu": lambda inputs, _: torch.relu(inputs[0]),
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": lambda inputs, _: inputs[0].mean(dim=tuple(range(2, inputs[0].ndim)), keepdim=True),
    "BatchNormalization": _batch_norm,
    "Concat": lambda inputs, attributes: torch.cat(inputs, dim=attributes["axis"]),
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "Sigmoid": lambda inputs, _: torch.sigmoid(inputs[0]),
    "Flatten": lambda inputs, attributes: inputs[0].flatten(attributes.get("axis", 1)),
    "Gemm": _gemm,
    "MatMul": lambda inputs, _: inputs[0] @ inputs[1],
    "Transpose": lambda inputs, attributes: inputs[0].permute(attributes["perm"]),
    "Identity": lambda inputs, _: inputs[0],
}
"""ONNX operators that can be trained: those of I3D, S3D, and torchvision's R3D, MC3 and R(2+1)D."""
