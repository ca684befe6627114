"""Two networks: an encoder takes each frame once, a decoder takes a window of the embeddings it gave."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from har_ros.errors import HarError, counted
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.spec import WindowSpec
from har_ros.frames.window import Clip, FrameWindow, repeats
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.kind import Answer, Load


class Embeddings:
    """The newest embeddings of one camera, one for each place of its window."""

    continual = False
    gaps = 0

    def __init__(self, length: int, shape: Sequence[int]) -> None:
        self.window = FrameWindow(1, shape)
        self.length = length
        self._rows: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=length)
        self._number = self._restarts = 0  # of the newest clip

    @property
    def fill(self) -> int:
        """Number of frames that it has, at most `length`."""
        return len(self._rows) if self._restarts == self.window.restarts else 0

    @property
    def full(self) -> bool:
        """Whether there is one for each place, as of the newest clip."""
        return len(self._rows) == self.length

    @property
    def start(self) -> int:
        """Stamp of the oldest, in nanoseconds."""
        return self._rows[0][0]

    def configure(self, spec: WindowSpec, settings: StreamSettings) -> None:
        """Use these settings from now on. Raises ConfigurationError, and changes nothing, when they do not fit."""

    def append(self, embedding: NDArray[np.float32], clip: Clip) -> None:
        """Remember the embedding of the clip's frame; forget the others if the camera's window began again.

        Places whose frames were not encoded, because the network was busy, are filled as FrameRing does.
        """
        if clip.restarts != self._restarts:
            self._rows.clear()
        places = min(clip.number - self._number, 2 * self.length) if self._rows else 1
        before = repeats(places)
        self._rows.extend([self._rows[-1]] * before if before else [])
        self._rows.extend([(clip.end, embedding)] * (places - before))
        self._number, self._restarts = clip.number, clip.restarts

    def stacked(self) -> NDArray[np.float32]:
        """Return them in order, T×D."""
        return np.stack([row for _, row in self._rows])


class EncoderDecoder:
    """Encodes each frame once; the window holds embeddings, which the decoder reads."""

    step = 0
    stateless = False

    def __init__(self, networks: tuple[PreparedNetwork, ...], load: Load) -> None:
        encoder, decoder = networks
        self.length = decoder.shape[0]
        self._frame = encoder.shape
        self.backend = load(encoder)
        try:
            self._decoder = load(decoder)
        except HarError:
            self.backend.close()
            raise

    def new_memory(self) -> Embeddings:
        """Return a camera's empty memory."""
        return Embeddings(self.length, self._frame)

    def run(self, clips: Sequence[Clip], memories: Sequence[Embeddings]) -> list[Answer | None]:
        """Return an answer for each clip, None while its memory is still filling. Raises ModelError."""
        rows = self.backend.infer([clip.frames[0] for clip in clips])
        for memory, clip, embedding in zip(memories, clips, rows, strict=True):
            memory.append(embedding, clip)
        full = [memory for memory in memories if memory.full]
        answers = iter(self._decoder.infer([memory.stacked() for memory in full]) if full else ())
        return [Answer(next(answers), memory.start) if memory.full else None for memory in memories]

    def length_with(self, spec: WindowSpec, settings: StreamSettings) -> int:
        """Return on how many frames an answer is based with these settings. Raises ConfigurationError."""
        return self.length

    def summary(self, length: int) -> str:
        """Describe in words what it takes, for answers based on this many frames."""
        return f"windows of {counted(length, 'frame')}"

    def close(self) -> None:
        """Free the network."""
        with ExitStack() as both:  # one that cannot be freed does not keep the other
            both.callback(self._decoder.close)
            both.callback(self.backend.close)
