"""The interface of a backend, and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from har_ros.settings import Device, Precision


@dataclass(frozen=True)
class BackendSettings:
    """What runs a network, and how.

    backend: one of BACKENDS, or "auto". precision: of the arithmetic; "auto" is what is fastest on this machine.
    device: OpenVINO's. threads: of the processor that OpenVINO uses, 0 for as many as it may use. max_batch:
    how many windows TensorRT runs at once, at most. cpu_while_building: let OpenVINO serve while TensorRT builds an
    engine. server: addresses for Triton, with commas between them. in_flight: how many requests wait for its answer
    at a time, at most. deadline: seconds until one is given up. fallback: the backend that serves while no server
    answers, or "none". transport: of windows to it, "raw" or "jpeg".
    """

    backend: str = "auto"
    precision: Precision = "auto"
    device: Device = "CPU"
    threads: int = 0
    max_batch: int = 4
    cpu_while_building: bool = False
    server: str = ""
    in_flight: int = 2
    deadline: float = 2.0
    fallback: str = "none"
    transport: str = "raw"


class State(Protocol):
    """What a network keeps of one stream, where its backend computes; zeros at first."""

    @property
    def kept(self) -> bool:
        """Whether it is still there. If it is not, its stream begins again, by `reset`, before the next step."""

    def reset(self) -> None:
        """Make it zeros again."""


class Backend(Protocol):
    """A loaded network. Use it from one thread at a time."""

    @property
    def name(self) -> str:
        """What runs it, in words: "OpenVINO on CPU, bf16". Its precision comes last."""

    @property
    def max_batch(self) -> int:
        """How many inputs it runs at once."""

    def new_state(self) -> State:
        """Return another stream's state, for a network that keeps some."""

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """Return one row of outputs for each input, which has the network's shape and type. Raises ModelError.

        The inputs are C-contiguous; there may be any number of them.
        states: one for each input of a network that has some; after an error they are of no use until `reset`.
        """

    def close(self) -> None:
        """Free what the network holds."""
