"""A model repository for Triton Inference Server."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from har_ros.backends.openvino.backend import joined
from har_ros.backends.triton import jpeg
from har_ros.backends.triton.contract import TYPES, parameters
from har_ros.backends.triton.grpc_wire import client_library
from har_ros.errors import ConfigurationError, HarError, ModelError, one_line
from har_ros.graphs.prepare import FRAMES, NETWORK, OUTPUT, PreparedNetwork, merged
from har_ros.settings import Precision

if TYPE_CHECKING:
    from tritonclient.grpc.model_config_pb2 import ModelConfig

Runner = Literal["python", "onnxruntime", "tensorrt", "openvino"]
ONNX: tuple[Runner, ...] = ("onnxruntime", "tensorrt")
"""What takes ONNX files; the others take OpenVINO's."""
IDLE = 60.0
"""Seconds that the server keeps a camera's state without a step."""


@dataclass(frozen=True)
class ExportSettings:
    """How a server runs a network.

    runner: Triton's backend: its ONNX Runtime, the same with TensorRT on a GPU, its OpenVINO, or its Python, which runs
    OpenVINO, too. instances: how many run at the same time. max_batch: how many windows run together, at most.
    streams: how many cameras' states each instance of a network that keeps some has room for; others wait.
    precision: of OpenVINO's arithmetic in the Python backend. jpeg: let the server take windows as JPEG, too.
    """

    runner: Runner = "onnxruntime"
    instances: int = 1
    max_batch: int = 8
    streams: int = 32
    precision: Precision = "auto"
    jpeg: bool = False


def export(network: PreparedNetwork, folder: Path, settings: ExportSettings = ExportSettings()) -> list[Path]:
    """Write the network's folders below `folder`, which is a model repository. Returns them. Raises HarError."""
    if network.states and settings.runner == "openvino":
        raise ConfigurationError(
            f"{network.name} keeps a state, which a server's own openvino does not; use --runner python or onnxruntime"
        )
    if settings.runner in ONNX and network.path.suffix != ".onnx":
        raise ModelError(
            f"{network.path} is not ONNX, which the runner {settings.runner} needs; use --runner python or openvino"
        )
    if settings.precision != "auto" and settings.runner != "python":
        raise ConfigurationError(
            f"precision is {settings.precision}, but what a server's own {settings.runner} computes with is set there; "
            "leave it out, or use --runner python"
        )
    configs = [_config(network, settings)]
    if settings.jpeg and jpeg.is_wanted(network, "jpeg"):
        configs.append(_jpeg_config(network, settings))
    versions = [folder / config.name / "1" for config in configs]
    try:
        for version, config in zip(versions, configs, strict=True):
            version.mkdir(parents=True, exist_ok=True)
            (version.parent / "config.pbtxt").write_text(_text(config), encoding="utf-8")
        _write_network(network, versions[0], settings.runner)
        for version in versions[1:]:
            _copy_code("jpeg_model.py", version)
    except OSError as error:
        raise HarError(f"cannot write {versions[0].parent} ({error.strerror}); give another folder") from None
    except RuntimeError as error:  # OpenVINO's
        raise ModelError(f"{network.name} cannot be exported ({one_line(error)[:300]}); use another --runner") from None
    return [version.parent for version in versions]


def _write_network(network: PreparedNetwork, version: Path, runner: Runner) -> None:
    if runner in ONNX:
        (version / "model.onnx").write_bytes(merged(network))
        return
    import openvino

    one = network.single or network.states  # which are those of one stream
    openvino.save_model(joined(network, batch=1 if one else -1), version / "model.xml", compress_to_fp16=False)
    if runner == "python":
        _copy_code("python_model.py", version)


def _copy_code(model: str, version: Path) -> None:
    for source, target in ((model, "model.py"), ("triton_tensor.py", "triton_tensor.py")):
        shutil.copyfile(Path(__file__).with_name(source), version / target)


def _config(network: PreparedNetwork, settings: ExportSettings) -> ModelConfig:
    """Return the network's configuration. Raises BackendMissingError without Triton's client."""
    client_library()
    from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup, ModelOptimizationPolicy

    runner = settings.runner
    config = ModelConfig(name=network.name, max_batch_size=1 if network.single else settings.max_batch)
    config.backend = "onnxruntime" if runner == "tensorrt" else runner
    config.input.add(name=FRAMES, data_type=DataType.Value(f"TYPE_{TYPES[network.type]}"), dims=network.shape)
    config.output.add(name=OUTPUT, data_type=DataType.TYPE_FP32, dims=[len(network.labels) or -1])
    kind = ModelInstanceGroup.KIND_CPU if runner in ("python", "openvino") else ModelInstanceGroup.KIND_AUTO
    config.instance_group.add(count=settings.instances, kind=kind)
    if network.states:
        _add_sequences(config, network, settings)
    else:
        config.dynamic_batching.SetInParent()  # a limit of its queue lets Triton 2.51 wait half a second now and then
    if runner == "tensorrt":
        accelerators = config.optimization.execution_accelerators
        accelerators.gpu_execution_accelerator.append(
            ModelOptimizationPolicy.ExecutionAccelerators.Accelerator(name="tensorrt")
        )
    precision = {"precision": settings.precision} if runner == "python" else {}
    for key, value in {**parameters(network), **precision}.items():
        config.parameters[key].string_value = value
    return config


def _jpeg_config(network: PreparedNetwork, settings: ExportSettings) -> ModelConfig:
    """Return the configuration of what reads windows as JPEG and asks the network."""
    from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup

    config = ModelConfig(name=network.name + jpeg.SUFFIX, backend="python", max_batch_size=0)
    config.input.add(name=jpeg.INPUT, data_type=DataType.TYPE_UINT8, dims=[-1])
    config.output.add(name=OUTPUT, data_type=DataType.TYPE_FP32, dims=[-1, -1])
    config.instance_group.add(count=settings.instances + 1, kind=ModelInstanceGroup.KIND_CPU)  # one reads meanwhile
    config.parameters["network"].string_value = network.name
    config.parameters["shape"].string_value = " ".join(map(str, network.shape))
    return config


def _add_sequences(config: ModelConfig, network: PreparedNetwork, settings: ExportSettings) -> None:
    """Let the server keep a state for each stream: of an ONNX network itself, of others its Python backend."""
    from tritonclient.grpc.model_config_pb2 import DataType
    from tritonclient.utils import np_to_triton_dtype

    sequences = config.sequence_batching
    sequences.max_sequence_idle_microseconds = round(IDLE * 1e6)
    sequences.oldest.max_candidate_sequences = settings.streams
    for state in network.states if settings.runner in ONNX else ():
        kind = DataType.Value(f"TYPE_{np_to_triton_dtype(np.dtype(state.dtype))}")
        kept = sequences.state.add(data_type=kind, dims=state.shape)
        kept.input_name, kept.output_name = NETWORK + state.input, NETWORK + state.output
        kept.initial_state.add(name="zeros", data_type=kind, dims=state.shape, zero_data=True)


def _text(config: Any) -> str:
    from google.protobuf import text_format

    return str(text_format.MessageToString(config, as_utf8=True))
