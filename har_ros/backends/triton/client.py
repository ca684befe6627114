"""What is asked of one server, however it is reached."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.contract import Described
from har_ros.backends.triton.grpc_wire import GrpcWire
from har_ros.backends.triton.http_wire import HttpWire
from har_ros.backends.triton.late import LateCalls
from har_ros.backends.triton.sequence import Step
from har_ros.backends.triton.shared_memory import Region, leftovers
from har_ros.backends.triton.wire import Input, Limit, Wire, patience
from har_ros.errors import BackendMissingError, ModelError

logger = logging.getLogger(__name__)

WIRES: dict[str, type[Wire]] = {"grpc": GrpcWire, "http": HttpWire}
"""By the protocols of addresses."""


def check_libraries(places: Iterable[Address]) -> None:
    """Raise BackendMissingError where a library is missing that one of the servers needs."""
    for place in places:
        WIRES[place.protocol].check_library()


class Client:
    """Asks a server about its networks, and sends it windows."""

    def __init__(self, address: Address, deadline: float, late: LateCalls | None = None) -> None:
        """deadline: seconds that a window may take. late: the calls to this server that were given up.

        Raises BackendMissingError without the protocol's library, ConfigurationError for a token that would not be
        encrypted.
        """
        self.address = address
        self._deadline = Limit(deadline, "the deadline, ")
        self._wire = WIRES[address.protocol](address, LateCalls() if late is None else late)

    @property
    def way(self) -> str:
        """How windows travel, in words."""
        return self._wire.name

    def check_ready(self) -> None:
        """Raise BackendMissingError when no server answers, or one that is still starting."""
        try:
            ready = self._wire.ready()
        except ModelError as error:
            raise BackendMissingError(f"{error}; start it, or set server to another's address") from None
        if not ready:
            raise BackendMissingError(f"the server at {self.address} is not ready; wait until it has started")

    def describe(self, name: str) -> Described:
        """Ask what the server's network is. Raises ModelError when there is none of this name."""
        tensors = self._wire.tensors(name)
        try:
            return Described(*tensors, *self._wire.configuration(name))
        except ModelError as error:  # a server that is not Triton shows none
            logger.debug("labels and preprocessing of %s are not compared, because: %s", name, error)
            return Described(*tensors, {})

    def share(self, region: Region) -> None:
        """Let the server map the region. Raises ModelError when it cannot, because it is on another machine, say."""
        try:
            self._wire.register(region)
        except ModelError:
            if not self._shares(region.name):
                raise

    def forget(self, name: str) -> bool:
        """Let the server unmap a region, if it has mapped it. Returns False when it still uses it."""
        try:
            self._wire.unregister(name)
        except ModelError:
            return not self._shares(name)
        return True

    def _shares(self, name: str) -> bool:
        """Return whether the server has mapped a region."""
        try:
            return name in self._wire.regions()
        except ModelError:  # it is gone, or has no shared memory
            return False

    def forget_leftovers(self) -> None:
        """Remove the regions of processes of ours that have ended without doing so."""
        for path in leftovers():
            if self.forget(path.name):
                logger.info("%s is removed, which a process that has ended left over", path)
                path.unlink(missing_ok=True)

    def row(self, name: str, taken: Input, number: int, step: Step | None = None) -> NDArray[np.float32]:
        """Return a network's answer to an input.

        number: of the request, which the answer repeats. step: which it is, for a network that keeps a state.
        Raises ModelError for no answer, and for one that is nonsense.
        """
        id, row = self._wire.infer(name, taken, self._deadline, str(number), step)
        if id != str(number):
            raise ModelError(f"the server at {self.address} answers another request; see its log")
        if row is None or row.dtype != np.float32 or row.ndim != 2 or len(row) != 1 or not np.isfinite(row).all():
            found = "nothing" if row is None else f"{'×'.join(map(str, row.shape))} {row.dtype}"
            raise ModelError(f"the server at {self.address} gives {found}, where finite numbers, 1×N, are expected")
        return np.asarray(row, np.float32)

    def end(self, name: str, taken: Input, number: int) -> None:
        """Let the server forget a sequence. taken: any input, because its answer is of no use. Raises ModelError."""
        self._wire.infer(name, taken, patience(), step=Step(number, end=True))

    def close(self) -> None:
        """End the connection, at once or when what waits for an answer has it."""
        self._wire.close()
