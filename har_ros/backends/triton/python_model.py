"""The model.py of an exported network: Triton's Python backend runs it, and OpenVINO the network beside it."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = os.environ.get("TRITON_PYTHON_PATH", "").split(os.pathsep)  # Triton's Python does not heed PYTHONPATH
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it forks, and tells Google Analytics

import numpy as np  # noqa: E402
import openvino  # noqa: E402
import triton_python_backend_utils as pb_utils  # noqa: E402  # Triton's own
from triton_tensor import tensor  # noqa: E402  # exported beside this

START, END = pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START, pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END


class TritonPythonModel:
    """The interface that Triton expects."""

    def initialize(self, args: dict[str, str]) -> None:
        """Compile the network for one input at a time."""
        model = openvino.Core().read_model(Path(__file__).with_name("model.xml"))
        model.reshape([1, *list(model.input().partial_shape)[1:]])
        config = json.loads(args["model_config"])
        properties = {"PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": "NO"}
        if (precision := config["parameters"]["precision"]["string_value"]) != "auto":
            properties["INFERENCE_PRECISION_HINT"] = precision
        compiled = openvino.compile_model(model, "CPU", properties)
        self._request = compiled.create_infer_request()
        sequences = config.get("sequence_batching")
        self._streams = Streams(compiled, sequences) if sequences else None

    def execute(self, requests: list[Any]) -> list[Any]:
        """Return a response for each request, which may have several inputs, or is a step of a sequence."""
        return [self._response(request) for request in requests]

    def _response(self, request: Any) -> Any:
        if self._streams and request.flags() & (START | END) == END:
            self._streams.end(request.correlation_id())
            return pb_utils.InferenceResponse([])  # nobody reads it
        frames = pb_utils.get_input_tensor_by_name(request, "frames")
        try:
            run = self._streams.request(request) if self._streams else self._request
        except KeyError:
            return pb_utils.InferenceResponse(error=pb_utils.TritonError("the state of the sequence is lost"))
        rows = []
        for one in np.from_dlpack(frames):
            run.infer([one[None]], share_inputs=True)
            rows.append(run.results[0].copy())
        return pb_utils.InferenceResponse([tensor("output", np.concatenate(rows))])


class Streams:
    """OpenVINO's requests, each of which keeps the state of a sequence, as many as Triton lets run at a time."""

    def __init__(self, compiled: Any, sequences: dict[str, Any]) -> None:
        self._compiled = compiled
        self._limit = int(sequences["oldest"]["max_candidate_sequences"])
        self._idle = int(sequences["max_sequence_idle_microseconds"]) / 1e6
        self._kept: dict[int, tuple[Any, float]] = {}  # by the sequence; with the time of the newest step, oldest first

    def request(self, step: Any) -> Any:
        """Return what runs this step of a sequence. Raises KeyError when its state is not there."""
        number, flags, now = step.correlation_id(), step.flags(), time.monotonic()
        run, _ = self._kept.pop(number, (None, now))
        if flags & START:
            run = run or self._compiled.create_infer_request()
            run.reset_state()
        elif run is None:
            raise KeyError(number)
        if not flags & END:
            self._kept[number] = run, now
        self._forget(now)
        return run

    def end(self, number: int) -> None:
        """Free what a sequence had."""
        self._kept.pop(number, None)

    def _forget(self, now: float) -> None:
        """Free what Triton has forgotten: it says so of no sequence that ended for want of steps."""
        for number, (_, newest) in list(self._kept.items()):
            if len(self._kept) <= self._limit and now - newest <= 2 * self._idle:
                return
            del self._kept[number]
