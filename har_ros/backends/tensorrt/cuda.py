"""What TensorRT needs of CUDA: the device, a stream, memory of device and host. With NVIDIA's own bindings."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from har_ros.errors import BackendMissingError, ModelError

try:
    from cuda.bindings import driver
except ImportError as error:
    raise BackendMissingError(f"cuda-bindings cannot be imported ({error}); run: pip install cuda-bindings") from None


class Device:
    """The first GPU, its primary context, one stream, and all memory that is allocated here."""

    def __init__(self) -> None:
        """Raises BackendMissingError when there is no driver or no GPU."""
        with ExitStack() as self._held:
            try:
                checked(driver.cuInit(0))
                self._device = checked(driver.cuDeviceGet(0))
                self._context = checked(driver.cuDevicePrimaryCtxRetain(self._device))
            except (RuntimeError, ModelError) as error:
                missing = "its driver, libcuda.so.1, is not installed; check with nvidia-smi"
                reason = str(error) if isinstance(error, ModelError) else missing
                raise BackendMissingError(f"there is no NVIDIA GPU that can be used: {reason}") from None
            self._hold(driver.cuDevicePrimaryCtxRelease, self._device)
            self.use()
            self.stream: Any = checked(driver.cuStreamCreate(driver.CUstream_flags.CU_STREAM_NON_BLOCKING))
            self._hold(driver.cuStreamDestroy, self.stream)
            self._held = self._held.pop_all()

    def _hold(self, free: Callable[[Any], tuple[Any, ...]], thing: Any) -> None:
        self._held.callback(lambda: checked(free(thing)))

    def use(self) -> None:
        """Make the context current in this thread, as every thread needs that calls CUDA."""
        checked(driver.cuCtxSetCurrent(self._context))

    @property
    def name(self) -> str:
        """The GPU's name."""
        return str(checked(driver.cuDeviceGetName(256, self._device)).split(b"\0")[0].decode())

    @property
    def capability(self) -> tuple[int, int]:
        """CUDA's compute capability, such as (8, 7)."""
        attribute = driver.CUdevice_attribute
        major = driver.cuDeviceGetAttribute(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, self._device)
        minor = driver.cuDeviceGetAttribute(attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, self._device)
        return int(checked(major)), int(checked(minor))

    def allocate(self, size: int) -> int:
        """Return the address of `size` bytes on the device. Raises ModelError when memory is short."""
        self.use()
        address = int(checked(driver.cuMemAlloc(size)))
        self._hold(driver.cuMemFree, address)
        return address

    def allocate_pinned(self, size: int) -> int:
        """Return the address of `size` pinned bytes on the host. Raises ModelError when memory is short."""
        self.use()
        address = int(checked(driver.cuMemAllocHost(size)))
        self._hold(driver.cuMemFreeHost, address)
        return address

    def clear(self, address: int, size: int) -> None:
        """Write zeros, in the stream's order."""
        self.use()
        checked(driver.cuMemsetD8Async(address, 0, size, self.stream))

    def copy(self, target: int, source: int, size: int) -> None:
        """Copy on the device, in the stream's order."""
        checked(driver.cuMemcpyDtoDAsync(target, source, size, self.stream))

    def wait(self) -> None:
        """Wait until the stream has done all its work."""
        checked(driver.cuStreamSynchronize(self.stream))

    def close(self) -> None:
        """Free the memory, the stream and the context."""
        self.use()
        self._held.close()


class Buffer:
    """An array in pinned host memory and its twin on the device; both go with the device."""

    def __init__(self, device: Device, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Allocate both; raises ModelError when memory is short."""
        self._stream = device.stream
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.address = device.allocate(size)
        self._pinned = device.allocate_pinned(size)
        self.host: NDArray[Any] = _array_at(self._pinned, size).view(dtype).reshape(shape)

    def to_device(self, rows: int) -> None:
        """Copy the first rows to the device, in the stream's order."""
        checked(driver.cuMemcpyHtoDAsync(self.address, self._pinned, self.host[:rows].nbytes, self._stream))

    def to_host(self, rows: int) -> None:
        """Copy the first rows back, in the stream's order."""
        checked(driver.cuMemcpyDtoHAsync(self._pinned, self.address, self.host[:rows].nbytes, self._stream))


def checked(result: tuple[Any, ...]) -> Any:
    """Return what a call of the driver returned beside its status. Raises ModelError."""
    status, *values = result
    if status != driver.CUresult.CUDA_SUCCESS:
        short = status == driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY
        remedy = "use a smaller max_batch, or free memory of the GPU" if short else "check the GPU with nvidia-smi"
        raise ModelError(f"CUDA failed with {status.name}; {remedy}")
    return values[0] if values else None


def _array_at(address: int, size: int) -> NDArray[np.uint8]:
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
