"""A server that is reached through HTTP."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.contract import TYPES, Tensor
from har_ros.backends.triton.late import LateCalls
from har_ros.backends.triton.sequence import Step
from har_ros.backends.triton.shared_memory import Region
from har_ros.backends.triton.wire import IDLE, Input, Limit, UnansweredError, patience, tensor
from har_ros.errors import BackendMissingError, ModelError, one_line
from har_ros.graphs.prepare import OUTPUT

if TYPE_CHECKING:
    from har_ros.backends.triton.http_pool import Answer

NOT_READY = 400, 503
"""What Triton and others answer while they start."""
UNAVAILABLE = 429, 502, 503, 504
"""What servers, and proxies in front of them, answer when they are gone, overloaded or too slow."""
BINARY = "binary_tensor_data"
"""The protocol's extension by which tensors follow their description as bytes."""
JSON_LENGTH = "inference-header-content-length"
MEMORY = "v2/systemsharedmemory"
ARRAYS = {protocols: np.dtype(numpys).newbyteorder("<") for numpys, protocols in TYPES.items()}


class HttpWire:
    """Connections that are kept, as many as there are requests at a time."""

    name = "HTTP"

    def __init__(self, address: Address, late: LateCalls) -> None:
        self._address = address
        self.check_library()
        from har_ros.backends.triton.http_pool import Pool

        self._pool = Pool(address)
        self._binary: bool | None = None  # whether the server takes and gives bytes; None: not asked yet

    @staticmethod
    def check_library() -> None:
        """Raise BackendMissingError without httpcore."""
        try:
            import httpcore  # noqa: F401
        except ImportError as error:
            raise BackendMissingError(
                f"what speaks HTTP cannot be imported by {sys.executable} ({error}); run: pip install httpcore"
            ) from None

    def ready(self) -> bool:
        """Return whether the server has started."""
        answer = self._pool.ask("GET", "v2/health/ready", patience())
        if answer.status not in (200, *NOT_READY):
            raise self._refusal(answer)
        return answer.status == 200

    def tensors(self, network: str) -> tuple[list[Tensor], list[Tensor]]:
        """Return a network's inputs and outputs."""
        found = self._asked("GET", _model(network))
        with self._reading():
            return _tensors(found["inputs"]), _tensors(found["outputs"])

    def configuration(self, network: str) -> tuple[Mapping[str, str], float]:
        """Return a network's parameters, and the seconds that it keeps a state without a step; 0: it keeps none."""
        found = self._asked("GET", f"{_model(network)}/config")
        with self._reading():
            parameters = {key: str(value["string_value"]) for key, value in found.get("parameters", {}).items()}
            keeps = found.get("sequence_batching")
            idle = 0.0 if keeps is None else int(keeps.get("max_sequence_idle_microseconds", 0)) or IDLE
            return parameters, idle / 1e6

    def register(self, region: Region) -> None:
        """Let the server map a region."""
        given = {"key": f"/{region.name}", "offset": 0, "byte_size": region.bytes.size}
        self._asked("POST", f"{MEMORY}/region/{region.name}/register", given)

    def unregister(self, region: str) -> None:
        """Let the server unmap a region."""
        self._asked("POST", f"{MEMORY}/region/{region}/unregister", {})

    def regions(self) -> Collection[str]:
        """Return the names of the regions that the server has mapped."""
        found = self._asked("GET", f"{MEMORY}/status")
        with self._reading():
            return {str(one["name"]) for one in found}

    def infer(
        self, network: str, taken: Input, limit: Limit, id: str = "", step: Step | None = None
    ) -> tuple[Any, NDArray[Any] | None]:
        """Return the id that the answer repeats, and the network's output in it, if it is there."""
        binary = self._takes_bytes()
        given, data = _input(taken, binary)
        output = {"name": OUTPUT, **({"parameters": {"binary_data": True}} if binary else {})}
        request = {"id": id, "inputs": [given], "outputs": [output]}
        described = json.dumps({**request, **_sequence(step)}).encode()
        headers = {JSON_LENGTH: str(len(described))} if data is not None else {}
        parts = [memoryview(described)] if data is None else [memoryview(described), data]
        answer = self._pool.ask("POST", f"{_model(network)}/infer", limit, parts, headers)
        if answer.status != 200:
            raise self._refusal(answer)
        with self._reading():
            length = int(answer.headers.get(JSON_LENGTH, len(answer.content)))
            found = json.loads(answer.content[:length])
            return found.get("id", ""), _output(found["outputs"], answer.content[length:])

    def _takes_bytes(self) -> bool:
        """Return whether tensors travel as bytes. Others need five times as many, and longer to read."""
        if self._binary is None:
            found = self._asked("GET", "v2")
            with self._reading():
                self._binary = BINARY in found.get("extensions", [])
                self.name = "HTTP" if self._binary else "HTTP as JSON"
        return self._binary

    def close(self) -> None:
        """End the connections, and what waits for an answer."""
        self._pool.close()

    def _asked(self, method: str, path: str, given: Any = None) -> Any:
        """Ask about the server, or a network. Returns what the answer's JSON says."""
        parts = [] if given is None else [memoryview(json.dumps(given).encode())]
        answer = self._pool.ask(method, path, patience(), parts)
        if answer.status != 200:
            raise self._refusal(answer)
        with self._reading():
            return json.loads(answer.content) if answer.content else {}

    def _refusal(self, answer: Answer) -> ModelError:
        """Return what the server says in place of an answer."""
        try:
            said = json.loads(answer.content)
            reason = said.get("error") or said["detail"]  # the latter is FastAPI's
        except Exception:  # a page of a proxy, say
            reason = f"{answer.status} {answer.reason}"
        kind = UnansweredError if answer.status in UNAVAILABLE else ModelError
        return kind(f"the server at {self._address} says: {one_line(reason)[:300]}")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what any bytes cause into ModelError."""
        try:
            yield
        except Exception as error:
            reason = f"{type(error).__name__}: {one_line(error)[:300]}"
            raise ModelError(f"the server at {self._address} gives an unreadable answer ({reason})") from None


def _model(network: str) -> str:
    return f"v2/models/{quote(network, safe='')}"


def _tensors(found: Iterable[Mapping[str, Any]]) -> list[Tensor]:
    return [tensor(one["name"], one["datatype"], one["shape"]) for one in found]


def _input(taken: Input, binary: bool) -> tuple[dict[str, Any], memoryview | None]:
    """Return how an input is described, and its bytes where they follow."""
    array, place = taken.array, taken.place
    given = {"name": taken.name, "datatype": TYPES[array.dtype.name], "shape": array.shape}
    if place is not None:
        lies = {"shared_memory_region": place.region.name, "shared_memory_offset": place.offset}
        return {**given, "parameters": {**lies, "shared_memory_byte_size": array.nbytes}}, None
    if not binary:
        return {**given, "data": array.ravel().tolist()}, None
    return {**given, "parameters": {"binary_data_size": array.nbytes}}, array.reshape(-1).view(np.uint8).data


def _sequence(step: Step | None) -> dict[str, Any]:
    """Return what a request says of its sequence."""
    if step is None:
        return {}
    return {"parameters": {"sequence_id": step.number, "sequence_start": step.start, "sequence_end": step.end}}


def _output(found: Sequence[Mapping[str, Any]], content: bytes) -> NDArray[Any] | None:
    """Return a network's output among those that an answer has. content: the bytes of all that have bytes."""
    start = 0
    for one in found:
        size = one.get("parameters", {}).get("binary_data_size")
        if one["name"] == OUTPUT:
            kind = ARRAYS[one["datatype"]]
            data = np.array(one["data"], kind) if size is None else np.frombuffer(content[start : start + size], kind)
            return data.reshape(one["shape"])
        start += size or 0
    return None
