"""OpenVINO: any CPU, Intel's GPUs and NPUs; reads ONNX, IR and TensorFlow Lite."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import BackendSettings, State
from har_ros.backends.openvino.cores import quota
from har_ros.errors import ConfigurationError, ModelError
from har_ros.files.cache import foreign, own_folder
from har_ros.graphs.prepare import PreparedNetwork

if TYPE_CHECKING:
    import openvino

logger = logging.getLogger(__name__)

CACHE_LIMIT = 16
"""Number of compiled networks that OpenVINO's cache keeps."""


class OpenVinoBackend:
    """One compiled network and one inference request, or one for each stream of a network with states."""

    max_batch = 1

    def __init__(self, compiled: openvino.CompiledModel, name: str) -> None:
        self.name = name
        self._compiled = compiled
        self._request = compiled.create_infer_request()

    def new_state(self) -> RequestState:
        """Return another stream's state."""
        return RequestState(self._compiled.create_infer_request())

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """Return one row of outputs for each input, which is read where it lies. Raises ModelError."""
        requests = [state.request for state in states if isinstance(state, RequestState)]
        try:
            rows = [
                _run(request, one[None])
                for one, request in zip(inputs, requests or repeat(self._request), strict=False)
            ]
        except RuntimeError as error:
            raise ModelError(
                f"OpenVINO failed ({_reason(error)}); try another network, or fewer frames if memory is short"
            ) from None
        if wrong := next((row.shape for row in rows if len(row) != 1), None):
            raise ModelError(f"the network gives outputs of shape {wrong} for one input; check the model card")
        return np.concatenate(rows, dtype=np.float32)

    def close(self) -> None:
        """Free the network."""
        del self._request, self._compiled


def _run(request: openvino.InferRequest, one: NDArray[Any]) -> NDArray[Any]:
    """Run one request on OpenVINO's own threads; returns its first output, a copy.

    `infer` would run it on the calling thread and leave a thread-local object there, whose destructor crashes when it
    runs while another thread frees the network. Python up to 3.12 cannot wait for it: Thread.join returns earlier.
    """
    request.start_async([one], share_inputs=True)
    request.wait()
    row: NDArray[Any] = request.results[0]
    return row


class RequestState:
    """A request keeps the state of its stream."""

    kept = True

    def __init__(self, request: openvino.InferRequest) -> None:
        self.request = request

    def reset(self) -> None:
        """Make it zeros again."""
        self.request.reset_state()


def load(network: PreparedNetwork, settings: BackendSettings) -> OpenVinoBackend:
    """Read and compile the network for one input at a time. Raises HarError."""
    core = _core()
    device, config = settings.device, {"PERFORMANCE_HINT": "LATENCY"}
    if device == "CPU":
        config["ENABLE_CPU_PINNING"] = "NO"  # a thread that waits for its core, which others use, too, stops them all
        config["INFERENCE_NUM_THREADS"] = str(settings.threads or _threads())
    if settings.precision != "auto":
        config["INFERENCE_PRECISION_HINT"] = settings.precision
    if not any(name.partition(".")[0] == device for name in core.available_devices):
        raise ConfigurationError(
            f"OpenVINO finds no {device} here, only {', '.join(core.available_devices)}; "
            f"set device to one of these, or install the {device}'s driver"
        )
    config.update(_cache())
    try:
        model = joined(network)
        compiled = core.compile_model(model, device, config)
    except (RuntimeError, UnicodeError) as error:
        raise ModelError(
            f"OpenVINO cannot load {network.path} for inputs of {'×'.join(map(str, network.shape))} "
            f"({_reason(error)}); check the model card"
        ) from None
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if settings.precision not in ("auto", precision):
        logger.warning("this %s has no %s for OpenVINO, which computes in %s", device, settings.precision, precision)
    return OpenVinoBackend(compiled, f"OpenVINO on {device}, {precision}")


def _threads() -> int:
    """Return the number of threads where a container may not use all cores, 0 elsewhere.

    With more, the network spends the container's time at once, and all that the node does stands still until the next
    period.
    """
    limit = quota()
    return max(1, int(limit)) if limit < (os.cpu_count() or 1) else 0


def read_network(path: Path) -> openvino.Model:
    """Read a network file. Raises ModelError."""
    try:
        return _core().read_model(path)
    except (RuntimeError, UnicodeError) as error:  # UnicodeError: of its own message, which quotes the file
        raise ModelError(f"OpenVINO cannot read {path} ({_reason(error)}); check the file") from None


def tensor_name(port: Any) -> str:
    """Return an input's or output's name; old IR files name the node only."""
    if port.names:
        return str(sorted(port.names)[0])
    node = port.get_node()
    return str((node.input_value(0).get_node() if node.get_type_name() == "Result" else node).get_friendly_name())


def _core() -> openvino.Core:
    try:
        import openvino
    except ImportError as error:
        raise ModelError(
            f"OpenVINO cannot be imported by {sys.executable} ({error}); run: pip install openvino"
        ) from None
    return openvino.Core()


def joined(network: PreparedNetwork, batch: int = 1) -> openvino.Model:
    """Return the network with what lies before and after it, for `batch` inputs at a time; -1: for any number.

    Raises ModelError and RuntimeError.
    """
    core = _core()
    import openvino
    from openvino.passes import MakeStateful, Manager

    model = core.read_model(network.twin.model.SerializeToString()) if network.twin else read_network(network.path)
    before = core.read_model(network.before().SerializeToString())
    after = core.read_model(network.after().SerializeToString())
    taken = next(port for port in model.inputs if tensor_name(port) == network.input_blob)
    given = next(port for port in model.outputs if tensor_name(port) == network.output_blob)
    _connect(before.outputs[0].get_node().input_value(0), taken)
    _connect(given.get_node().input_value(0), after.inputs[0])
    ports = {tensor_name(port): port.get_node() for port in (*model.inputs, *model.outputs)} if network.states else {}
    states = [(ports[state.input], ports[state.output]) for state in network.states]
    parameters = [*before.get_parameters(), *(parameter for parameter, _ in states)]
    whole = openvino.Model([*after.get_results(), *(result for _, result in states)], parameters, network.name)
    shapes = [network.shape, *(state.shape for state in network.states)]
    whole.reshape({i: [batch, *shape] for i, shape in enumerate(shapes)})
    if states:
        manager = Manager()
        manager.register_pass(MakeStateful(states))
        manager.run_passes(whole)
    return whole


def _connect(source: Any, parameter: Any) -> None:
    """Let what read the parameter read the source."""
    for target in parameter.get_target_inputs():
        target.replace_source_output(source)


def _cache() -> dict[str, str]:
    """Return the property that lets OpenVINO keep what it compiled; nothing where the folder cannot be written."""
    try:
        folder = own_folder("openvino")
        blobs = sorted(folder.glob("*.blob"), key=lambda blob: blob.stat().st_mtime, reverse=True)
        for place, blob in enumerate(blobs):
            if place >= CACHE_LIMIT or foreign(blob):
                blob.unlink(missing_ok=True)
    except OSError:
        return {}
    return {"CACHE_DIR": str(folder)} if os.access(folder, os.W_OK) else {}


def _reason(error: Exception) -> str:
    """Return the last line of OpenVINO's message; those before it name its source code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
