"""The kinds of network. Each says what a camera's Stream hands over at a time, and what is kept between two times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend
from har_ros.frames.window import Clip, FrameWindow
from har_ros.graphs.prepare import PreparedNetwork


@dataclass(frozen=True)
class Answer:
    """The probabilities (one per class) of the frames since `start`, a stamp in nanoseconds."""

    probabilities: NDArray[np.float32]
    start: int


Load = Callable[[PreparedNetwork], Backend]


class Memory(Protocol):
    """What a network keeps of one camera between two clips."""

    restarts: int  # of the window, as the newest clip had it

    @property
    def fill(self) -> int:
        """Number of frames that it remembers, at most `length`."""

    @property
    def length(self) -> int:
        """Number of frames on which an answer is based."""


class Network(Protocol):
    """A network of one kind, loaded."""

    @property
    def length(self) -> int:
        """Number of frames on which an answer is based."""

    @property
    def step(self) -> int:
        """Number of frames in a step, of which each is handed over once; 0: the newest clip is what counts."""

    @property
    def backend(self) -> Backend:
        """What runs it, or the part of it that costs most."""

    def new_window(self, height: int, width: int) -> FrameWindow:
        """Return what gathers a camera's frames for it."""

    def new_memory(self) -> Memory | None:
        """Return a camera's empty memory; None when the clip is all that the network needs."""

    def run(self, clips: Sequence[Clip], memories: Sequence[Memory | None]) -> list[Answer | None]:
        """Return an answer for each clip, None while its memory is still filling. Raises ModelError."""

    def close(self) -> None:
        """Free the network."""
