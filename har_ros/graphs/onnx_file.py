"""ONNX files: read, written, and which files a network is in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx.version_converter

from har_ros.errors import ModelError, one_line


def load_onnx(path: Path, weights: bool = True) -> onnx.ModelProto:
    """Read an ONNX file, with its external data unless `weights` is False. Raises ModelError."""
    try:
        model = onnx.load(path, load_external_data=weights)
    except Exception as error:  # protobuf's and onnx's own kinds
        raise ModelError(f"{path} is not an ONNX file ({one_line(error)[:200]}); export it again") from None
    if not model.graph.node or not model.graph.output:
        raise ModelError(f"{path} is not an ONNX file (it holds no network); export it again")
    return model


def converted(graph: onnx.GraphProto) -> bytes:
    """Return the content of the file of a network that was converted to this graph, once it is checked."""
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], producer_name="har_ros")
    model.ir_version = 8  # of ONNX 1.10 to 1.12: what older runtimes still read
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def network_files(path: Path) -> list[Path]:
    """Return the files that a network is in: its own, then those of its weights, beside it. Raises ModelError."""
    if path.suffix == ".xml":  # OpenVINO's IR
        return [path, path.with_suffix(".bin")]
    if path.suffix != ".onnx":
        return [path]
    model = load_onnx(path, weights=False)
    tensors = [*_tensors(model.graph), *(one for function in model.functions for one in _tensors(function))]
    named = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    if outside := [name for name in sorted(named) if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise ModelError(f"{path} has weights in {outside[0]}, outside of its folder; export it with them beside it")
    return [path, *(path.parent / name for name in sorted(named))]


def _tensors(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.TensorProto]:
    """Yield the tensors of a graph, of its nodes' attributes, and of the graphs in these."""
    yield from getattr(graph, "initializer", ())
    for attribute in (one for node in graph.node for one in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for inner in (attribute.g, *attribute.graphs):
            yield from _tensors(inner)


def lowered(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return the model in an older ONNX operator set. Raises ModelError when that set lacks an operator."""
    try:
        return onnx.version_converter.convert_version(model, opset)
    except Exception as error:  # RuntimeError, and what onnx's C++ raises
        raise ModelError(
            f"the network cannot be converted to ONNX operator set {opset} ({one_line(error)[:200]}); "
            f"export it again with {opset} or older"
        ) from None
