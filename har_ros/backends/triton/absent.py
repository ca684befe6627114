"""What serves while no server answers, and nothing else is to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.backends.backend import State
from har_ros.errors import ModelError


class Nothing:
    """The state that no server keeps."""

    kept = True

    def reset(self) -> None:
        """Change nothing."""


class Absent:
    """Stands for a server that is away; every window fails."""

    name = "nothing"
    max_batch = 1

    def new_state(self) -> State:
        """Return what has nothing."""
        return Nothing()

    def infer(self, inputs: Sequence[NDArray[Any]], states: Sequence[State] = ()) -> NDArray[np.float32]:
        """Raise ModelError."""
        raise ModelError("no server answers at present")

    def close(self) -> None:
        """Free nothing."""
