"""An ONNX network as a PyTorch module, so that it can be trained and written back: the graph stays what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

from har_ros.errors import ModelError
from har_ros.finetune.torch_operators import LAYERS, OPERATORS, Attributes


class OnnxModule(nn.Module):
    """Computes an ONNX graph with one input and one output, operator by operator.

    Its float constants become parameters, except for the statistics of normalisations, and for those of the features
    that are computed before the first of LAYERS; other constants stay buffers.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Raises ModelError when the graph has an operator that is not in OPERATORS."""
        super().__init__()
        graph = model.graph
        self._nodes = [(node, _attributes(node)) for node in graph.node if node.op_type != "Constant"]
        for node, _ in self._nodes:
            if node.op_type not in OPERATORS:
                raise ModelError(
                    f"finetune cannot train the operator {node.op_type} of {node.output[0]}, only "
                    f"{', '.join(OPERATORS)}; use actionnet teach, which leaves the network as it is"
                )
        self._model = model
        self._input, self._output = graph.input[0].name, graph.output[0].name
        weights = _weights(graph)
        self.weights = nn.ParameterDict()
        self._names: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        for number, (name, array) in enumerate(_constants(graph)):
            value = torch.from_numpy(array.copy())
            if value.is_floating_point() and name in weights:
                self._names[name] = f"w{number}"
                self.weights[f"w{number}"] = nn.Parameter(value)
            else:
                self._kept[name] = f"kept{number}"
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

    def to_onnx(self) -> onnx.ModelProto:
        """Return the graph with the weights as they are now."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        for constant in model.graph.initializer:
            if constant.name in self._names:
                value = self.weights[self._names[constant.name]].detach().cpu().float().numpy()
                constant.CopyFrom(numpy_helper.from_array(value, constant.name))
        return model


def _attributes(node: onnx.NodeProto) -> Attributes:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the names and values of the initializers, and of what nodes say. Raises ModelError."""
    for constant in graph.initializer:
        yield constant.name, numpy_helper.to_array(constant)
    for node in graph.node:
        if node.op_type == "Constant":
            [(kind, value)] = _attributes(node).items()
            if kind != "value":
                raise ModelError(f"the constant {node.output[0]} is given as {kind}, not as a tensor; export it again")
            yield node.output[0], numpy_helper.to_array(value)


def _weights(graph: onnx.GraphProto) -> set[str]:
    """Return what layers take, and what is computed from their outputs, but no statistics of normalisations."""
    learned: set[str] = set()
    weights: set[str] = set()
    for node in graph.node:
        if node.op_type in LAYERS or learned.intersection(node.input):
            learned.update(node.output)
            weights.update(node.input)
    statistics = {name for node in graph.node if node.op_type == "BatchNormalization" for name in node.input[3:]}
    for node in reversed(graph.node):
        if node.op_type == "Identity" and node.output[0] in statistics:  # as PyTorch exports what two have in common
            statistics.update(node.input)
    return weights - statistics
