"""How far windows are from those that a network was taught with: measured beside its answers.

A network that was taught holds the windows that it was taught with, and the limit beyond which a window is none of
them (graphs.rejection). What leads to its embedding runs a second time, for one window in half a window's length, as
when it was taught, so that the share beyond the limit can be compared with that of clips that were held out.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from har_ros.models.card import ModelCard
from har_ros.models.locate import Model
from har_ros.networks.kind import Answer, Network
from har_ros.networks.kinds import KINDS


class Likeness:
    """A taught network's embedding, and what it was taught with. Close it."""

    def __init__(self, model: Model[ModelCard], rejection: Rejection, frames: int, settings: BackendSettings) -> None:
        """frames: of a window, 0 as the card says. Raises HarError."""
        self._rejection = rejection
        prepared = embedding_network(model, frames)
        self._network = KINDS[model.card.kind]((prepared,), lambda one: load_backend(one, settings))
        self.hop = hop_of(self._network.length)

    def distances(self, clips: Sequence[Clip], memories: Sequence[Any]) -> list[float]:
        """Return how far each window is from the nearest taught one, as a multiple of the limit. Raises ModelError."""
        rows = [answer.probabilities for answer in self._network.run(clips, memories) if answer is not None]
        return [float(one) / self._rejection.limit for one in self._rejection.distance(np.stack(rows))]

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


class Compared:
    """A network whose answers say how far their windows are from what was taught: see Answer.distance."""

    stateless = True

    def __init__(self, network: Network[Any], likeness: Likeness) -> None:
        self._network = network
        self._likeness = likeness
        self.length, self.step, self.backend = network.length, network.step, network.backend
        self.new_memory, self.length_with, self.summary = network.new_memory, network.length_with, network.summary
        self._next: WeakKeyDictionary[Any, tuple[int, int]] = WeakKeyDictionary()
        """Of each memory: restarts, and the number of the next window that is compared."""

    def run(self, clips: Sequence[Clip], memories: Sequence[Any]) -> list[Answer | None]:
        """Return the network's answers, some with their distance. Raises ModelError."""
        answers = self._network.run(clips, memories)
        return [self._compared(*one) for one in zip(answers, clips, memories, strict=True)]

    def _compared(self, answer: Answer | None, clip: Clip, memory: Any) -> Answer | None:
        restarts, number = self._next.get(memory, (clip.restarts, clip.number))
        if answer is None or (clip.restarts == restarts and clip.number < number):
            return answer
        self._next[memory] = clip.restarts, clip.number + self._likeness.hop
        [distance] = self._likeness.distances([clip], [memory])
        return Answer(answer.probabilities, answer.start, answer.until, distance)

    def close(self) -> None:
        """Do nothing: the network belongs to others."""
