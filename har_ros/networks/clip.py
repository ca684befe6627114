"""A network that takes a whole window of frames at a time and keeps no state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from har_ros.errors import counted
from har_ros.frames.sampling import StreamSettings
from har_ros.frames.spec import WindowSpec
from har_ros.frames.window import Clip, FrameWindow
from har_ros.graphs.prepare import PreparedNetwork
from har_ros.networks.kind import Answer, Load


class NewestFrames:
    """The window of one camera, which is the only memory."""

    continual = False
    gaps = 0

    def __init__(self, length: int, shape: Sequence[int], dtype: DTypeLike = np.uint8) -> None:
        self.window = FrameWindow(length, shape, dtype=dtype)
        self.length = length

    @property
    def fill(self) -> int:
        """Number of frames that it has, at most `length`."""
        return self.window.fill

    def configure(self, spec: WindowSpec, settings: StreamSettings) -> None:
        """Use these settings from now on."""
        self.window.stride = settings.stride


def memory_of(network: PreparedNetwork) -> NewestFrames:
    """Return a camera's empty memory, which a ClipNetwork of this network can use as its own."""
    length, *frame = network.shape
    return NewestFrames(length, frame)


class ClipNetwork:
    """Runs windows as they are."""

    step = 0
    stateless = True

    def __init__(self, networks: tuple[PreparedNetwork, ...], load: Load) -> None:
        (self._network,) = networks
        self.length = self._network.shape[0]
        self.backend = load(self._network)

    def new_memory(self) -> NewestFrames:
        """Return a camera's empty memory."""
        return memory_of(self._network)

    def run(self, clips: Sequence[Clip], memories: Sequence[NewestFrames]) -> list[Answer | None]:
        """Return an answer for each clip, None while its memory is still filling. Raises ModelError."""
        rows = self.backend.infer([clip.frames for clip in clips])
        return [Answer(row, clip.start) for row, clip in zip(rows, clips, strict=True)]

    def length_with(self, spec: WindowSpec, settings: StreamSettings) -> int:
        """Return on how many frames an answer is based with these settings. Raises ConfigurationError."""
        return self.length

    def summary(self, length: int) -> str:
        """Describe in words what it takes, for answers based on this many frames."""
        return f"windows of {counted(length, 'frame')}"

    def close(self) -> None:
        """Free the network."""
        self.backend.close()
