"""How a client reaches its server: what a protocol has to do, in words that all have in common."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from har_ros.backends.triton.address import Address
from har_ros.backends.triton.contract import Tensor
from har_ros.backends.triton.sequence import Step
from har_ros.backends.triton.shared_memory import Place, Region
from har_ros.errors import BackendMissingError, ConfigurationError

if TYPE_CHECKING:
    from har_ros.backends.triton.late import LateCalls

TOKEN = "ACTIONNET_SERVER_TOKEN"
"""The environment variable with the token that a server asks for."""
LARGEST_ANSWER = 64 * 2**20
"""Bytes; a pose network's for 640×640 pixels has 9 MB."""
PATIENCE = 1.0
"""Seconds that a question about the server or a network may take."""
IDLE = 1e6
"""Microseconds that Triton keeps a sequence without a step where its configuration does not say."""


class UnansweredError(BackendMissingError):
    """The server is gone, overloaded or too slow."""


@dataclass(frozen=True)
class Limit:
    """How long an answer may take. what: is said before the seconds."""

    seconds: float
    what: str = ""

    def __str__(self) -> str:
        return f"{self.what}{self.seconds:g} s"


def patience() -> Limit:
    """Return how long a question may take."""
    return Limit(PATIENCE)


@dataclass(frozen=True)
class Input:
    """A network's input, with the batch. place: where the server has mapped it; None: it travels."""

    name: str
    array: NDArray[Any]
    place: Place | None = None


class Wire(Protocol):
    """A way to one server, which threads share.

    Everything here raises UnansweredError when the server is gone, overloaded or too slow, and ModelError when it
    refuses, or answers what is unreadable. An answer has LARGEST_ANSWER bytes at most.
    """

    name: str
    """How windows travel, in words."""

    def __init__(self, address: Address, late: LateCalls) -> None:
        """late: gets the calls that are given up and not cancelled.

        Raises BackendMissingError without the protocol's library, ConfigurationError for a token in the clear.
        """

    @staticmethod
    def check_library() -> None:
        """Raise BackendMissingError without the protocol's library."""

    def ready(self) -> bool:
        """Return whether the server has started."""

    def tensors(self, network: str) -> tuple[list[Tensor], list[Tensor]]:
        """Return a network's inputs and outputs."""

    def configuration(self, network: str) -> tuple[Mapping[str, str], float]:
        """Return a network's parameters, and the seconds that it keeps a state without a step; 0: it keeps none."""

    def register(self, region: Region) -> None:
        """Let the server map a region."""

    def unregister(self, region: str) -> None:
        """Let the server unmap a region."""

    def regions(self) -> Collection[str]:
        """Return the names of the regions that the server has mapped."""

    def infer(
        self, network: str, taken: Input, limit: Limit, id: str = "", step: Step | None = None
    ) -> tuple[Any, NDArray[Any] | None]:
        """Return the id that the answer repeats, and the network's output in it, if it is there."""

    def close(self) -> None:
        """End the connection, at once or when what waits for an answer has it."""


def token(address: Address) -> str:
    """Return what shows the server who asks; empty: nothing does.

    Raises ConfigurationError for one that would not be encrypted, or that no header can have.
    """
    found = os.environ.get(TOKEN, "").strip()
    if found and not address.secure:
        raise ConfigurationError(
            f"{TOKEN} is set, but {address} is not encrypted; use {address.protocol}s://, or unset it"
        )
    if not (found.isascii() and found.isprintable()):
        raise ConfigurationError(f"{TOKEN} has characters that no bearer token has; set it again, or unset it")
    return found


def tensor(name: Any, type: Any, shape: Iterable[Any]) -> Tensor:
    """Return an input or output as a server describes it. Raises ValueError or TypeError where it does not."""
    return Tensor(str(name), str(type), tuple(map(int, shape)))
