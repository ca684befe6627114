"""TensorRT: NVIDIA's GPUs, from JetPack 5 (8.5) on, and TensorRT for RTX."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend, BackendSettings, State
from har_ros.errors import ConfigurationError, ModelError
from har_ros.files.cache import discard
from har_ros.graphs.builder import StateTensor
from har_ros.graphs.prepare import FRAMES, NETWORK, OUTPUT, PreparedNetwork

if TYPE_CHECKING:
    import tensorrt_rtx_bindings.tensorrt_rtx as trt

    from har_ros.backends.tensorrt.cuda import Device


SEE_LOG = "the log says why; set backend to openvino"


class TensorRtBackend:
    """One engine, its buffers and one stream, all allocated once, and on a device that it closes."""

    def __init__(
        self, engine: trt.ICudaEngine, network: PreparedNetwork, device: Device, half: bool, max_batch: int
    ) -> None:
        """Raises ModelError when memory is short."""
        from har_ros.backends.tensorrt.cuda import Buffer

        self.name = f"TensorRT on {device.name}, {'f16' if half else 'f32'}"
        self.max_batch = max_batch
        self._device, self._shape = device, network.shape
        self._engine = engine  # lives as long as its context
        self._context = engine.create_execution_context()
        if self._context is None:
            raise ModelError(f"TensorRT cannot prepare {network.name} (out of memory?); use a smaller max_batch")
        self._input = Buffer(device, (max_batch, *network.shape), network.type)
        self._states = States(device, network.states, max_batch)
        self._set_batch(max_batch)
        width = self._context.get_tensor_shape(OUTPUT)[1]
        self._output = Buffer(device, (max_batch, width), np.float32)
        addresses = {FRAMES: self._input.address, OUTPUT: self._output.address, **self._states.addresses}
        for name, address in addresses.items():
            if not self._context.set_tensor_address(name, address):
                raise ModelError(f"TensorRT takes no address for {name} of {network.name}; {SEE_LOG}")

    def new_state(self) -> StreamState:
        """Return another stream's state. Raises ModelError when memory is short."""
        return self._states.new()

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """Return one row of outputs for each input. Raises ModelError.

        The inputs are copied once, into pinned memory; the states stay on the device.
        """
        self._device.use()
        kept = [state for state in states if isinstance(state, StreamState)]
        batches = [slice(i, i + self.max_batch) for i in range(0, len(inputs), self.max_batch)]
        return np.concatenate([self._run(inputs[batch], kept[batch]) for batch in batches])

    def _set_batch(self, count: int) -> None:
        for name, shape in {FRAMES: self._shape, **self._states.shapes}.items():
            if not self._context.set_input_shape(name, (count, *shape)):
                raise ModelError(f"TensorRT takes no {'×'.join(map(str, (count, *shape)))} for {name}; {SEE_LOG}")

    def _run(self, batch: Sequence[NDArray[Any]], states: Sequence[StreamState]) -> NDArray[np.float32]:
        count = len(batch)
        for slot, one in zip(self._input.host, batch, strict=False):
            np.copyto(slot, one)
        self._input.to_device(count)
        self._set_batch(count)
        self._states.gather(states)
        if not self._context.execute_async_v3(int(self._device.stream)):
            raise ModelError(f"TensorRT failed to run the network; {SEE_LOG}")
        self._states.scatter(states)
        self._output.to_host(count)
        self._device.wait()
        rows: NDArray[np.float32] = self._output.host[:count].copy()
        return rows

    def close(self) -> None:
        """Free the engine, its buffers and its device."""
        self._device.use()
        del self._context, self._engine
        self._device.close()


@dataclass
class StreamState:
    """One stream's state: a block of device memory, which goes back to the pool with this object."""

    address: int
    size: int
    device: Device
    kept: ClassVar[bool] = True

    def reset(self) -> None:
        """Make it zeros again."""
        self.device.clear(self.address, self.size)


class States:
    """All state tensors: batches of them that the engine reads and writes, and a block of all of them per stream."""

    def __init__(self, device: Device, states: Sequence[StateTensor], max_batch: int) -> None:
        """Raises ModelError when memory is short."""
        self.shapes = {NETWORK + state.input: state.shape for state in states}
        self.addresses: dict[str, int] = {}
        self._device = device
        self._batches: list[tuple[int, int, int, int]] = []  # read, written, offset in a block, bytes
        self._free: list[int] = []  # blocks whose streams have ended
        self._size = 0
        for state in states:
            read, written = (device.allocate(max_batch * state.size) for _ in range(2))
            self.addresses.update({NETWORK + state.input: read, NETWORK + state.output: written})
            self._batches.append((read, written, self._size, state.size))
            self._size += state.size

    def new(self) -> StreamState:
        """Return another stream's state."""
        if not self._free:
            self._free.append(self._device.allocate(self._size))
        state = StreamState(self._free.pop(), self._size, self._device)
        weakref.finalize(state, self._free.append, state.address)
        state.reset()
        return state

    def gather(self, states: Sequence[StreamState]) -> None:
        """Copy the streams' states to where the engine reads them."""
        for read, _, offset, size in self._batches:
            for i, state in enumerate(states):
                self._device.copy(read + i * size, state.address + offset, size)

    def scatter(self, states: Sequence[StreamState]) -> None:
        """Copy what the engine has written back to the streams' states."""
        for _, written, offset, size in self._batches:
            for i, state in enumerate(states):
                self._device.copy(state.address + offset, written + i * size, size)


def load(network: PreparedNetwork, settings: BackendSettings) -> Backend:
    """Load the network's engine, built the first time. Raises HarError."""
    if settings.precision == "bf16":
        raise ModelError("TensorRT does not run bf16 here; set precision to auto, f16 or f32, or backend to openvino")
    if network.states and settings.cpu_while_building:
        raise ConfigurationError(
            "cpu_while_building cannot be with continual, whose state does not move from one backend to the other; "
            "set one of them to false"
        )
    from har_ros.backends.tensorrt import engine  # noqa: F401  is TensorRT there?
    from har_ros.backends.tensorrt.cuda import Device

    if settings.cpu_while_building:
        from har_ros.backends.openvino import backend as openvino
        from har_ros.backends.standby import Standby

        Device().close()  # is there a GPU?
        meanwhile = openvino.load(network, replace(settings, precision="auto", device="CPU"))
        return Standby(meanwhile, lambda cancelled: _load(network, settings, Device(), cancelled))
    return _load(network, settings, Device())


def _load(
    network: PreparedNetwork, settings: BackendSettings, device: Device, cancelled: Event | None = None
) -> TensorRtBackend:
    max_batch = 1 if network.single else settings.max_batch
    try:
        half = settings.precision != "f32"
        engine = _engine(network, device, half, max_batch, cancelled)
        return TensorRtBackend(engine, network, device, half, max_batch)
    except BaseException:  # Ctrl-C, too, which may come in the minutes of a build
        device.close()
        raise


def _engine(
    network: PreparedNetwork, device: Device, half: bool, max_batch: int, cancelled: Event | None
) -> trt.ICudaEngine:
    from har_ros.backends.tensorrt.engine import Gpu, deserialised, engine_file

    gpu = Gpu(device.name, device.capability)
    for _ in range(2):
        file = engine_file(network, gpu, half, max_batch, cancelled)
        if (engine := deserialised(file)) is not None:
            return engine
        discard(file)  # written by another driver, or for a GPU of the same name that is not the same
    raise ModelError(f"TensorRT does not load the engine of {network.name} that it built; set backend to openvino")
