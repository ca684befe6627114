"""What runs a network. A backend is a module here with `load`; the dict says which there are."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import ConfigurationError

BACKENDS = {"openvino": "har_ros.backends.openvino"}
"""Name → module, imported only when used; `auto` takes the first."""

Precision = Literal["auto", "f32"]


class Backend(Protocol):
    """A loaded network."""

    def infer(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the outputs (N×classes) for clips (uint8, N×T×H×W×3, C-contiguous, RGB). Raises ModelError."""

    def close(self) -> None:
        """Free what the network holds."""


def load_backend(name: str, network: Path, clip_shape: tuple[int, int, int, int], precision: Precision) -> Backend:
    """Load `network` for clips of shape T×H×W×3. `name`: a key of BACKENDS, or "auto".

    precision: "auto" lets the backend choose what is fastest on this machine. Raises HarError.
    """
    if name != "auto" and name not in BACKENDS:
        raise ConfigurationError(f"backend {name!r} is unknown; use auto or one of {', '.join(BACKENDS)}")
    module = importlib.import_module(BACKENDS[next(iter(BACKENDS)) if name == "auto" else name])
    backend: Backend = module.load(network, clip_shape, precision)
    return backend
