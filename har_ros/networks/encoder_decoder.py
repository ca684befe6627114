"""A network that encodes each frame once and reads a window of embeddings."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import HarError
from har_ros.frames.window import Clip, FrameWindow, repeats
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.kind import Answer, Load, Memory


class EncoderDecoder:
    """Encodes each frame once; the window holds embeddings, which the decoder reads."""

    step = 0

    def __init__(self, networks: tuple[PreparedNetwork, ...], load: Load) -> None:
        encoder, decoder = networks
        self.length = decoder.shape[0]
        self.backend = load(encoder)
        try:
            self._decoder = load(decoder)
        except HarError:
            self.backend.close()
            raise

    def new_window(self, height: int, width: int) -> FrameWindow:
        """See Network."""
        return FrameWindow(1, height, width)

    def new_memory(self) -> Embeddings:
        """See Network."""
        return Embeddings(self.length)

    def run(self, clips: Sequence[Clip], memories: Sequence[Memory | None]) -> list[Answer | None]:
        """See Network."""
        kept = [memory for memory in memories if isinstance(memory, Embeddings)]
        rows = self.backend.infer([clip.frames[0] for clip in clips])
        for memory, clip, embedding in zip(kept, clips, rows, strict=True):
            memory.append(embedding, clip)
        full = [memory for memory in kept if memory.fill == self.length]
        answers = iter(self._decoder.infer([memory.window() for memory in full]) if full else ())
        return [Answer(next(answers), memory.start) if memory in full else None for memory in kept]

    def close(self) -> None:
        """See Network."""
        self.backend.close()
        self._decoder.close()


class Embeddings:
    """The newest embeddings of one camera, one for each place of its window."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._rows: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=length)
        self._number = 0
        self.restarts = 0

    @property
    def fill(self) -> int:
        """See Memory."""
        return len(self._rows)

    @property
    def start(self) -> int:
        """Stamp of the oldest, in nanoseconds."""
        return self._rows[0][0]

    def append(self, embedding: NDArray[np.float32], clip: Clip) -> None:
        """Remember the embedding of the clip's frame; forget the others if the camera's window began anew.

        Places whose frames were not encoded, because the network was busy, are filled as FrameWindow.commit does.
        """
        if clip.restarts != self.restarts:
            self._rows.clear()
        places = min(clip.number - self._number, 2 * self.length) if self._rows else 1
        before = repeats(places)
        self._rows.extend([self._rows[-1]] * before if before else [])
        self._rows.extend([(clip.end, embedding)] * (places - before))
        self._number, self.restarts = clip.number, clip.restarts

    def window(self) -> NDArray[np.float32]:
        """Return them in order, T×D."""
        return np.stack([row for _, row in self._rows])
