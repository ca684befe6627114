"""A connection to one server."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.contract import TYPES, Described, Tensor
from har_ros.backends.triton.sequence import Step
from har_ros.backends.triton.shared_memory import Place, Region, leftovers
from har_ros.errors import BackendMissingError, ConfigurationError, ModelError, one_line
from har_ros.graphs.prepare import OUTPUT

logger = logging.getLogger(__name__)

TOKEN = "ACTIONNET_SERVER_TOKEN"
"""The environment variable with the token that a server asks for."""
LARGEST_ANSWER = 64 * 2**20
"""Bytes; a pose network's for 640×640 pixels has 9 MB."""
OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", LARGEST_ANSWER),
    ("grpc.use_local_subchannel_pool", 1),  # a new connection does not wait as long as the last one would have
)
PATIENCE = 1.0
"""Seconds that a question about the server or a network may take."""
IDLE = 1e6
"""Microseconds that Triton keeps a sequence without a step where its configuration does not say."""


class UnansweredError(BackendMissingError):
    """The server is gone, overloaded or too slow."""


class Client:
    """Asks a server about its networks, and sends it windows."""

    def __init__(self, address: Address, deadline: float) -> None:
        """deadline: seconds that a window may take.

        Raises BackendMissingError without Triton's client, ConfigurationError for a token that would not be encrypted.
        """
        self.address = address
        self._deadline = deadline
        self._protocol = client_library()
        self._client = self._protocol.InferenceServerClient(
            address.place, creds=_credentials(address), channel_args=list(OPTIONS)
        )

    @contextmanager
    def _asking(self, limit: str = f"{PATIENCE:g} s") -> Iterator[None]:
        """Turn errors of Triton's client into ours. limit: after which the client gives up, in words."""
        from tritonclient.utils import InferenceServerException

        try:
            yield
        except InferenceServerException as error:
            if error.status() == "StatusCode.DEADLINE_EXCEEDED":
                raise UnansweredError(f"the server at {self.address} does not answer within {limit}") from None
            kind = UnansweredError if error.status() == "StatusCode.UNAVAILABLE" else ModelError
            raise kind(f"the server at {self.address} says: {_reason(error)}") from None

    def check_ready(self) -> None:
        """Raise BackendMissingError when no server answers, or one that is still starting."""
        try:
            with self._asking():
                ready = self._client.is_server_ready(client_timeout=PATIENCE)
        except ModelError as error:
            raise BackendMissingError(f"{error}; start it, or set server to another's address") from None
        if not ready:
            raise BackendMissingError(f"the server at {self.address} is not ready; wait until it has started")

    def describe(self, name: str) -> Described:
        """Ask what the server's network is. Raises ModelError when there is none of this name."""
        with self._asking():
            found = self._client.get_model_metadata(name, client_timeout=PATIENCE)
        tensors = _tensors(found.inputs), _tensors(found.outputs)
        try:
            with self._asking():
                config = self._client.get_model_config(name, client_timeout=PATIENCE).config
        except ModelError as error:  # a server that is not Triton shows none
            logger.debug("labels and preprocessing of %s are not compared, because: %s", name, error)
            return Described(*tensors, {})
        parameters = {key: value.string_value for key, value in config.parameters.items()}
        keeps = config.HasField("sequence_batching")
        idle = config.sequence_batching.max_sequence_idle_microseconds or IDLE
        return Described(*tensors, parameters, idle / 1e6 if keeps else 0.0)

    def share(self, region: Region) -> None:
        """Let the server map the region. Raises ModelError when it cannot, because it is on another machine, say."""
        self.forget(region.name)
        try:
            with self._asking():
                self._client.register_system_shared_memory(
                    region.name, f"/{region.name}", region.bytes.size, client_timeout=PATIENCE
                )
        except ModelError:
            if not self._shares(region.name):
                raise

    def forget(self, name: str) -> bool:
        """Let the server unmap a region, if it has mapped it. Returns False when it still uses it."""
        try:
            with self._asking():
                self._client.unregister_system_shared_memory(name, client_timeout=PATIENCE)
        except ModelError:
            return not self._shares(name)
        return True

    def _shares(self, name: str) -> bool:
        """Return whether the server has mapped a region."""
        try:
            with self._asking():
                return name in self._client.get_system_shared_memory_status(client_timeout=PATIENCE).regions
        except ModelError:  # it is gone, or has no shared memory
            return False

    def forget_leftovers(self) -> None:
        """Remove the regions of processes of ours that have ended without doing so."""
        for path in leftovers():
            if self.forget(path.name):
                logger.info("%s is removed, which a process that has ended left over", path)
                path.unlink(missing_ok=True)

    def row(self, name: str, taken: Any, number: int, step: Step | None = None) -> NDArray[np.float32]:
        """Return a network's answer to an input.

        number: of the request, which the answer repeats. step: which it is, for a network that keeps a state.
        Raises ModelError for no answer, and for one that is nonsense.
        """
        outputs = [self._protocol.InferRequestedOutput(OUTPUT)]
        id, sequence = str(number), _sequence(step)
        with self._asking(f"the deadline, {self._deadline:g} s"):
            result = self._client.infer(
                name, [taken], outputs=outputs, request_id=id, client_timeout=self._deadline, **sequence
            )
        if result.get_response().id != id:
            raise ModelError(f"the server at {self.address} answers another request; see its log")
        try:
            row = result.as_numpy(OUTPUT)
        except Exception as error:  # what any bytes cause
            raise ModelError(f"the server at {self.address} gives an unreadable answer ({one_line(error)})") from None
        if row is None or row.dtype != np.float32 or row.ndim != 2 or len(row) != 1 or not np.isfinite(row).all():
            found = "nothing" if row is None else f"{'×'.join(map(str, row.shape))} {row.dtype}"
            raise ModelError(f"the server at {self.address} gives {found}, where finite numbers, 1×N, are expected")
        return np.asarray(row, np.float32)

    def end(self, name: str, taken: Any, number: int) -> None:
        """Let the server forget a sequence. taken: any input, because its answer is of no use. Raises ModelError."""
        with self._asking():
            self._client.infer(name, [taken], client_timeout=PATIENCE, **_sequence(Step(number, end=True)))

    def travelling(self, name: str, array: NDArray[Any]) -> Any:
        """Return an input that goes to the server."""
        taken = self._protocol.InferInput(name, list(array.shape), TYPES[array.dtype.name])
        taken.set_data_from_numpy(array)
        return taken

    def shared(self, name: str, array: NDArray[Any], place: Place) -> Any:
        """Return an input that lies in memory which the server has mapped."""
        taken = self._protocol.InferInput(name, list(array.shape), TYPES[array.dtype.name])
        taken.set_shared_memory(place.region.name, array.nbytes, place.offset)
        return taken

    def close(self) -> None:
        """End the connection, and what waits for an answer."""
        self._client.close()


def _sequence(step: Step | None) -> dict[str, Any]:
    """Return what a request says of its sequence."""
    if step is None:
        return {}
    return {"sequence_id": step.number, "sequence_start": step.start, "sequence_end": step.end}


def _tensors(found: Iterable[Any]) -> list[Tensor]:
    return [Tensor(str(one.name), str(one.datatype), tuple(map(int, one.shape))) for one in found]


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

    token = os.environ.get(TOKEN, "").strip()
    if not address.secure:
        if token:
            raise ConfigurationError(f"{TOKEN} is set, but {address} is not encrypted; use grpcs://, or unset it")
        return None
    encrypted = grpc.ssl_channel_credentials()
    if not token:
        return encrypted
    return grpc.composite_channel_credentials(encrypted, grpc.access_token_call_credentials(token))


def _reason(error: Any) -> str:
    """Return what Triton's client says of an error."""
    return one_line(error.message() or error.status() or "nothing")[:300]
