"""What a network file says of itself: the names, shapes and types of its inputs and outputs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from har_ros.errors import ModelError
from har_ros.frames.spec import InputSpec, Resize, WindowSpec
from har_ros.models.card import ModelCard, NetworkFile

SUFFIXES = (".onnx", ".xml", ".tflite")
COLOURS = 3
OPENVINO_TYPES = {"f32": "float32", "f16": "float16", "u8": "uint8"}
"""OpenVINO's names of types → numpy's, for those that a network may take and give."""


@dataclass(frozen=True)
class Tensor:
    """An input or output. shape: None for an axis of any size. type: numpy's name of it, such as "float32"."""

    shape: tuple[int | None, ...]
    type: str

    def __str__(self) -> str:
        return "×".join("?" if size is None else str(size) for size in self.shape) + f" {self.type}"


@dataclass(frozen=True)
class Signature:
    """All inputs and outputs of a network, by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


def read_signature(path: Path) -> Signature:
    """Read the signature of an ONNX, IR or TensorFlow Lite file. Raises ModelError."""
    return _of_onnx(path) if path.suffix == ".onnx" else _of_openvino(path)


def _of_onnx(path: Path) -> Signature:
    from har_ros.graphs.onnx_file import load_onnx  # here: cards are read without onnx, too

    graph = load_onnx(path, weights=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    return Signature(
        {value.name: _onnx_tensor(value) for value in graph.input if value.name not in constants},
        {value.name: _onnx_tensor(value) for value in graph.output},
    )


def _onnx_tensor(value: Any) -> Tensor:
    from onnx import helper

    tensor = value.type.tensor_type
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in tensor.shape.dim
    )
    try:
        return Tensor(shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type).name)
    except KeyError:
        return Tensor(shape, "no type that ONNX has")


def _of_openvino(path: Path) -> Signature:
    from har_ros.backends.openvino.backend import read_network, tensor_name

    model = read_network(path)
    try:
        return Signature(
            {tensor_name(port): _openvino_tensor(port) for port in model.inputs},
            {tensor_name(port): _openvino_tensor(port) for port in model.outputs},
        )
    except UnicodeError as error:
        raise ModelError(f"{path} has names that are no text ({error}); export it again") from None


def _openvino_tensor(port: Any) -> Tensor:
    shape = port.get_partial_shape()
    sizes = [None if size.is_dynamic else size.get_length() for size in shape] if shape.rank.is_static else []
    name = port.get_element_type().get_type_name()
    return Tensor(tuple(sizes), OPENVINO_TYPES.get(name, name))


def card_of_a_file(path: Path, input_blob: str = "") -> ModelCard:
    """Make a card for a clip network that has none: actionNet's arithmetic, sizes from the file. Raises ModelError.

    actionNet (jetson-inference, c/actionNet.cpp) stretches to the network's size by the nearest pixel, scales to 0…1,
    subtracts Kinetics' mean, divides by nothing, leaves out every other frame, and applies softmax to the output.
    """
    inputs = read_signature(path).inputs
    name = input_blob or next(iter(inputs), "")
    tensor = inputs.get(name)
    if tensor is None:
        raise ModelError(f"{path} has no input {name!r}; use one of {', '.join(inputs)}")
    layout = _layout(tensor.shape)
    sizes = dict(zip(layout or "", tensor.shape, strict=False))
    if layout is None or sizes["H"] is None or sizes["W"] is None:
        raise ModelError(
            f"input {name!r} of {path} is {tensor}, which does not show layout, height and width; write a card"
        )
    frames = sizes["T"]
    return ModelCard(
        name=re.sub(r"[^\w-]", "_", path.stem),
        kind="clip",
        description="a network without a card",
        licence="unknown",
        input=InputSpec(
            layout, sizes["H"], sizes["W"], Resize("nearest"), "rgb", (0, 1), (0.4344705882, 0.4050980392, 0.3774901961)
        ),
        window=WindowSpec(frames or 16, None if frames else 1, skip_frames=1),
        outputs="logits",
        labels=(),
        network=NetworkFile(path.name),
    )


def _layout(shape: tuple[int | None, ...]) -> Literal["NCTHW", "NTCHW", "NTHWC"] | None:
    if len(shape) != len("NCTHW"):
        return None
    if shape[1] == COLOURS:
        return "NCTHW"
    if shape[2] == COLOURS:
        return "NTCHW"
    return "NTHWC" if shape[4] == COLOURS else None
