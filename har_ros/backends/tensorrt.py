"""TensorRT: NVIDIA's GPUs, from JetPack 5 (8.5) on, and TensorRT for RTX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from har_ros.backends import Backend, BackendSettings
from har_ros.errors import ModelError
from har_ros.models.cache import discard
from har_ros.models.prepare import FRAMES, OUTPUT, PreparedNetwork

if TYPE_CHECKING:
    import tensorrt_rtx_bindings.tensorrt_rtx as trt

    from har_ros.backends.cuda import Device


class TensorRtBackend:
    """One engine, its buffers and one stream, all allocated once."""

    def __init__(
        self, engine: trt.ICudaEngine, network: PreparedNetwork, device: Device, half: bool, max_batch: int
    ) -> None:
        """Raises ModelError when memory is short."""
        from har_ros.backends.cuda import Buffer

        self.name = f"TensorRT on {device.name}, {'f16' if half else 'f32'}"
        self.max_batch = max_batch
        self._device, self._shape = device, network.shape
        self._engine = engine  # lives as long as its context
        self._context = engine.create_execution_context()
        if self._context is None:
            raise ModelError(f"TensorRT cannot prepare {network.name} (out of memory?); use a smaller max_batch")
        self._input = Buffer(device, (max_batch, *network.shape), network.type)
        self._context.set_input_shape(FRAMES, (max_batch, *network.shape))
        width = self._context.get_tensor_shape(OUTPUT)[1]
        self._output = Buffer(device, (max_batch, width), np.float32)
        self._context.set_tensor_address(FRAMES, self._input.address)
        self._context.set_tensor_address(OUTPUT, self._output.address)

    def infer(self, inputs: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """See Backend. The inputs are copied once, into pinned memory."""
        self._device.use()
        batches = [inputs[i : i + self.max_batch] for i in range(0, len(inputs), self.max_batch)]
        return np.concatenate([self._run(batch) for batch in batches])

    def _run(self, batch: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        count = len(batch)
        for slot, one in zip(self._input.host, batch, strict=False):
            np.copyto(slot, one)
        self._input.to_device(count)
        self._context.set_input_shape(FRAMES, (count, *self._shape))
        if not self._context.execute_async_v3(int(self._device.stream)):
            raise ModelError("TensorRT failed to run the network (the log says why); try backend openvino")
        self._output.to_host(count)
        self._device.wait()
        rows: NDArray[np.float32] = self._output.host[:count].copy()
        return rows

    def close(self) -> None:
        """See Backend."""
        self._device.use()
        self._input.close()
        self._output.close()
        del self._context, self._engine
        self._device.close()


def load(network: PreparedNetwork, settings: BackendSettings) -> Backend:
    """Load the network's engine, built the first time. Raises HarError."""
    if settings.precision == "bf16":
        raise ModelError("TensorRT does not run bf16 here; set precision to auto, f16 or f32, or backend to openvino")
    from har_ros.backends import engine  # noqa: F401  is TensorRT there?
    from har_ros.backends.cuda import Device

    if settings.cpu_while_building:
        from har_ros.backends import openvino
        from har_ros.backends.standby import Standby

        Device().close()  # is there a GPU?
        meanwhile = openvino.load(network, replace(settings, precision="auto", device="CPU"))
        return Standby(meanwhile, lambda: _load(network, settings, Device()))
    return _load(network, settings, Device())


def _load(network: PreparedNetwork, settings: BackendSettings, device: Device) -> TensorRtBackend:
    max_batch = 1 if network.single else settings.max_batch
    try:
        half = settings.precision != "f32"
        engine = _engine(network, device, half, max_batch)
        return TensorRtBackend(engine, network, device, half, max_batch)
    except ModelError:
        device.close()
        raise


def _engine(network: PreparedNetwork, device: Device, half: bool, max_batch: int) -> trt.ICudaEngine:
    from har_ros.backends.engine import Gpu, deserialised, engine_file

    gpu = Gpu(device.name, device.capability)
    for _ in range(2):
        file = engine_file(network, gpu, half, max_batch)
        if (engine := deserialised(file)) is not None:
            return engine
        discard(file)  # written by another driver, or for a GPU of the same name that is not the same
    raise ModelError(f"TensorRT does not load the engine of {network.name} that it built; set backend to openvino")
