"""OpenVINO: any CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from har_ros.backends import Precision
from har_ros.errors import ModelError

if TYPE_CHECKING:
    import openvino


class OpenVinoBackend:
    """One compiled network and one inference request; use it from one thread at a time."""

    def __init__(self, compiled: openvino.CompiledModel) -> None:
        self._request = compiled.create_infer_request()

    def infer(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See Backend. The clips are read where they lie."""
        try:
            results = self._request.infer([clips], share_inputs=True)
        except RuntimeError as error:
            raise ModelError(
                f"OpenVINO failed ({_reason(error)}); try another network, or fewer frames if memory is short"
            ) from None
        return np.asarray(results[0], np.float32)

    def close(self) -> None:
        """See Backend."""
        del self._request


def load(network: Path, clip_shape: tuple[int, int, int, int], precision: Precision) -> OpenVinoBackend:
    """Read and compile the network for one clip of the shape. Raises ModelError."""
    try:
        import openvino
    except ImportError as error:
        raise ModelError(f"OpenVINO cannot be imported ({error}); run: pip install openvino") from None
    hints = {"PERFORMANCE_HINT": "LATENCY"}
    if precision == "f32":
        hints["INFERENCE_PRECISION_HINT"] = "f32"
    try:
        core = openvino.Core()
        model = core.read_model(network)
        model.reshape([1, *clip_shape])
        return OpenVinoBackend(core.compile_model(model, "CPU", hints))
    except RuntimeError as error:
        raise ModelError(
            f"OpenVINO cannot load {network} for clips of {clip_shape} ({_reason(error)}); check the model card"
        ) from None


def _reason(error: Exception) -> str:
    """Return the last line of OpenVINO's message; those before it name its source code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
