"""The model.py that reads windows as JPEG and gives them to their network: Triton's Python backend runs it."""

import asyncio
import json
import os
import sys
from typing import Any

sys.path[:0] = os.environ.get("TRITON_PYTHON_PATH", "").split(os.pathsep)  # Triton's Python does not heed PYTHONPATH

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import triton_python_backend_utils as pb_utils  # noqa: E402  # Triton's own
from triton_tensor import tensor  # noqa: E402  # exported beside this


class TritonPythonModel:
    """The interface that Triton expects."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read what windows look like."""
        parameters = json.loads(args["model_config"])["parameters"]
        self._network = parameters["network"]["string_value"]
        self._shape = tuple(map(int, parameters["shape"]["string_value"].split()))

    async def execute(self, requests: list[Any]) -> list[Any]:
        """Return a response for each request, of one window."""
        return list(await asyncio.gather(*map(self._response, requests)))

    async def _response(self, request: Any) -> Any:
        data = np.asarray(np.from_dlpack(pb_utils.get_input_tensor_by_name(request, "jpeg")), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if image is None or image.size != np.prod(self._shape):
            found = "no JPEG" if image is None else f"a JPEG of {image.shape[1]}×{image.shape[0]} pixels"
            return pb_utils.InferenceResponse(
                error=pb_utils.TritonError(f"the window is {found}; export its network again")
            )
        window = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).reshape(1, *self._shape)
        asked = pb_utils.InferenceRequest(
            model_name=self._network,
            requested_output_names=["output"],
            inputs=[tensor("frames", window)],
            correlation_id=request.correlation_id(),
            flags=request.flags(),
        )
        answer = await asked.async_exec()
        if answer.has_error():
            return pb_utils.InferenceResponse(error=answer.error())
        return pb_utils.InferenceResponse(answer.output_tensors())
