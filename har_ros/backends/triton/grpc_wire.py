"""A server that is reached through gRPC, by Triton's own client."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from contextlib import contextmanager
from threading import Lock
from typing import Any

from numpy.typing import NDArray

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.contract import TYPES, Tensor
from har_ros.backends.triton.late import RUN_OUT, LateCalls
from har_ros.backends.triton.sequence import Step
from har_ros.backends.triton.shared_memory import Region
from har_ros.backends.triton.wire import IDLE, LARGEST_ANSWER, Input, Limit, UnansweredError, patience, tensor, token
from har_ros.errors import BackendMissingError, ModelError, one_line
from har_ros.graphs.prepare import OUTPUT

OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", LARGEST_ANSWER),
    ("grpc.use_local_subchannel_pool", 1),  # a new connection does not wait as long as the last one would have
)


class GrpcWire:
    """A connection of Triton's client, which outlives `close` until what was sent has been answered."""

    name = "gRPC"

    def __init__(self, address: Address, late: LateCalls) -> None:
        self._address = address
        self._late = late
        self._open: set[Future[Any]] = set()  # windows that have no answer yet, given up or not
        self._closed = False
        self._lock = Lock()  # of the last two
        self._library = client_library()
        self._client = self._library.InferenceServerClient(
            address.place, creds=_credentials(address), channel_args=list(OPTIONS)
        )

    @staticmethod
    def check_library() -> None:
        """Raise BackendMissingError without Triton's client."""
        client_library()

    @contextmanager
    def _asking(self, limit: Limit) -> Iterator[dict[str, float]]:
        """Yield what tells Triton's client of the limit; its errors become ours."""
        from tritonclient.utils import InferenceServerException

        try:
            yield {"client_timeout": limit.seconds}
        except InferenceServerException as error:
            if error.status() == "StatusCode.DEADLINE_EXCEEDED":
                raise self._unanswered(limit) from None
            kind = UnansweredError if error.status() == "StatusCode.UNAVAILABLE" else ModelError
            raise kind(f"the server at {self._address} says: {_reason(error)}") from None

    def _unanswered(self, limit: Limit) -> UnansweredError:
        return UnansweredError(f"the server at {self._address} does not answer within {limit}")

    def ready(self) -> bool:
        """Return whether the server has started."""
        self._late.check(self._address)
        with self._asking(patience()) as limit:
            return bool(self._client.is_server_ready(**limit))

    def tensors(self, network: str) -> tuple[list[Tensor], list[Tensor]]:
        """Return a network's inputs and outputs."""
        with self._asking(patience()) as limit:
            found = self._client.get_model_metadata(network, **limit)
        return _tensors(found.inputs), _tensors(found.outputs)

    def configuration(self, network: str) -> tuple[Mapping[str, str], float]:
        """Return a network's parameters, and the seconds that it keeps a state without a step; 0: it keeps none."""
        with self._asking(patience()) as limit:
            config = self._client.get_model_config(network, **limit).config
        parameters = {key: value.string_value for key, value in config.parameters.items()}
        idle = config.sequence_batching.max_sequence_idle_microseconds or IDLE
        return parameters, idle / 1e6 if config.HasField("sequence_batching") else 0.0

    def register(self, region: Region) -> None:
        """Let the server map a region."""
        with self._asking(patience()) as limit:
            self._client.register_system_shared_memory(region.name, f"/{region.name}", region.bytes.size, **limit)

    def unregister(self, region: str) -> None:
        """Let the server unmap a region."""
        with self._asking(patience()) as limit:
            self._client.unregister_system_shared_memory(region, **limit)

    def regions(self) -> Collection[str]:
        """Return the names of the regions that the server has mapped."""
        with self._asking(patience()) as limit:
            return set(self._client.get_system_shared_memory_status(**limit).regions)

    def infer(
        self, network: str, taken: Input, limit: Limit, id: str = "", step: Step | None = None
    ) -> tuple[Any, NDArray[Any] | None]:
        """Return the id that the answer repeats, and the network's output in it, if it is there."""
        self._late.check(self._address)
        given, outputs = self._input(taken), [self._library.InferRequestedOutput(OUTPUT)]
        with self._asking(limit):
            result = self._answer(limit, network, [given], outputs=outputs, request_id=id, **_sequence(step))
        try:
            return result.get_response().id, result.as_numpy(OUTPUT)
        except Exception as error:  # what any bytes cause
            raise ModelError(f"the server at {self._address} gives an unreadable answer ({one_line(error)})") from None

    def _answer(self, limit: Limit, network: str, inputs: list[Any], **given: Any) -> Any:
        """Return the answer that comes within the limit. A call that has none is given up, but not cancelled."""
        call = self._begin()

        def end(result: Any, error: Exception | None) -> None:
            call.set_exception(error) if error else call.set_result(result)

        try:
            self._client.async_infer(network, inputs, end, client_timeout=limit.seconds + RUN_OUT, **given)
        except BaseException:
            call.cancel()
            raise
        try:
            return call.result(limit.seconds)
        except LateError:
            raise self._unanswered(limit) from None
        finally:  # also of Ctrl-C
            if not call.done():
                self._late.add(call)

    def _begin(self) -> Future[Any]:
        call: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise UnansweredError(f"the connection to the server at {self._address} is closed")
            self._open.add(call)
        call.add_done_callback(self._end)
        return call

    def _end(self, call: Future[Any]) -> None:
        with self._lock:
            self._open.discard(call)
            over = self._closed and not self._open
        if over:
            self._client.close()

    def _input(self, taken: Input) -> Any:
        array, place = taken.array, taken.place
        given = self._library.InferInput(taken.name, list(array.shape), TYPES[array.dtype.name])
        if place is None:
            given.set_data_from_numpy(array)
        else:
            given.set_shared_memory(place.region.name, array.nbytes, place.offset)
        return given

    def close(self) -> None:
        """End the connection as soon as nothing waits for an answer on it."""
        with self._lock:
            self._closed, over = True, not self._open
        if over:
            self._client.close()


def _tensors(found: Iterable[Any]) -> list[Tensor]:
    return [tensor(one.name, one.datatype, one.shape) for one in found]


def _sequence(step: Step | None) -> dict[str, Any]:
    """Return what a request says of its sequence."""
    if step is None:
        return {}
    return {"sequence_id": step.number, "sequence_start": step.start, "sequence_end": step.end}


def client_library() -> Any:
    """Return Triton's client for gRPC. Raises BackendMissingError."""
    try:
        import tritonclient.grpc
    except ImportError as error:
        raise BackendMissingError(
            f"Triton's client cannot be imported by {sys.executable} ({error}); run: pip install tritonclient[grpc]"
        ) from None
    return tritonclient.grpc


def _credentials(address: Address) -> Any:
    """Return what encrypts the connection and shows the token; None for a connection that is not encrypted."""
    import grpc

    shows = token(address)
    if not address.secure:
        return None
    encrypted = grpc.ssl_channel_credentials()
    if not shows:
        return encrypted
    return grpc.composite_channel_credentials(encrypted, grpc.access_token_call_credentials(shows))


def _reason(error: Any) -> str:
    """Return what Triton's client says of an error."""
    return one_line(error.message() or error.status() or "nothing")[:300]
