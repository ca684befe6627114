"""How far windows are from those that a network was taught with: measured beside its answers.

A network that was taught holds the windows that it was taught with, and the limit beyond which a window is none of
them (graphs.rejection). What leads to its embedding runs a second time after it has answered, for one window in half a
window's length, as when it was taught, so that the share beyond the limit can be compared with that of clips that were
held out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from har_ros.backends.backend import BackendSettings
from har_ros.backends.load import load_backend
from har_ros.frames.window import Clip
from har_ros.graphs.cut import LOGITS
from har_ros.graphs.onnx_file import load_onnx
from har_ros.graphs.rejection import NEVER, Rejection
from har_ros.learning.embed import embedding_network, hop_of
from har_ros.learning.windows import Spaced
from har_ros.models.card import ModelCard
from har_ros.models.locate import Model
from har_ros.networks.kind import Network
from har_ros.networks.kinds import KINDS


class Likeness:
    """A taught network's embedding, and what it was taught with: measures windows (a Measure). Close it."""

    def __init__(self, model: Model[ModelCard], rejection: Rejection, frames: int, settings: BackendSettings) -> None:
        """frames: of a window, 0 as the card says. Raises HarError."""
        if settings.backend == "triton":  # where the network without its last layer is not exported to
            settings = replace(settings, backend="auto", server="")
        self._rejection = rejection
        prepared = embedding_network(model, frames)
        self._network = KINDS[model.card.kind]((prepared,), lambda one: load_backend(one, settings))
        self._hop = hop_of(self._network.length)
        self._spaced: WeakKeyDictionary[Any, Spaced] = WeakKeyDictionary()
        """Of each memory, which of its windows are measured."""

    def distance(self, clip: Clip, memory: Any) -> float | None:
        """Return how far a window is from the nearest taught one, as a multiple of the limit. Raises ModelError.

        None where less than half a window has passed since the last one of this memory that was measured.
        """
        if not self.takes(clip, memory):
            return None
        rows = [answer.probabilities for answer in self._network.run([clip], [memory]) if answer is not None]
        return float(self._rejection.distance(np.stack(rows))[0]) / self._rejection.limit

    def takes(self, clip: Clip, memory: Any) -> bool:
        """Say whether a window is one of those that are measured. Each is asked for once, in order."""
        return self._spaced.setdefault(memory, Spaced(self._hop)).takes(clip)

    def close(self) -> None:
        """Free the network."""
        self._network.close()


def open_likeness(
    model: Model[ModelCard], network: Network[Any], frames: int, settings: BackendSettings
) -> Likeness | None:
    """Return what measures the distance from what a network was taught; None where it knows of no limit.

    network: the loaded one; a continual network has embeddings of a few frames, and no limit. Raises HarError.
    """
    file = model.card.network
    if not network.stateless or file is None or file.embedding is None or file.output != LOGITS:
        return None
    rejection = Rejection.of(load_onnx(model.path(file.file)))
    return Likeness(model, rejection, frames, settings) if rejection and rejection.limit < NEVER else None
