"""Makes any network take uint8 frames and give probabilities, once for all backends.

What lies before a network (scaling, colour order, transposition) and after it (softmax) is written as two small ONNX
graphs. A backend for ONNX gets them merged with the network; one that reads other formats joins them itself.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from har_ros.errors import ModelError, one_line
from har_ros.frames.spec import InputSpec, SkeletonSpec
from har_ros.graphs.builder import StateTensor
from har_ros.graphs.onnx_file import load_onnx, lowered, network_files
from har_ros.graphs.twin import Continual

OPSET, IR_VERSION = 13, 8
FRAMES, OUTPUT = "frames", "output"
NETWORK = "network/"
"""What the names of a merged network's own tensors begin with."""
Output = Literal["logits", "probabilities", "embedding"]


@dataclass(frozen=True)
class PreparedNetwork:
    """A network file, and what the host's arrays have to do with its tensors.

    shape, type: one input of the host without the batch; frames are uint8 (T×)H×W×3 RGB, embeddings float32 T×D,
    skeletons float32 as the network has them.
    spec: how frames become the network's input; None for one that takes the host's array as it is.
    skeletons: how the host lays out skeletons, for a network that takes them.
    input_type, output_type: numpy's names of the network's own. output_rank: its number of axes.
    single: whether the network takes one input at a time only.
    twin: the continual network that is to run instead of the file's, which takes `shape` as its step.
    labels: of its outputs, where they are classes.
    """

    name: str
    path: Path
    input_blob: str
    output_blob: str
    shape: tuple[int, ...]
    type: Literal["uint8", "float32"]
    spec: InputSpec | None
    input_type: str
    output_type: str
    output_rank: int
    output: Output
    single: bool
    twin: Continual | None = field(default=None, repr=False)
    skeletons: SkeletonSpec | None = None
    labels: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        """The network's file, and those of its weights where they are in others."""
        return network_files(self.path)

    @property
    def states(self) -> tuple[StateTensor, ...]:
        """What the network gives back for its next input."""
        return self.twin.states if self.twin else ()

    def before(self, opset: int = OPSET, ir_version: int = IR_VERSION) -> onnx.ModelProto:
        """Return the graph from the host's array ("frames") to the network's input."""
        graph = _Chain("before", FRAMES)
        if self.input_type != "uint8":
            graph.cast(self.type, "float32")
            if self.spec is not None:
                _scale(graph, self.spec)
            graph.cast("float32", self.input_type)
        if self.spec is not None:
            host = "NTHWC" if "T" in self.spec.layout else "NHWC"
            graph.add("Transpose", perm=[host.index(axis) for axis in self.spec.layout])
        batch = 1 if self.single else "batch"
        taken = helper.make_tensor_value_info(FRAMES, _element(self.type), [batch, *self.shape])
        given = helper.make_tensor_value_info("ready", _element(self.input_type), [None] * (1 + len(self.shape)))
        return graph.model(taken, given, opset, ir_version)

    def after(self, opset: int = OPSET, ir_version: int = IR_VERSION) -> onnx.ModelProto:
        """Return the graph from the network's output to N×classes probabilities, or N×D embeddings ("output")."""
        graph = _Chain("after", "raw")
        graph.cast(self.output_type, "float32")
        graph.add("Flatten", axis=1)
        if self.output == "logits":
            graph.add("Softmax", axis=1)
        taken = helper.make_tensor_value_info("raw", _element(self.output_type), [None] * self.output_rank)
        given = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, None])
        return graph.model(taken, given, opset, ir_version)


def merged(network: PreparedNetwork, half: bool = False, newest: int | None = None) -> bytes:
    """Return the network with what lies before and after it as one serialised ONNX model.

    half: compute in float16 between the two; what is outside stays in float32. newest: the newest ONNX operator set
    that the reader takes. Raises ModelError.
    """
    if network.path.suffix != ".onnx":
        raise ModelError(f"{network.path} is not ONNX, which TensorRT needs; set backend to openvino")
    if network.twin is None:
        model = load_onnx(network.path)
    else:
        model = onnx.ModelProto()
        model.CopyFrom(network.twin.model)
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), OPSET)
    if opset < 9:
        raise ModelError(f"{network.path} has ONNX operator set {opset}; export it again with 9 or later")
    if newest is not None and opset > newest:
        model, opset = lowered(model, newest), newest
    try:
        if half:
            model = _halved(model)
        model = onnx.compose.add_prefix(model, NETWORK)
        before = network.before(opset, model.ir_version)
        given, raw = f"{NETWORK}{network.input_blob}", f"{NETWORK}{network.output_blob}"
        outputs = [raw, *(f"{NETWORK}{state.output}" for state in network.states)]
        model = onnx.compose.merge_models(before, model, [("ready", given)], outputs=outputs)
        model = onnx.compose.merge_models(model, network.after(opset, model.ir_version), [(raw, "raw")])
    except ModelError:
        raise
    except Exception as error:  # a damaged network makes onnx raise nearly anything
        raise ModelError(
            f"{network.path} is not a valid ONNX network ({one_line(error)[:200]}); export it again"
        ) from None
    return bytes(model.SerializeToString())


def _halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with float16 inside and float32 inputs and outputs."""
    try:
        from onnxconverter_common.float16 import convert_float_to_float16
    except ImportError as error:
        raise ModelError(
            f"float16 needs onnxconverter-common ({error}); run: pip install onnxconverter-common"
        ) from None
    for node in model.graph.node:  # the converter leaves inner casts as they are
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
    with warnings.catch_warnings():  # about weights below float16's smallest number
        warnings.simplefilter("ignore")
        halved: onnx.ModelProto = convert_float_to_float16(
            model, keep_io_types=True, disable_shape_infer=True, check_fp16_ready=False
        )
        return halved


def _scale(graph: _Chain, spec: InputSpec) -> None:
    """Add (pixel scaled to the range - mean) / std, as one factor and one summand for each channel."""
    if spec.colour == "bgr":
        graph.add("Gather", graph.constant(np.array([2, 1, 0])), axis=-1)
    low, high = spec.range
    mean, std = np.array(spec.mean), np.array(spec.std)
    factor, summand = (high - low) / 255 / std, (low - mean) / std
    if (factor != 1).any():
        graph.add("Mul", graph.constant(factor.astype(np.float32)))
    if (summand != 0).any():
        graph.add("Add", graph.constant(summand.astype(np.float32)))


class _Chain:
    """Builds a chain of operators; all names begin with the graph's."""

    def __init__(self, name: str, first: str) -> None:
        self._name = name
        self._last = first
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *others: str, **attributes: Any) -> None:
        output = f"{self._name}/{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, [self._last, *others], [output], name=output, **attributes))
        self._last = output

    def cast(self, given: str, wanted: str) -> None:
        if given != wanted:
            self.add("Cast", to=_element(wanted))

    def constant(self, value: NDArray[Any]) -> str:
        name = f"{self._name}/constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def model(self, taken: Any, given: Any, opset: int, ir_version: int) -> onnx.ModelProto:
        self.add("Identity")
        self._nodes[-1].output[0] = given.name
        graph = helper.make_graph(self._nodes, self._name, [taken], [given], self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def _element(name: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(name)))
