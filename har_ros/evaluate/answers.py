"""The answers of a network, kept in a file, so that an interrupted evaluation need not run it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har_ros.frames.window import Clip
from har_ros.networks.kind import Answer, Network


class Remembered:
    """A network without state that keeps its answers in a file, and first gives those of an interrupted run."""

    stateless = True

    def __init__(self, network: Network[Any], path: Path, classes: int) -> None:
        """Raises OSError. classes: the number of values in an answer."""
        self._network = network
        self.length, self.step, self.backend = network.length, network.step, network.backend
        self.new_memory, self.length_with, self.summary = network.new_memory, network.length_with, network.summary
        known = np.fromfile(path, np.float32) if path.is_file() else np.zeros(0, np.float32)
        self._known: NDArray[np.float32] = known[: len(known) // classes * classes].reshape(-1, classes)
        self._file = path.open("r+b" if path.is_file() else "w+b")
        self._file.truncate(self._known.nbytes)
        self._file.seek(0, 2)
        self._next = 0
        self.replayed = 0  # runs that were not necessary

    def run(self, clips: Sequence[Clip], memories: Sequence[Any]) -> list[Answer | None]:
        """Return what an earlier run left, as far as that goes, and then what the network answers."""
        rows = self._known[self._next : self._next + len(clips)]
        self._next += len(clips)
        if len(rows) == len(clips):
            self.replayed += 1
            return [Answer(row, clip.start) for row, clip in zip(rows, clips, strict=True)]
        try:
            answers = self._network.run(clips, memories)
        except Exception:
            self._keep([None] * (len(clips) - len(rows)))  # a run that fails has a place, too
            raise
        self._keep(answers[len(rows) :])
        return answers

    def _keep(self, answers: Sequence[Answer | None]) -> None:
        for answer in answers:
            row = answer.probabilities if answer else np.full(self._known.shape[1], np.nan)
            self._file.write(np.asarray(row, np.float32).tobytes())
        self._file.flush()

    def end(self) -> None:
        """Close the file; the network stays."""
        self._file.close()

    def close(self) -> None:
        """Do nothing: the network belongs to others."""
