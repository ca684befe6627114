"""ONNX operators computed by PyTorch, so that gradients flow through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from onnx import helper, numpy_helper
from torch import Tensor
from torch.nn import functional

from har_ros.errors import ModelError

Attributes = dict[str, Any]


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
    pools = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
    pool: Callable[..., Tensor] = pools[x.ndim - 2]
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


def _argument(inputs: list[Any], place: int, attributes: Attributes, name: str) -> Any:
    """Return what is an input in later sets of operators and an attribute in earlier ones; None where it is neither."""
    if place < len(inputs) and inputs[place] is not None:
        return inputs[place].tolist()
    given = attributes.get(name)
    return list(given) if isinstance(given, Sequence) else given


def _constant_of_shape(inputs: list[Any], attributes: Attributes) -> Tensor:
    value = numpy_helper.to_array(attributes["value"]).copy() if "value" in attributes else np.zeros(1, np.float32)
    return torch.from_numpy(value).to(inputs[0].device).expand(inputs[0].tolist())


def _cast(inputs: list[Any], attributes: Attributes) -> Tensor:
    example = helper.tensor_dtype_to_np_dtype(attributes["to"]).type(0)
    return torch.as_tensor(inputs[0].to(torch.as_tensor(example).dtype))


def _clip(inputs: list[Any], attributes: Attributes) -> Tensor:
    low, high = _argument(inputs, 1, attributes, "min"), _argument(inputs, 2, attributes, "max")
    return torch.as_tensor(inputs[0] if low is None and high is None else inputs[0].clamp(low, high))


def _gather(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, indices = inputs
    axis = attributes.get("axis", 0) % x.ndim
    found = x.index_select(axis, (indices % x.shape[axis]).flatten())
    return torch.as_tensor(found.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _slice(inputs: list[Any], attributes: Attributes) -> Tensor:
    x = inputs[0]
    names = ("starts", "ends", "axes", "steps")
    starts, ends, axes, steps = (_argument(inputs, place, attributes, name) for place, name in enumerate(names, 1))
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = axes[number] if axes else number
        places = range(*slice(start, end, steps[number] if steps else 1).indices(x.shape[axis]))
        x = x.index_select(axis, torch.tensor(places, dtype=torch.long, device=x.device))
    return torch.as_tensor(x)


def _reshape(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, sizes = inputs[0], _argument(inputs, 1, attributes, "shape")
    return torch.as_tensor(x.reshape([size or x.shape[axis] for axis, size in enumerate(sizes)]))


def _squeezed(inputs: list[Any], attributes: Attributes) -> Tensor:
    axes = _argument(inputs, 1, attributes, "axes")
    return torch.as_tensor(inputs[0].squeeze() if axes is None else inputs[0].squeeze(tuple(axes)))


def _unsqueezed(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, axes = inputs[0], _argument(inputs, 1, attributes, "axes")
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return torch.as_tensor(x)


def _reduced(reduce: Callable[..., Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    """Return the operator that reduces some axes, or all, by a function of PyTorch."""

    def operator(inputs: list[Any], attributes: Attributes) -> Tensor:
        axes = _argument(inputs, 1, attributes, "axes") or range(inputs[0].ndim)
        return reduce(inputs[0], dim=tuple(axes), keepdim=bool(attributes.get("keepdims", 1)))

    return operator


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
    "Cast": _cast,
    "Clip": _clip,
    "ConstantOfShape": _constant_of_shape,
    "Div": lambda inputs, _: inputs[0] / inputs[1],
    "Gather": _gather,
    "GreaterOrEqual": lambda inputs, _: inputs[0] >= inputs[1],
    "LeakyRelu": lambda inputs, attributes: functional.leaky_relu(inputs[0], attributes.get("alpha", 0.01)),
    "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Reshape": _reshape,
    "Shape": lambda inputs, _: torch.tensor(inputs[0].shape, device=inputs[0].device),
    "Slice": _slice,
    "Sqrt": lambda inputs, _: torch.sqrt(inputs[0]),
    "Squeeze": _squeezed,
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
    "Unsqueeze": _unsqueezed,
}
"""ONNX operators that can be trained: those of I3D, S3D, torchvision's R3D, MC3 and R(2+1)D, and of everyday-14."""
LAYERS = ("Conv", "Gemm", "BatchNormalization")
"""Operators whose constants are always weights. What is computed before the first of them is a feature."""
