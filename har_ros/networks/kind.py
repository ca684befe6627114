"""The interface of a kind of network. Each kind is a module here; kinds.py names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import Backend
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.spec import WindowSpec
from har_ros.frames.window import Clip, Window
from har_ros.graphs.prepare import PreparedNetwork


@dataclass(frozen=True)
class Answer:
    """The probabilities (one per class) of the frames from `start` to `until`, stamps in nanoseconds.

    until: None for the newest frame; a network that needs later frames for an answer speaks of earlier ones.
    """

    probabilities: NDArray[np.float32]
    start: int
    until: int | None = None


Load = Callable[[PreparedNetwork], Backend]


class Memory(Protocol):
    """What a network remembers of one camera: the window that its frames enter, and the state after earlier ones."""

    @property
    def window(self) -> Window:
        """What gathers the camera's frames."""

    @property
    def continual(self) -> bool:
        """Whether every frame counts, so that images of another size begin another scene."""

    @property
    def gaps(self) -> int:
        """How often it began again because the network was busy for too long."""

    @property
    def fill(self) -> int:
        """Number of frames that it has, at most `length`."""

    @property
    def length(self) -> int:
        """Number of frames on which an answer is based."""

    def configure(self, spec: WindowSpec, settings: StreamSettings) -> None:
        """Use these settings from now on. Raises ConfigurationError, and changes nothing, when they do not fit."""


M = TypeVar("M", bound=Memory)


class Network(Protocol[M]):
    """A network of one kind, loaded."""

    @property
    def stateless(self) -> bool:
        """Whether an answer depends on its clip alone."""

    @property
    def length(self) -> int:
        """Number of frames on which an answer is based, as the card has it."""

    @property
    def step(self) -> int:
        """Number of frames in a step, of which each is handed over once; 0: the newest clip is what counts."""

    @property
    def backend(self) -> Backend:
        """What runs it, or the part of it that costs most."""

    def new_memory(self) -> M:
        """Return a camera's empty memory."""

    def run(self, clips: Sequence[Clip], memories: Sequence[M]) -> list[Answer | None]:
        """Return an answer for each clip, None while its memory is still filling. Raises ModelError."""

    def length_with(self, spec: WindowSpec, settings: StreamSettings) -> int:
        """Return on how many frames an answer is based with these settings. Raises ConfigurationError."""

    def summary(self, length: int) -> str:
        """Describe in words what it takes, for answers based on this many frames."""

    def close(self) -> None:
        """Free the network."""
