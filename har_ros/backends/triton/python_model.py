"""The model.py of an exported network: Triton's Python backend runs it, and OpenVINO the network beside it."""

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = os.environ.get("TRITON_PYTHON_PATH", "").split(os.pathsep)  # Triton's Python does not heed PYTHONPATH

import numpy as np  # noqa: E402
import openvino  # noqa: E402
import triton_python_backend_utils as pb_utils  # noqa: E402  # Triton's own


class TritonPythonModel:
    """The interface that Triton expects."""

    def initialize(self, args: dict[str, str]) -> None:
        """Compile the network for one input at a time."""
        model = openvino.Core().read_model(Path(__file__).with_name("model.xml"))
        model.reshape([1, *list(model.input().partial_shape)[1:]])
        parameters = json.loads(args["model_config"])["parameters"]
        config = {"PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO"}
        if (precision := parameters["precision"]["string_value"]) != "auto":
            config["INFERENCE_PRECISION_HINT"] = precision
        self._request = openvino.compile_model(model, "CPU", config).create_infer_request()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Return a response for each request, which may have several inputs."""
        return [self._response(pb_utils.get_input_tensor_by_name(request, "frames")) for request in requests]

    def _response(self, tensor: Any) -> Any:
        rows = []
        for one in np.from_dlpack(tensor):
            self._request.infer([one[None]], share_inputs=True)
            rows.append(self._request.results[0].copy())
        return pb_utils.InferenceResponse([_tensor("output", np.concatenate(rows))])


USED = b"used_dltensor"


def _tensor(name: str, array: Any) -> Any:
    """Make a tensor without Triton reading numpy's array, which its servers up to 2.51 cannot from numpy 2 on.

    They take its DLPack capsule, but do not mark it as numpy expects, which then prints an error for each.
    """
    capsule = array.__dlpack__()
    tensor = pb_utils.Tensor.from_dlpack(name, capsule)
    ctypes.pythonapi.PyCapsule_SetName(ctypes.py_object(capsule), USED)
    return tensor
